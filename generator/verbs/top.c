/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl top: instances and what they use, again and again. */

#include <stdlib.h>
#include <time.h>

#include "change/amount.h"
#include "ctl/target.h"
#include "model/facts.h"
#include "terminal/table.h"
#include "terminal/terminal.h"
#include "verbs/verbs.h"

enum { TURN_MS = 1000 };

enum order { BY_CPU, BY_MEMORY, BY_SESSIONS, BY_REQUESTS, BY_NAME };

static const struct {
        char key;
        const char *name;
} orders[] = {
        [BY_CPU] = { 'c', "CPU" },           [BY_MEMORY] = { 'm', "memory" },
        [BY_SESSIONS] = { 's', "sessions" }, [BY_REQUESTS] = { 'r', "requests" },
        [BY_NAME] = { 'n', "name" },
};

/* Tenths: of a percent of one processor, of a request a second. Also FACT_NOT_KNOWN. */
struct row {
        const struct fact_place *place;
        const struct fact_unit *unit;
        uint64_t cpu, requests;
        uint64_t rank; /* the value to sort by */
        size_t at;
};

/* One sample, in memory of its own, because there may be many. */
struct look {
        struct ctl ctl;
        struct facts facts;
        VEC(struct row) rows;
};

static uint64_t rate(uint64_t now, uint64_t before, uint64_t usec) {
        if (now == FACT_NOT_KNOWN || before == FACT_NOT_KNOWN || usec == 0)
                return FACT_NOT_KNOWN;

        /* HAProxy counts from 0 when it reloads. */
        return (now >= before ? now - before : now) * 10000000 / usec;
}

static void add_row(struct look *l, const struct fact_place *place) {
        const struct fact_unit *u = place->unit;
        const struct facts *before = l->facts.before;
        const struct fact_sample *old = before ? facts_find_sample(before, u->name) : NULL;
        struct row *row = vec_push(&l->ctl.arena, &l->rows);
        uint64_t usec = before ? l->facts.taken_at - before->taken_at : 0;

        *row = (struct row){ .place = place, .unit = u, .cpu = FACT_NOT_KNOWN, .requests = FACT_NOT_KNOWN };
        if (!old)
                return;

        row->cpu = rate(u->cpu, old->cpu, usec);
        if (row->cpu != FACT_NOT_KNOWN)
                row->cpu /= 10000; /* microseconds a second: a millionth is a ten-thousandth of a percent */
        row->requests = rate(u->server.n_requests, old->n_requests, usec);
}

static int look_open(struct look *l, const struct ctl *c, const struct targets *targets,
                     const struct look *before) {
        int r;

        *l = (struct look){ .ctl = *c };
        l->ctl.arena = (struct arena){ 0 };
        l->facts = (struct facts){ .c = &l->ctl,
                                   .about = FACTS_USE | FACTS_BALANCER | FACTS_REASONS,
                                   .targets = targets,
                                   .before = before ? &before->facts : NULL };
        r = facts_open(&l->facts);
        if (r != 0)
                return r;

        VEC_EACH(place, &l->facts.all)
                if (fact_is_kept(place->part) && facts_is_meant(&l->facts, place) &&
                    fact_is_running(place->unit))
                        add_row(l, place);
        return 0;
}

static void look_close(struct look *l) {
        facts_close(&l->facts);
        arena_done(&l->ctl.arena);
        *l = (struct look){ 0 };
}

/* The largest first, what is not known last; equal ones as they were. */
static int compare(const void *left, const void *right) {
        const struct row *a = left, *b = right;

        if (a->rank != b->rank)
                return a->rank > b->rank ? -1 : 1;

        return a->at < b->at ? -1 : a->at > b->at;
}

static void sort(struct look *l, enum order order) {
        for (size_t i = 0; i < l->rows.n; i++) {
                struct row *row = &l->rows.at[i];
                uint64_t by[] = { row->cpu, row->unit->memory, row->unit->server.n_sessions, row->requests,
                                  0 };

                row->at = i;
                row->rank = by[order] == FACT_NOT_KNOWN ? 0 : by[order];
        }
        if (l->rows.n > 1)
                qsort(l->rows.at, l->rows.n, sizeof(struct row), compare);
}

static struct str tenths(struct arena *a, uint64_t n) {
        if (n == FACT_NOT_KNOWN)
                return (struct str){ 0 };

        return arena_join(a, arena_u64(a, n / 10), STR("."), arena_u64(a, n % 10));
}

