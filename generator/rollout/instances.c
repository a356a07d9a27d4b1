/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "rollout/parts.h"

/* A restart that is done again finds the container with the label of the plan, and does nothing. */

enum { TICK_MS = 500, PASSES_MAX = 3, PODMAN_TRIES = 5 };

/* Podman sometimes fails if a container disappears during a list. And a SIGTERM to this unit reaches it
 * too. */
static int ask_podman(struct rollout_run *ro, struct podman_containers *ret) {
        for (unsigned i = 1;; i++) {
                struct str problem = { 0 };
                int r = podman_list(ro->arena, ro->app, false, ret, &problem), q;

                if (r >= 0)
                        return RUN_ON;
                q = wait_tick(ro, TICK_MS);
                if (q != RUN_ON)
                        return q;
                if (r != -EIO || i == PODMAN_TRIES) {
                        show_phase(ro, ro->progress.phase,
                                   arena_join(ro->arena, STR("cannot query running containers: "), problem));
                        return r;
                }
        }
}

int rollout_list(struct rollout_run *ro, struct podman_containers *ret_containers,
                 struct bus_names *ret_upheld) {
        int r = ask_podman(ro, ret_containers);

        if (r != RUN_ON)
                return r;

        return bus_get_dependencies(ro->bus, ro->arena, pick_target(ro->arena, ro->app), "Upholds",
                                    ret_upheld);
}

/* pause: of the state, for the next batch. */
static int check_paused(struct rollout_run *ro) {
        struct state s;
        int r = state_now(ro, &s);

        return r < 0 ? r : s.is_paused ? RUN_PAUSED : RUN_ON;
}

static int try_batch(struct rollout_run *ro, const struct plan_part *service, const uint64_t *numbers,
                     size_t n) {
        struct wait_jobs jobs = { 0 };
        int r = RUN_ON;

        for (size_t i = 0; i < n && r == RUN_ON; i++)
                r = wait_add(ro, &jobs, BUS_RESTART, pick_instance(ro->arena, service->unit, numbers[i]));

        return r == RUN_ON ? wait_for_jobs(ro, &jobs) : r;
}

static int find_failed(struct rollout_run *ro, const struct plan_part *service, const uint64_t *numbers,
                       size_t n, struct instances *ret) {
        for (size_t i = 0; i < n; i++) {
                struct arena scratch = { 0 };
                struct bus_unit u = { 0 };
                int r = bus_get_unit(ro->bus, &scratch, pick_instance(&scratch, service->unit, numbers[i]),
                                     &u);

                if (r >= 0 && !str_is(u.active, "active"))
                        *vec_push(ro->arena, &ret->numbers) = numbers[i];
                arena_done(&scratch);
                if (r < 0)
                        return r;
        }

        return RUN_ON;
}

/* A second attempt for those whose start failed: one may have been killed, and after a SIGKILL of conmon
 * Podman itself needs two (it first fails to stop the old one). Meanwhile others answer. */
static int restart_batch(struct rollout_run *ro, const struct plan_part *service, const uint64_t *numbers,
                         size_t n) {
        struct instances failed = { 0 };
        int r = check_paused(ro);

        if (r == RUN_ON)
                r = try_batch(ro, service, numbers, n);
        if (r != RUN_FAILED)
                return r;

        r = find_failed(ro, service, numbers, n, &failed);
        return r == RUN_ON ? try_batch(ro, service, failed.numbers.at, failed.numbers.n) : r;
}

/* No spare has tried it: so the first ones have to stay before others follow. Those that end by themselves
 * (restart: no) are upheld by another target, and not watched. */
static int watch_batch(struct rollout_run *ro, const struct plan_part *service, const uint64_t *numbers,
                       size_t n) {
        struct bus_names upheld, units = { 0 };
        int r = bus_get_dependencies(ro->bus, ro->arena, pick_target(ro->arena, ro->app), "Upholds", &upheld);

        if (r < 0)
                return r;

        for (size_t i = 0; i < n; i++) {
                struct str unit = pick_instance(ro->arena, service->unit, numbers[i]);

                if (VEC_HAS(&upheld.list, unit))
                        *vec_push(ro->arena, &units.list) = unit;
        }

        return wait_watch(ro, &units);
}

static int restart_stale(struct rollout_run *ro, const struct plan_part *service,
                         const struct instances *stale, bool *is_first) {
        size_t n = stale->numbers.n, most = ro->plan.max_unavailable;

        ro->has_changed = true;
        for (size_t i = 0; i < n; i++)
                show_unit(ro, pick_instance(ro->arena, service->unit, stale->numbers.at[i]), STR("waiting"));

        for (size_t i = 0; i < n; i += most) {
                size_t batch = n - i < most ? n - i : most;
                int r = *is_first ? RUN_ON : wait_pause(ro, ro->plan.pause);

                if (r == RUN_ON)
                        r = restart_batch(ro, service, stale->numbers.at + i, batch);
                if (r == RUN_ON && *is_first && !service->has_spare)
                        r = watch_batch(ro, service, stale->numbers.at + i, batch);
                if (r != RUN_ON)
                        return r;
                *is_first = false;
        }

        return RUN_ON;
}

