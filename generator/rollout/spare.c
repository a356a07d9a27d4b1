/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/parts.h"

/* The spare, instance `next` of a service: it shows that the revision works before any instance is changed,
 * and then answers in place of the one that is restarted. Every step may be done again: a start of a running
 * unit does nothing, and a reload only repeats the commands to HAProxy. */

#define NEXT "-next"

struct spares {
        struct podman_containers containers;
        struct bus_names units;
        struct wait_jobs jobs;
};

static int has_active_instance(struct rollout_run *ro, const struct plan_part *service, bool *ret) {
        struct arena scratch = { 0 };
        struct bus_list units = { 0 };
        int r = bus_list_units(ro->bus, &scratch, arena_join(&scratch, service->unit, STR("@*.service")),
                               &units);

        *ret = false;
        VEC_EACH(u, &units.list) {
                uint64_t number;

                *ret |= pick_number(u->name, service->unit, '@', &number) &&
                        (str_is(u->active, "active") || str_is(u->active, "reloading"));
        }
        arena_done(&scratch);
        return r;
}

static bool is_spare(const struct podman_container *c) {
        return str_has_suffix(c->name, STR(NEXT));
}

static bool is_running(const struct bus_unit *u) {
        return !str_is(u->active, "inactive") && !str_is(u->active, "failed");
}

int rollout_has_spare(struct rollout_run *ro, const struct plan_part *service, bool *ret) {
        struct arena scratch = { 0 };
        struct bus_unit u = { 0 };
        int r = bus_get_unit(ro->bus, &scratch, pick_spare(&scratch, service->unit), &u);

        *ret = r >= 0 && (is_running(&u) || u.has_job);
        arena_done(&scratch);
        return r;
}

/* If the spare's unit does not run, its container may still be there: the unit was killed so that Podman did
 * not notice (SIGKILL of conmon), and systemd has nothing to stop. A start in its place fails, and the spare
 * has one start only. Podman may need two attempts: in the first it finds that the process is gone. */
static void remove_container(struct rollout_run *ro, struct str name) {
        struct str problem;

        if (podman_remove(ro->arena, name, &problem) < 0)
                (void) podman_remove(ro->arena, name, &problem);
}

/* One that runs another revision is left over from a rollout that was overtaken. It may be all that
 * answers just now, so it goes when the instances are back; if they don't come, nothing is lost that it
 * could keep. */
static int add_spare(struct rollout_run *ro, struct spares *s, const struct plan_part *service) {
        struct str unit = pick_spare(ro->arena, service->unit);
        const struct podman_container *c =
                podman_find(&s->containers, arena_join(ro->arena, service->unit, STR(NEXT)));
        bool is_stale = c && !str_eq(c->label, service->label);
        struct bus_unit u;
        uint64_t loaded = 0;
        int r = bus_get_unit(ro->bus, ro->arena, unit, &u);

        if (r >= 0)
                r = bus_get_load_time(ro->bus, &loaded);
        if (r >= 0 && c && !is_running(&u))
                remove_container(ro, c->name);
        if (r >= 0 && is_stale && is_running(&u))
                r = rollout_await(ro, service->unit);
        if (r != RUN_ON && r != RUN_FAILED)
                return r;

        /* Our start would join that of the other, and take its container for ours. */
        is_stale |= !c && pick_is_of_old_text(&u, loaded);

        *vec_push(ro->arena, &s->units.list) = unit;
        return wait_add(ro, &s->jobs, is_stale ? BUS_RESTART : BUS_START, unit);
}

static int start(struct rollout_run *ro, struct spares *s) {
        struct bus_names upheld;
        int r = rollout_list(ro, &s->containers, &upheld);

        if (r != RUN_ON)
                return r;

        VEC_EACH(service, &ro->plan.services) {
                struct instances stale;
                bool is_active;

                r = has_active_instance(ro, service, &is_active);
                if (r < 0)
                        return r;
                pick_stale(ro->arena, service, &s->containers, &upheld, &stale);
                if (!is_active)
                        *vec_push(ro->arena, &ro->untried) = service->unit;
                else if (service->has_spare && stale.numbers.n > 0)
                        r = add_spare(ro, s, service);
                if (r != RUN_ON)
                        return r;
        }

        return RUN_ON;
}

/* Into HAProxy. */
static int enter(struct rollout_run *ro, const struct spares *s) {
        struct wait_jobs jobs = { 0 };

        VEC_EACH(unit, &s->units.list) {
                int r = wait_add(ro, &jobs, BUS_RELOAD, *unit);

                if (r != RUN_ON)
                        return r;
        }

        return wait_for_jobs(ro, &jobs);
}

int rollout_spares(struct rollout_run *ro) {
        struct spares s = { 0 };
        int r;

        show_phase(ro, STR("spare"),
                   arena_join(ro->arena, STR("trying revision "), ro->revision, STR(" on a spare instance")));
        r = start(ro, &s);
        if (r != RUN_ON || s.units.list.n == 0)
                return r;

        ro->has_changed = true;
        r = wait_for_jobs(ro, &s.jobs);
        if (r == RUN_ON) {
                show_phase(ro, STR("watch"), STR("watching the spare instance"));
                r = wait_watch(ro, &s.units);
        }

        return r == RUN_ON ? enter(ro, &s) : r;
}

/* It drains first. Not before the instances have taken over; but an instance that does not start is no reason
 * to keep it. */
static int stop(struct rollout_run *ro, const struct plan_part *service, struct wait_jobs *jobs) {
        struct str unit = pick_spare(ro->arena, service->unit);
        bool is_there;
        int r = rollout_has_spare(ro, service, &is_there);

        if (r < 0 || !is_there)
                return r;

        r = rollout_await(ro, service->unit);
        return r == RUN_ON || r == RUN_FAILED ? wait_add(ro, jobs, BUS_STOP, unit) : r;
}

static int remove_rest(struct rollout_run *ro) {
        struct podman_containers containers;
        struct bus_names upheld;
        int r = rollout_list(ro, &containers, &upheld);

        if (r != RUN_ON)
                return r;

        VEC_EACH(c, &containers.list) {
                if (is_spare(c))
                        remove_container(ro, c->name);
        }

        return RUN_ON;
}

/* Also those of services that the plan no longer has, left over where something newer came in between. */
int rollout_stop_spares(struct rollout_run *ro) {
        struct podman_containers containers;
        struct wait_jobs jobs = { 0 };
        struct bus_names upheld;
        int r = rollout_list(ro, &containers, &upheld);

        for (size_t i = 0; i < ro->plan.services.n && r == RUN_ON; i++)
                r = stop(ro, &ro->plan.services.at[i], &jobs);
        if (r != RUN_ON)
                return r;

        VEC_EACH(c, &containers.list) {
                struct str unit = c->name;

                if (!is_spare(c))
                        continue;
                unit.n -= strlen(NEXT);
                r = wait_add(ro, &jobs, BUS_STOP, pick_spare(ro->arena, unit));
                if (r != RUN_ON)
                        return r;
        }

        if (jobs.list.n == 0)
                return RUN_ON;
        r = wait_for_end(ro, &jobs);
        return r == RUN_ON ? remove_rest(ro) : r;
}
