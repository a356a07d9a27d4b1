/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl ps: instances and sidecars, one line each. */

#include "base/clock.h"
#include "change/amount.h"
#include "ctl/target.h"
#include "model/facts.h"
#include "terminal/table.h"
#include "verbs/verbs.h"

/* Programs get whole numbers and whole times. */
static void put_amounts(struct ctl *c, const struct fact_unit *u, struct str *cells) {
        struct arena *a = &c->arena;
        bool has_since = u->detail.since > 0;

        cells[0] = c->is_json ? amount_count(a, u->memory) : amount_bytes(a, u->memory);
        cells[1] = c->is_json ? amount_count(a, u->cpu) : amount_cpu(a, u->cpu);
        cells[2] = u->detail.n_restarts > 0 || c->is_json ? arena_u64(a, u->detail.n_restarts)
                                                          : (struct str){ 0 };
        cells[3] =
                c->is_json && has_since ? clock_utc(a, u->detail.since) : amount_distance(a, u->detail.since);
}

static int add_unit(const struct facts *f, struct table *t, const struct fact_place *place) {
        const struct fact_part *part = place->part;
        const struct fact_unit *u = place->unit;
        struct arena *a = &f->c->arena;
        struct str cells[] = {
                (struct str){ u->name.p, u->name.n - strlen(".service") },
                str_of(fact_state_name(u->state)),
                u->port > 0 ? arena_u64(a, u->port) : (struct str){ 0 },
                u->revision,
                { 0 },
                { 0 },
                { 0 },
                { 0 },
                u->server.text,
                amount_count(a, u->server.n_sessions),
                place->app->name,
                part->name,
                str_of(record_kind_name(part->kind)),
                u->name,
                u->health,
                u->label,
                u->is_declared ? STR("true") : STR("false"),
        };

        put_amounts(f->c, u, &cells[4]);
        return table_add(t, cells);
}

/* An instance that is neither declared nor running is not shown. */
static bool is_shown(const struct facts *f, const struct fact_place *place) {
        const struct fact_unit *u = place->unit;

        return fact_is_kept(place->part) && facts_is_meant(f, place) &&
               (u->is_declared || (u->state != FACT_STOPPED && u->state != FACT_UNKNOWN));
}

static int show(const struct facts *f) {
        static const struct table_column columns[] = {
                { "INSTANCE", "name", 0 },
                { "STATE", "state", 0 },
                { "PORT", "port", TABLE_RIGHT | TABLE_NUMBER },
                { "REVISION", "revision", 0 },
                { "MEM", "memory_bytes", TABLE_RIGHT | TABLE_NUMBER },
                { "CPU", "cpu_usec", TABLE_RIGHT | TABLE_NUMBER },
                { "RST", "restarts", TABLE_RIGHT | TABLE_NUMBER },
                { "SINCE", "since", TABLE_RIGHT },
                { "PROXY", "proxy", TABLE_CUT },
                { "SESS", "sessions", TABLE_RIGHT | TABLE_NUMBER },
                { "APP", "app", TABLE_JSON_ONLY },
                { "PART", "part", TABLE_JSON_ONLY },
                { "KIND", "kind", TABLE_JSON_ONLY },
                { "UNIT", "unit", TABLE_JSON_ONLY },
                { "HEALTH", "health", TABLE_JSON_ONLY },
                { "LABEL", "label", TABLE_JSON_ONLY },
                { "DECLARED", "declared", TABLE_JSON_ONLY | TABLE_NUMBER },
        };
        CLEANUP(table_free) struct table *t = NULL;
        int r = table_new(f->c, "instances", columns, ARRAY_SIZE(columns), &t);

        VEC_EACH(place, &f->all)
                if (r == 0 && is_shown(f, place))
                        r = add_unit(f, t, place);
        return r < 0 ? ctl_fail("cannot make the table", r) : table_print(f->c, t);
}

int ctl_ps(struct ctl *c) {
        CLEANUP(facts_close)
        struct facts f = { .c = c, .about = FACTS_EACH | FACTS_USE | FACTS_CONTAINERS | FACTS_BALANCER };
        struct targets targets = { 0 };
        int r = c->argc > 0 ? targets_parse(c, &targets) : 0;

        f.targets = &targets;
        if (r == 0)
                r = facts_open(&f);
        if (r == 0)
                r = show(&f);
        if (r == 0)
                facts_tell_hidden(&f);
        return r;
}