static int is_about_to_make_one(struct rollout_run *ro, const struct plan_part *service,
                                const struct podman_containers *containers, bool *ret) {
        struct arena scratch = { 0 };
        struct bus_list units = { 0 };
        uint64_t loaded = 0;
        int r = bus_list_units(ro->bus, &scratch, arena_join(&scratch, service->unit, STR("@*.service")),
                               &units);

        *ret = false;
        if (r >= 0)
                r = bus_get_load_time(ro->bus, &loaded);
        for (size_t i = 0; i < units.list.n && r >= 0; i++) {
                const struct bus_listed *listed = &units.list.at[i];
                struct bus_unit u = { 0 };
                uint64_t number;

                if (!pick_number(listed->name, service->unit, '@', &number) ||
                    !str_is(listed->active, "activating"))
                        continue;
                r = bus_get_unit(ro->bus, &scratch, listed->name, &u);
                *ret |= r >= 0 && pick_is_of_old_text(&u, loaded) &&
                        !podman_find(containers, arena_join(&scratch, service->unit, STR("-"),
                                                            arena_u64(&scratch, number)));
        }
        arena_done(&scratch);
        return r;
}

static bool is_sidecar_stale(struct rollout_run *ro, const struct plan_part *sidecar,
                             const struct podman_containers *containers, const struct bus_names *upheld) {
        const struct podman_container *c = podman_find(containers, sidecar->unit);

        return c && !str_eq(c->label, sidecar->label) &&
               (VEC_HAS(&upheld->list, arena_join(ro->arena, sidecar->unit, STR(".service"))) ||
                VEC_HAS(&upheld->list, arena_join(ro->arena, sidecar->unit, STR("-once.target"))));
}

int rollout_survey(struct rollout_run *ro, struct survey *ret) {
        struct podman_containers containers;
        struct bus_names upheld;
        struct survey s = { 0 };
        int r = rollout_list(ro, &containers, &upheld);

        if (r != RUN_ON)
                return r;

        for (size_t i = 0; i < ro->plan.services.n && r >= 0; i++) {
                const struct plan_part *service = &ro->plan.services.at[i];
                struct instances stale;
                bool is_coming = false, has_spare = false;

                pick_stale(ro->arena, service, &containers, &upheld, &stale);
                s.has_stale |= stale.numbers.n > 0;
                r = is_about_to_make_one(ro, service, &containers, &is_coming);
                /* Instances of an edit that was taken back, while the spare's start waits for an image. */
                if (r >= 0)
                        r = rollout_has_spare(ro, service, &has_spare);
                s.has_work |= is_coming || has_spare;
        }
        if (r < 0)
                return r;

        VEC_EACH(sidecar, &ro->plan.sidecars)
                s.has_work |= is_sidecar_stale(ro, sidecar, &containers, &upheld);
        VEC_EACH(c, &containers.list)
                s.has_work |= str_has_suffix(c->name, STR("-next"));
        s.has_work |= s.has_stale;
        *ret = s;
        return RUN_ON;
}

/* Queried again after a pass, for instances that the pass missed. */
int rollout_restart(struct rollout_run *ro, const struct plan_part *service) {
        bool is_first = true, is_coming;

        for (unsigned passes = 0; passes < PASSES_MAX;) {
                struct podman_containers containers;
                struct bus_names upheld;
                struct instances stale;
                int r = rollout_list(ro, &containers, &upheld);

                if (r == RUN_ON)
                        r = is_about_to_make_one(ro, service, &containers, &is_coming);
                if (r != RUN_ON)
                        return r;

                pick_stale(ro->arena, service, &containers, &upheld, &stale);
                if (stale.numbers.n == 0 && !is_coming)
                        return RUN_ON;
                passes += stale.numbers.n > 0;
                r = stale.numbers.n > 0 ? restart_stale(ro, service, &stale, &is_first)
                                        : wait_tick(ro, TICK_MS);
                if (r != RUN_ON)
                        return r;
        }

        return wait_fail(ro, pick_instance(ro->arena, service->unit, 0),
                         STR("its container has another revision than the generator recorded"));
}

int rollout_instances(struct rollout_run *ro) {
        show_phase(ro, STR("instances"),
                   arena_join(ro->arena, STR("restarting instances that run another revision than "),
                              ro->revision));
        VEC_EACH(service, &ro->plan.services) {
                int r = rollout_restart(ro, service);

                if (r != RUN_ON)
                        return r;
        }

        return RUN_ON;
}

int rollout_sidecars(struct rollout_run *ro) {
        struct podman_containers containers;
        struct bus_names upheld;
        int r = ro->plan.sidecars.n == 0 ? RUN_ON : rollout_list(ro, &containers, &upheld);

        VEC_EACH(sidecar, &ro->plan.sidecars) {
                struct str unit = arena_join(ro->arena, sidecar->unit, STR(".service"));
                struct wait_jobs jobs = { 0 };

                if (r != RUN_ON)
                        return r;
                if (!is_sidecar_stale(ro, sidecar, &containers, &upheld))
                        continue;

                show_phase(ro, STR("sidecars"), arena_join(ro->arena, STR("restarting "), unit));
                ro->has_changed = true;
                r = check_paused(ro);
                if (r == RUN_ON)
                        r = wait_add(ro, &jobs, BUS_RESTART, unit);
                if (r == RUN_ON)
                        r = wait_for_jobs(ro, &jobs);
        }

        return r;
}
