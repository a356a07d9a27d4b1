/* SPDX-License-Identifier: Apache-2.0 */

/* Facts of systemd: one list of all units, then all queries of single units at once. */

#include <stdlib.h>

#include "model/facts-parts.h"

#define SERVICE_SUFFIX STR(".service")

static enum fact_state state_of(const struct fact_unit *u) {
        if (str_is_absent(u->active))
                return FACT_UNKNOWN;
        if (str_is(u->active, "active") || str_is(u->active, "reloading"))
                return FACT_READY;
        if (str_is(u->active, "inactive") && u->job.n > 0)
                return FACT_STARTING;
        if (str_is(u->active, "activating"))
                return bus_waits_for_restart(u->sub) ? FACT_RESTARTING : FACT_STARTING;
        if (str_is(u->active, "deactivating"))
                return FACT_STOPPING;

        return str_is(u->active, "failed") ? FACT_FAILED : FACT_STOPPED;
}

static struct fact_unit *add_unit(struct facts *f, struct fact_part *part, struct str name) {
        struct fact_unit *u = vec_push(&f->c->arena, &part->units);
        const struct bus_listed *listed = snapshot_find_unit(&f->now, name);

        *u = (struct fact_unit){ .name = name,
                                 .container = part->unit,
                                 .is_declared = part->is_declared,
                                 .is_kept = fact_is_kept(part),
                                 .server.n_sessions = FACT_NOT_KNOWN,
                                 .server.n_requests = FACT_NOT_KNOWN,
                                 .memory = FACT_NOT_KNOWN,
                                 .cpu = FACT_NOT_KNOWN };
        if (f->now.has_units) {
                u->active = listed ? listed->active : STR("inactive");
                u->sub = listed ? listed->sub : STR("dead");
        }
        u->job = listed ? listed->job : STR("");
        u->state = state_of(u);
        return u;
}

static void add_instance(struct facts *f, const struct fact_app *app, struct fact_part *part,
                         struct str number) {
        struct fact_unit *u =
                add_unit(f, part, arena_join(&f->c->arena, part->unit, STR("@"), number, SERVICE_SUFFIX));

        if (!str_to_u64(number, INSTANCES_MAX, &u->number))
                u->number = PORTS_NEXT;
        u->is_instance = true;
        u->is_declared = u->number < part->scale;
        u->container = arena_join(&f->c->arena, part->unit, STR("-"), number);
        u->port = ports_find(&f->ports, (struct name){ app->name, NOWHERE },
                             (struct name){ part->unit, NOWHERE }, (uint32_t) u->number);
}

static bool is_idle(const struct bus_listed *l) {
        return str_is(l->active, "inactive") && l->job.n == 0;
}

/* The spare, and instances that should no longer run. */
static void add_further(struct facts *f, const struct fact_app *app, struct fact_part *part) {
        struct str prefix = arena_join(&f->c->arena, part->unit, STR("@"));

        for (size_t i = snapshot_lower_bound(&f->now, prefix);
             i < f->now.units.list.n && str_has_prefix(f->now.units.list.at[i].name, prefix); i++) {
                const struct bus_listed *listed = &f->now.units.list.at[i];
                struct str number = str_from(listed->name, prefix.n);
                uint64_t n = 0;

                if (!str_has_suffix(number, SERVICE_SUFFIX) || is_idle(listed))
                        continue;
                number.n -= SERVICE_SUFFIX.n;
                if (str_is(number, "next") || (str_to_u64(number, INSTANCES_MAX, &n) && n >= part->scale))
                        add_instance(f, app, part, number);
        }
}

static int compare_units(const void *left, const void *right) {
        const struct fact_unit *a = left, *b = right;

        return a->number < b->number ? -1 : a->number > b->number;
}