static int make_table(struct look *l, struct table **ret) {
        static const struct table_column columns[] = {
                { "INSTANCE", "name", 0 },
                { "STATE", "state", 0 },
                { "CPU%", "cpu_percent", TABLE_RIGHT | TABLE_NUMBER },
                { "MEM", "memory_bytes", TABLE_RIGHT | TABLE_NUMBER },
                { "SESS", "sessions", TABLE_RIGHT | TABLE_NUMBER },
                { "REQ/S", "requests_per_second", TABLE_RIGHT | TABLE_NUMBER },
                { "PROXY", "proxy", TABLE_CUT },
                { "APP", "app", TABLE_JSON_ONLY },
                { "PART", "part", TABLE_JSON_ONLY },
                { "UNIT", "unit", TABLE_JSON_ONLY },
        };
        struct arena *a = &l->ctl.arena;
        int r = table_new(&l->ctl, "instances", columns, ARRAY_SIZE(columns), ret);

        VEC_EACH(row, &l->rows) {
                const struct fact_unit *u = row->unit;
                const struct str cells[] = {
                        (struct str){ u->name.p, u->name.n - strlen(".service") },
                        str_of(fact_state_name(u->state)),
                        tenths(a, row->cpu),
                        l->ctl.is_json ? amount_count(a, u->memory) : amount_bytes(a, u->memory),
                        amount_count(a, u->server.n_sessions),
                        tenths(a, row->requests),
                        u->server.text,
                        row->place->app->name,
                        row->place->part->name,
                        u->name,
                };

                if (r == 0)
                        r = table_add(*ret, cells);
        }

        return r;
}

static struct str heading(struct look *l, enum order order) {
        struct arena *a = &l->ctl.arena;
        uint64_t n_ready = 0;

        VEC_EACH(row, &l->rows)
                n_ready += row->unit->state == FACT_READY;
        return arena_join(a, arena_u64(a, l->rows.n), STR(" running, "), arena_u64(a, n_ready),
                          STR(" ready; by "), str_of(orders[order].name),
                          STR(" (keys: c m s r n; q ends)\n\n"));
}

/* A line for each part that is not ready; "" for none. An instance that does not run has no row. */
static struct str reasons_text(struct look *l) {
        struct arena *a = &l->ctl.arena;
        struct str text = STR("");

        VEC_EACH(app, &l->facts.apps)
                VEC_EACH(reason, &app->reasons.list)
                        text = arena_join(a, text, app->name, STR(": "), reason_line(a, reason), STR("\n"));
        return text.n > 0 ? arena_join(a, text, STR("\n")) : text;
}

static int draw(struct look *l, enum order order) {
        CLEANUP(table_free) struct table *t = NULL;
        struct str text = STR("");
        int r;

        sort(l, order);
        r = make_table(l, &t);
        if (r == 0 && l->rows.n > 0)
                r = table_text(&l->ctl, t, &text);
        if (r < 0)
                return ctl_fail("cannot make the table", r);

        terminal_draw(arena_join(&l->ctl.arena, heading(l, order), reasons_text(l), text));
        return 0;
}

/* False if it is to end. */
static bool take_key(int key, enum order *order) {
        for (size_t i = 0; i < ARRAY_SIZE(orders); i++)
                if (key == orders[i].key)
                        *order = (enum order) i;

        return key != 'q' && key != TERMINAL_END;
}

/* Until the turn is over or the program is to end. Returns 0, 1 for the end, or an exit status. */
static int wait_turn(struct look *l, enum order *order, bool *ret_end) {
        uint64_t end = bus_now() + TURN_MS * 1000, now;
        int r = 0;

        while (r == 0 && !*ret_end && (now = bus_now()) < end) {
                int key = terminal_wait((int) ((end - now) / 1000) + 1);

                *ret_end = !take_key(key, order);
                if (!*ret_end && key != TERMINAL_NOTHING)
                        r = draw(l, *order);
        }

        return r;
}

static int show_live(struct ctl *c, const struct targets *targets, struct look *looks) {
        enum order order = BY_CPU;
        bool is_end = false;
        size_t i = 0;
        int r = look_open(&looks[0], c, targets, NULL);

        if (r != 0)
                return r;
        r = terminal_enter();
        if (r < 0)
                return ctl_fail("the terminal", r);

        while (r == 0 && !is_end) {
                r = draw(&looks[i], order);
                if (r == 0)
                        r = wait_turn(&looks[i], &order, &is_end);
                if (r != 0 || is_end)
                        break;
                look_close(&looks[1 - i]);
                r = look_open(&looks[1 - i], c, targets, &looks[i]);
                i = 1 - i;
        }

        terminal_leave();
        facts_tell_hidden(&looks[i].facts);
        return r;
}

/* Rates need two samples. */
static int show_once(struct ctl *c, const struct targets *targets, struct look *looks) {
        CLEANUP(table_free) struct table *t = NULL;
        int r = look_open(&looks[0], c, targets, NULL);

        if (r != 0)
                return r;
        (void) nanosleep(&(struct timespec){ .tv_sec = 1 }, NULL);
        r = look_open(&looks[1], c, targets, &looks[0]);
        if (r != 0)
                return r;

        sort(&looks[1], BY_CPU);
        r = make_table(&looks[1], &t);
        if (r == 0 && !c->is_json)
                r = ctl_write(stdout, reasons_text(&looks[1]));
        if (r == 0)
                r = table_print(&looks[1].ctl, t);
        else if (r < 0)
                r = ctl_fail("cannot make the table", r);
        facts_tell_hidden(&looks[1].facts);
        return r;
}

int ctl_top(struct ctl *c) {
        struct targets targets = { 0 };
        struct look looks[2] = { 0 };
        int r = c->argc > 0 ? targets_parse(c, &targets) : 0;

        if (r != 0)
                return r;

        r = c->is_json || !terminal_is_there() ? show_once(c, &targets, looks)
                                               : show_live(c, &targets, looks);
        look_close(&looks[0]);
        look_close(&looks[1]);
        return r;
}
