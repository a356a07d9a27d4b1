/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/describe.h"
#include "rollout/parts.h"

/* Instances that systemd starts by itself, since they are upheld: until they are active. */

enum { TICK_MS = 500, BOOT_MS = 120000 };

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
               (is_once && str_is(u->active, "inactive") && u->invocation.n > 0 &&
                str_is(u->result, "success"));
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
                        r = wait_fail_late(ro, s->unit, &u, limit * 1000);
        } else if (r >= 0 && u.n_restarts > 0)
                /* Else systemd counts failed starts of an earlier revision as well. */
                (void) bus_reset_failed(ro->bus, unit);
        arena_done(&scratch);
        return r;
}

/* The instances of a service or a sidecar. */
static int look_at_all(struct rollout_run *ro, struct await *w, struct str unit, bool *all) {
        struct arena scratch = { 0 };
        struct str sidecar = arena_join(&scratch, unit, STR(".service"));
        struct bus_names upheld = { 0 };
        int r = bus_get_dependencies(ro->bus, &scratch, pick_target(&scratch, ro->app), "Upholds", &upheld);

        *all = true;
        for (size_t i = 0; i < upheld.list.n && r == RUN_ON; i++) {
                struct str name = upheld.list.at[i], once = arena_join(&scratch, unit, STR("-once"));
                uint64_t number;

                if (pick_number(name, unit, '@', &number) || str_eq(name, sidecar))
                        r = look(ro, w, name, false, all);
                else if (str_eq(name, arena_join(&scratch, once, STR(".target"))))
                        r = look(ro, w, sidecar, true, all);
                else if (str_has_prefix(name, once) && str_find(name, '@') == once.n &&
                         str_has_suffix(name, STR(".target"))) {
                        struct str text = { name.p + once.n + 1, name.n - once.n - 1 - strlen(".target") };

                        r = look(ro, w, arena_join(&scratch, unit, STR("@"), text, STR(".service")), true,
                                 all);
                }
        }
        arena_done(&scratch);
        return r;
}

int rollout_await(struct rollout_run *ro, struct str unit) {
        struct await w = { 0 };
        bool all;

        for (;;) {
                int r = look_at_all(ro, &w, unit, &all);

                if (r != RUN_ON || all)
                        return r;
                r = wait_tick(ro, TICK_MS);
                if (r != RUN_ON)
                        return r;
        }
}

/* For systemd a boot lasts until no job is left, those of a rollout too, and a task may take an hour.
 * Something else that keeps it from ending keeps rollouts back no longer than that. */
int rollout_await_boot(struct rollout_run *ro) {
        bool is_booting;

        for (uint64_t end = bus_now() + BOOT_MS * 1000; bus_now() < end;) {
                int r = bus_is_booting(ro->bus, &is_booting);

                if (r >= 0 && is_booting) {
                        show_phase(ro, STR("tasks"), STR("waiting for the end of the boot"));
                        r = wait_tick(ro, TICK_MS);
                }
                if (r != RUN_ON || !is_booting)
                        return r;
        }

        return RUN_ON;
}

/* It has not failed yet: it starts for the first time, or waits for that. */
static bool is_hopeful(const struct bus_unit *u) {
        return (str_is(u->active, "inactive") && u->has_job) ||
               (str_is(u->active, "activating") && u->n_restarts == 0);
}

static int look_for_first(struct rollout_run *ro, const struct plan_part *service, bool *ret_is_over) {
        struct arena scratch = { 0 };
        struct bus_names upheld = { 0 };
        bool any_active = false, any_hopeful = false;
        int r = bus_get_dependencies(ro->bus, &scratch, pick_target(&scratch, ro->app), "Upholds", &upheld);

        for (size_t i = 0; i < upheld.list.n && r >= 0; i++) {
                struct bus_unit u = { 0 };
                uint64_t number;

                if (!pick_number(upheld.list.at[i], service->unit, '@', &number))
                        continue;
                r = bus_get_unit(ro->bus, &scratch, upheld.list.at[i], &u);
                any_active |= is_good(&u, false);
                any_hopeful |= is_hopeful(&u);
        }
        arena_done(&scratch);
        *ret_is_over = any_active || !any_hopeful;
        return r < 0 ? r : RUN_ON;
}

int rollout_await_first(struct rollout_run *ro) {
        VEC_EACH(service, &ro->plan.services)
                for (;;) {
                        bool is_over;
                        int r = look_for_first(ro, service, &is_over);

                        if (r != RUN_ON)
                                return r;
                        if (is_over)
                                break;
                        r = wait_tick(ro, TICK_MS);
                        if (r != RUN_ON)
                                return r;
                }

        return RUN_ON;
}

void rollout_doubt(struct rollout_run *ro) {
        VEC_EACH(service, &ro->plan.services)
                *vec_push(ro->arena, &ro->untried) = service->unit;
}

int rollout_await_untried(struct rollout_run *ro) {
        VEC_EACH(unit, &ro->untried)
                VEC_EACH(service, &ro->plan.services) {
                        int r = str_eq(*unit, service->unit) ? rollout_await(ro, service->unit) : RUN_ON;

                        if (r != RUN_ON)
                                return r;
                }

        return RUN_ON;
}

/* systemd upholds them already. Units that an earlier attempt of the first start left running are
 * restarted. */
int rollout_await_early(struct rollout_run *ro) {
        struct bus_names early = { 0 };
        int r = RUN_ON;

        VEC_EACH(unit, &ro->plan.early)
                *vec_push(ro->arena, &early.list) = *unit;
        VEC_EACH(service, &ro->plan.services)
                if (r == RUN_ON && VEC_HAS(&early.list, service->unit))
                        r = rollout_restart(ro, service);
        if (r == RUN_ON && early.list.n > 0)
                r = rollout_sidecars(ro);

        VEC_EACH(unit, &ro->plan.early) {
                if (r != RUN_ON)
                        return r;
                show_phase(ro, STR("tasks"),
                           arena_join(ro->arena, STR("waiting for "), *unit, STR(" to be ready")));
                r = rollout_await(ro, *unit);
        }

        return r;
}