static void find_units(struct facts *f, const struct fact_app *app, struct fact_part *part) {
        const struct bus_listed *timer = part->timer.n > 0 ? snapshot_find_unit(&f->now, part->timer) : NULL;

        part->is_timer_active = timer && str_is(timer->active, "active");
        if (part->kind != RECORD_SERVICE) {
                struct fact_unit *u = add_unit(f, part, arena_join(&f->c->arena, part->unit, SERVICE_SUFFIX));

                u->is_declared = part->is_declared && part->scale > 0;
                u->port = ports_find(&f->ports, (struct name){ app->name, NOWHERE },
                                     (struct name){ part->unit, NOWHERE }, 0);
                return;
        }

        for (uint64_t i = 0; i < part->scale; i++)
                add_instance(f, app, part, arena_u64(&f->c->arena, i));
        add_further(f, app, part);
        if (part->units.n > 1)
                qsort(part->units.at, part->units.n, sizeof(struct fact_unit), compare_units);
}

static void list_units(struct facts *f, struct fact_app *app, struct fact_part *part) {
        VEC_EACH(u, &part->units) {
                if ((u->state == FACT_STOPPED || u->state == FACT_UNKNOWN) && hold_find(&app->holds, u->name))
                        u->state = FACT_HELD;
                *vec_push(&f->c->arena, &f->all) = (struct fact_place){ app, part, u };
        }
}

struct questions {
        VEC(struct bus_question) list;
};

/* How its last run went matters once it is over. */
static unsigned choose_questions(const struct facts *f, const struct fact_unit *u, bool knows_cgroup) {
        unsigned about = fact_is_running(u) ? 0 : BUS_ABOUT_RUN;

        /* One that fails again and again is active in between. */
        if (u->is_kept && !f->before)
                about |= BUS_ABOUT_STATE | BUS_ABOUT_USE;
        if (u->state == FACT_RESTARTING)
                about |= BUS_ABOUT_SUB;
        if (f->about & FACTS_EACH)
                return about | BUS_ABOUT_STATE | BUS_ABOUT_USE | (u->is_kept ? 0 : BUS_ABOUT_RUN);
        if ((f->about & FACTS_USE) && fact_is_running(u) && !knows_cgroup)
                about |= BUS_ABOUT_USE;

        return about;
}

/* A cgroup stays as long as the unit runs. */
static void ask_unit(struct facts *f, struct questions *q, struct fact_unit *u) {
        const struct fact_sample *known = f->before ? facts_find_sample(f->before, u->name) : NULL;
        unsigned about = choose_questions(f, u, known);

        if (known)
                u->detail.cgroup = arena_str(&f->c->arena, known->cgroup);
        if (about != 0 && snapshot_find_unit(&f->now, u->name))
                *vec_push(&f->c->arena, &q->list) = (struct bus_question){ u->name, about, &u->detail };
}

static void ask_app(struct facts *f, struct fact_app *app, struct questions *q) {
        struct arena *a = &f->c->arena;
        struct str target = arena_join(a, app->name, STR(".target"));

        app->is_loaded = snapshot_find_unit(&f->now, target);
        if (app->is_loaded && (f->about & FACTS_TIMES))
                *vec_push(a, &q->list) =
                        (struct bus_question){ target, BUS_ABOUT_STATE | BUS_ABOUT_FILES, &app->target };
        VEC_EACH(part, &app->parts)
                if (part->is_timer_active && (f->about & FACTS_TIMES))
                        *vec_push(a, &q->list) =
                                (struct bus_question){ part->timer, BUS_ABOUT_TIMES, &part->times };
}

int facts_ask_systemd(struct facts *f) {
        struct questions questions = { 0 };
        int r = snapshot_take_units(&f->now);

        if (r < 0)
                return r;

        VEC_EACH(app, &f->apps)
                VEC_EACH(part, &app->parts) {
                        find_units(f, app, part);
                        list_units(f, app, part);
                }
        if (!f->now.bus)
                return 0;

        VEC_EACH(app, &f->apps)
                ask_app(f, app, &questions);
        VEC_EACH(place, &f->all)
                ask_unit(f, &questions, place->unit);
        return bus_ask(f->now.bus, &f->c->arena, questions.list.at, questions.list.n);
}
