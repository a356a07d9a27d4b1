/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/parts.h"

/* Instances that systemd starts by itself, since they are upheld: until they are active. */

enum { TICK_MS = 500 };

/* When each was first seen to start: systemd's own time is that of the last try. */
struct seen {
        struct str unit;
        uint64_t since;
};

struct await {
        VEC(struct seen) list;
};

static struct seen *find(struct rollout_run *ro, struct await *w, struct str unit) {
        struct seen *s;

        VEC_EACH(known, &w->list)
                if (str_eq(known->unit, unit))
                        return known;

        s = vec_push(ro->arena, &w->list);
        s->unit = arena_str(ro->arena, unit);
        return s;
}

/* In milliseconds; 0 for none. */
static uint64_t limit_of(const struct rollout_run *ro, const struct bus_unit *u) {
        if (ro->plan.ready_timeout > 0)
                return ro->plan.ready_timeout;

        return u->start_timeout == UINT64_MAX ? 0 : u->start_timeout / 1000;
}

/* Active, or (restart: no) it ran and ended well. */
static bool is_good(const struct bus_unit *u, bool is_once) {
        return str_is(u->active, "active") || str_is(u->active, "reloading") ||
                (is_once && str_is(u->active, "inactive") && u->invocation.n > 0 && str_is(u->result, "success"));
}

static int look(struct rollout_run *ro, struct await *w, struct str unit, bool is_once, bool *all) {
        struct arena scratch = { 0 };
        struct bus_unit u = { 0 };
        int r = bus_get_unit(ro->bus, &scratch, unit, &u);

        if (r >= 0 && !is_good(&u, is_once)) {
                struct seen *s = find(ro, w, unit);
                uint64_t now = bus_now(), limit = limit_of(ro, &u);

                *all = false;
                if (s->since == 0 && !str_is(u.active, "inactive"))
                        s->since = now;
                if (s->since > 0 && limit > 0 && now - s->since > limit * 1000)
                        r = wait_fail(ro, s->unit, (struct str) { 0 });
        }
        arena_done(&scratch);
        return r;
}

static int look_at_all(struct rollout_run *ro, struct await *w, const struct plan_part *service, bool *all) {
        struct arena scratch = { 0 };
        struct bus_names upheld = { 0 };
        int r = bus_get_dependencies(ro->bus, &scratch, pick_target(&scratch, ro->app), "Upholds", &upheld);

        *all = true;
        for (size_t i = 0; i < upheld.list.n && r == RUN_ON; i++) {
                struct str name = upheld.list.at[i], once = arena_join(&scratch, service->unit, STR("-once"));
                uint64_t number;

                if (pick_number(name, service->unit, '@', &number))
                        r = look(ro, w, name, false, all);
                else if (str_has_prefix(name, once) && str_find(name, '@') == once.n && str_has_suffix(name, STR(".target"))) {
                        struct str text = { name.p + once.n + 1, name.n - once.n - 1 - strlen(".target") };

                        r = look(ro, w, arena_join(&scratch, service->unit, STR("@"), text, STR(".service")), true, all);
                }
        }
        arena_done(&scratch);
        return r;
}

int rollout_await(struct rollout_run *ro, const struct plan_part *service) {
        struct await w = { 0 };
        bool all;

        for (;;) {
                int r = look_at_all(ro, &w, service, &all);

                if (r != RUN_ON || all)
                        return r;
                r = wait_tick(ro, TICK_MS);
                if (r != RUN_ON)
                        return r;
        }
}

int rollout_await_untried(struct rollout_run *ro) {
        VEC_EACH(unit, &ro->untried)
                VEC_EACH(service, &ro->plan.services) {
                        int r = str_eq(*unit, service->unit) ? rollout_await(ro, service) : RUN_ON;

                        if (r != RUN_ON)
                                return r;
                }

        return RUN_ON;
}
