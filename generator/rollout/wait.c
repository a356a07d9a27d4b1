/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "rollout/describe.h"
#include "rollout/parts.h"
#include "state/hold.h"

/* systemd reports the end of a job; the rest (a newer revision, the end of a time limit, a lost signal) is
 * checked this often. */
enum { TICK_MS = 500 };

int wait_check_wanted(struct rollout_run *ro) {
        struct arena scratch = { 0 };
        struct wanted wanted = { 0 };
        int r = wanted_read(&scratch, ro->runtime, ro->app, &wanted);
        bool is_wanted =
                r >= 0 && wanted.is_alive && !wanted.is_stopped && str_eq(wanted.wanted, ro->revision);

        arena_done(&scratch);
        return r < 0 ? r : is_wanted ? RUN_ON : RUN_END;
}

int wait_tick(struct rollout_run *ro, uint64_t ms) {
        int r = bus_wait(ro->bus, ms);

        if (r == -ECANCELED) {
                ro->is_stopped = true;
                return RUN_END;
        }

        return r < 0 ? r : wait_check_wanted(ro);
}

int wait_pause(struct rollout_run *ro, uint64_t ms) {
        uint64_t end = bus_now() + ms * 1000;

        for (uint64_t now; (now = bus_now()) < end;) {
                uint64_t left = (end - now) / 1000 + 1;
                int r = wait_tick(ro, left < TICK_MS ? left : TICK_MS);

                if (r != RUN_ON)
                        return r;
        }

        return RUN_ON;
}

/* The administrator stopped it, which is not a failure of the revision: the rollout ends, and begins again
 * without it. */
static int is_held(struct rollout_run *ro, struct str unit, bool *ret) {
        struct arena scratch = { 0 };
        struct holds holds = { 0 };
        int r = hold_read(&scratch, ro->runtime, ro->app, &holds);

        *ret = hold_find(&holds, unit);
        arena_done(&scratch);
        return r == -EBADMSG || r == -EPERM ? 0 : r; /* the generator reports it */
}

/* A unit that stops, or a job that is canceled, because the app is removed, the machine goes down, or
 * something newer came, is not a failure of the revision. systemd stops this unit in the same breath, though
 * perhaps after that one (the spare is a part of it, and so stops first): its stop job shows before its
 * SIGTERM arrives. */
int wait_fail(struct rollout_run *ro, struct str unit, struct str text) {
        struct arena scratch = { 0 };
        bool is_stopping = false, was_held = false;
        int r = wait_tick(ro, 0);

        if (r == RUN_ON)
                r = is_held(ro, unit, &was_held);
        if (r == RUN_ON && !was_held)
                r = bus_is_stopping(ro->bus, pick_rollout(&scratch, ro->app, ro->revision), &is_stopping);
        arena_done(&scratch);
        if (r != 0 || was_held)
                return r != 0 ? r : RUN_END;
        if (is_stopping) {
                ro->is_stopped = true;
                return RUN_END;
        }

        ro->failure.unit = arena_str(ro->arena, unit);
        ro->failure.text = str_is_absent(text) ? text : arena_str(ro->arena, text);
        show_unit(ro, ro->failure.unit, STR("failed"));
        return RUN_FAILED;
}

int wait_fail_late(struct rollout_run *ro, struct str unit, const struct bus_unit *u, uint64_t limit) {
        struct arena scratch = { 0 };
        const struct describing d = { &scratch, ro->bus, ro->is_user, ro->progress.began, unit };
        int r = wait_fail(ro, unit, describe_late(&scratch, limit, describe_answer(&d, u)));

        arena_done(&scratch);
        return r;
}

/* Returns when the units are loaded as they are published. Properties that were read before are stale then,
 * and this process may have other orders. */
int wait_reload(struct rollout_run *ro) {
        int r = bus_reload(ro->bus);

        return r < 0 ? r : wait_tick(ro, 0);
}

int wait_add(struct rollout_run *ro, struct wait_jobs *jobs, enum bus_verb verb, struct str unit) {
        struct bus_job *job;
        int r;

        /* Recorded first: a rollout that continues after SIGKILL then knows that it was started. */
        if (verb != BUS_STOP)
                show_unit(ro, unit, STR("restarting"));
        /* A requested start does not count among the starts in a row that `max_starts` limits. */
        if (verb == BUS_START || verb == BUS_RESTART)
                (void) bus_reset_failed(ro->bus, unit);
        r = bus_start_job(ro->bus, verb, unit, &job);
        if (r < 0)
                return r;

        *vec_push(ro->arena, &jobs->list) = job;
        return RUN_ON;
}

/* The limit counts from when the unit itself starts: its image may be pulled before, by a unit with limits
 * of its own. */
static int check_limit(struct rollout_run *ro, struct str unit, const struct bus_unit *u) {
        uint64_t limit = ro->plan.ready_timeout * 1000;

        if (limit == 0 || !str_is(u->active, "activating") || bus_now() - u->starting_since < limit)
                return RUN_ON;

        return wait_fail_late(ro, unit, u, limit);
}

/* True if the app's target keeps it up, and so starts it without the rollout. */
static int is_upheld(struct rollout_run *ro, struct str unit, bool *ret) {
        struct arena scratch = { 0 };
        struct bus_names upheld = { 0 };
        int r = bus_get_dependencies(ro->bus, &scratch, pick_target(&scratch, ro->app), "Upholds", &upheld);

        *ret = false;
        VEC_EACH(part, &ro->plan.services) {
                uint64_t number;

                *ret |= pick_number(unit, part->unit, '@', &number) &&
                        pick_is_upheld(&upheld, part->unit, number);
        }
        *ret |= VEC_HAS(&upheld.list, unit);
        arena_done(&scratch);
        return r;
}

/* Another program's job replaced this one, or its end was missed: the unit's state decides. */
static int look_at_cut_off(struct rollout_run *ro, const struct bus_job *job, const struct bus_unit *u,
                           bool *ret_is_over) {
        bool is_lost = str_is(job->result, "lost"), upheld;
        int r;

        if (str_is(u->active, "active") ||
            (is_lost && str_is(u->active, "inactive") && str_is(u->result, "success")))
                return RUN_ON;

        *ret_is_over = false;
        if (str_is(u->active, "activating") || str_is(u->active, "reloading"))
                return check_limit(ro, job->unit, u);

        r = is_upheld(ro, job->unit, &upheld);
        if (r < 0)
                return r;
        /* A unit that is stopping is judged when it has stopped: the cause may be about to stop this program
         * as well. */
        return upheld || str_is(u->active, "deactivating") ? RUN_ON
                                                           : wait_fail(ro, job->unit, (struct str){ 0 });
}

static bool is_cut_off(struct str result) {
        return str_is(result, "canceled") || str_is(result, "lost") || str_is(result, "collected") ||
               str_is(result, "TransactionIsDestructive");
}

static int look_at_job(struct rollout_run *ro, struct bus_job *job, bool *ret_is_over) {
        struct arena scratch = { 0 };
        struct bus_unit u = { 0 };
        int r = bus_look_at_job(ro->bus, job);

        *ret_is_over = !str_is_absent(job->result);
        if (r < 0)
                return r;
        if (str_is(job->result, "done") || str_is(job->result, "skipped")) {
                show_unit(ro, job->unit, STR("done"));
                return RUN_ON;
        }

        r = bus_get_unit(ro->bus, &scratch, job->unit, &u);
        if (r >= 0 && !*ret_is_over)
                r = check_limit(ro, job->unit, &u);
        else if (r >= 0)
                r = is_cut_off(job->result) ? look_at_cut_off(ro, job, &u, ret_is_over)
                                            : wait_fail(ro, job->unit, (struct str){ 0 });
        arena_done(&scratch);
        if (r == RUN_ON && *ret_is_over)
                show_unit(ro, job->unit, STR("done"));
        return r;
}

int wait_for_jobs(struct rollout_run *ro, const struct wait_jobs *jobs) {
        for (;;) {
                bool all_over = true, is_over;
                int r;

                VEC_EACH(job, &jobs->list) {
                        r = look_at_job(ro, *job, &is_over);
                        if (r != RUN_ON)
                                return r;
                        all_over &= is_over;
                }
                if (all_over)
                        return RUN_ON;

                r = wait_tick(ro, TICK_MS);
                if (r != RUN_ON)
                        return r;
        }
}

int wait_for_end(struct rollout_run *ro, const struct wait_jobs *jobs) {
        VEC_EACH(job, &jobs->list)
                while (str_is_absent((*job)->result)) {
                        int r = wait_tick(ro, TICK_MS);

                        if (r == RUN_ON)
                                r = bus_look_at_job(ro->bus, *job);
                        if (r != RUN_ON)
                                return r;
                }

        return RUN_ON;
}

static bool is_as_it_was(const struct bus_unit *then, const struct bus_unit *now) {
        return str_eq(then->invocation, now->invocation) &&
               (str_is(now->active, "active") || str_is(now->active, "reloading"));
}

/* All of them once. `then`: how each was when the watch began. */
static int look_at_watched(struct rollout_run *ro, const struct bus_names *units,
                           const struct bus_unit *then) {
        for (size_t i = 0; i < units->list.n; i++) {
                struct arena scratch = { 0 };
                struct bus_unit now;
                bool is_good;
                int r = bus_get_unit(ro->bus, &scratch, units->list.at[i], &now);

                is_good = r >= 0 && is_as_it_was(&then[i], &now);
                arena_done(&scratch);
                if (r < 0)
                        return r;
                if (!is_good)
                        return wait_fail(ro, units->list.at[i], STR("it exited soon after it was ready"));
        }

        return RUN_ON;
}

int wait_watch(struct rollout_run *ro, const struct bus_names *units) {
        struct bus_unit *then = arena_array(ro->arena, units->list.n, struct bus_unit);
        uint64_t end = bus_now() + ro->plan.min_ready * 1000;
        int r = 0;

        for (size_t i = 0; i < units->list.n && r >= 0; i++)
                r = bus_get_unit(ro->bus, ro->arena, units->list.at[i], &then[i]);
        if (r < 0)
                return r;

        for (;;) {
                uint64_t now = bus_now();

                r = look_at_watched(ro, units, then);
                if (r != RUN_ON || now >= end)
                        return r;
                r = wait_tick(ro, end - now < TICK_MS * 1000 ? (end - now) / 1000 + 1 : TICK_MS);
                if (r != RUN_ON)
                        return r;
        }
}
