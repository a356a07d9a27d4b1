/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "base/fs.h"
#include "bundle/layout.h"
#include "output/env.h"
#include "rollout/parts.h"

enum { TICK_MS = 200 };

/* Once per revision: a task that is done is recorded. Before it starts, the same record is written without a
 * change and without a `unit`: if the disk is full and the record fails, no task may run that would run again
 * and again. */
static int note(struct rollout_run *ro, struct str unit) {
        CLEANUP(close_fd) int lock = -1;
        struct state s = { 0 };
        int r = state_written(ro, state_lock(ro->state, ro->app, &lock));

        if (r >= 0)
                r = state_now(ro, &s);
        if (r < 0)
                return r;

        if (!str_is_absent(unit))
                state_add_task(ro->arena, &s, (struct state_task){ .revision = ro->revision, .unit = unit });
        return state_written(ro, state_write(ro->arena, ro->state, ro->app, &s));
}

/* True if it ran for this revision already, started by a rollout that was killed meanwhile. `progress` had it
 * before it was started. */
static bool is_ours(struct rollout_run *ro, struct str unit, const struct bus_unit *u) {
        return str_is(progress_find(&ro->progress, unit), "restarting") &&
               u->starting_since >= ro->progress.began;
}

/* The rollout waits for a task that still runs for another revision: a start would join it. */
static int wait_until_free(struct rollout_run *ro, struct str unit, bool *ret_has_run) {
        for (;;) {
                struct arena scratch = { 0 };
                struct bus_unit u = { 0 };
                int r = bus_get_unit(ro->bus, &scratch, unit, &u);
                bool is_busy = str_is(u.active, "activating") || str_is(u.active, "deactivating"),
                     has_run = is_ours(ro, unit, &u);

                *ret_has_run = has_run && str_is(u.active, "inactive") && str_is(u.result, "success");
                arena_done(&scratch);
                if (r < 0 || !is_busy || has_run)
                        return r;
                show_phase(ro, STR("tasks"),
                           arena_join(ro->arena, STR("waiting for "), unit,
                                      STR(", which is already running, to end")));
                r = wait_tick(ro, TICK_MS);
                if (r != RUN_ON)
                        return r;
        }
}

static bool is_sidecar(const struct rollout_run *ro, struct str unit) {
        VEC_EACH(sidecar, &ro->plan.sidecars)
                if (str_has_prefix(unit, sidecar->unit) &&
                    str_is(str_from(unit, sidecar->unit.n), ".service"))
                        return true;

        return false;
}

/* Such a task may never end, and nothing waits for its result. */
int rollout_stop_abandoned_tasks(struct rollout_run *ro, const struct progress *old) {
        struct wait_jobs jobs = { 0 };
        VEC(struct str) stopped = { 0 };
        int r = RUN_ON;

        if (str_is_absent(old->revision) || str_eq(old->revision, ro->revision) ||
            !str_is(old->phase, "tasks"))
                return RUN_ON;

        VEC_EACH(u, &old->units) {
                struct bus_unit unit = { 0 };
                bool is_task = str_is(u->state, "restarting") && str_find(u->name, '@') == u->name.n &&
                               !is_sidecar(ro, u->name);

                if (r != RUN_ON)
                        return r;
                if (!is_task)
                        continue;
                r = bus_get_unit(ro->bus, ro->arena, u->name, &unit);
                if (r < 0 || !str_is(unit.active, "activating") || unit.starting_since < old->began)
                        continue;
                /* Requested before it is shown: the new progress replaces the other rollout's. */
                r = wait_add(ro, &jobs, BUS_STOP, u->name);
                *vec_push(ro->arena, &stopped) = u->name;
                show_phase(ro, STR("tasks"),
                           arena_join(ro->arena, STR("waiting for "), u->name, STR(" of revision "),
                                      old->revision, STR(" to stop")));
        }

        if (r == RUN_ON)
                r = wait_for_end(ro, &jobs);
        /* The signal ended it, which systemd calls a failure. */
        VEC_EACH(unit, &stopped)
                (void) bus_reset_failed(ro->bus, *unit);
        return r;
}

static int start_task(struct rollout_run *ro, struct str unit) {
        struct wait_jobs jobs = { 0 };
        int r;

        show_phase(ro, STR("tasks"), arena_join(ro->arena, STR("running "), unit));
        r = wait_add(ro, &jobs, BUS_START, unit);
        return r == RUN_ON ? wait_for_jobs(ro, &jobs) : r;
}

static int run_task(struct rollout_run *ro, struct str unit) {
        /* By one of us who could not note it. */
        bool has_run = str_is(progress_find(&ro->progress, unit), "done");
        int r = has_run ? RUN_ON : wait_until_free(ro, unit, &has_run);

        if (r == RUN_ON && !has_run)
                r = note(ro, (struct str){ 0 });
        if (r == RUN_ON && !has_run)
                r = start_task(ro, unit);

        return r == RUN_ON ? note(ro, unit) : r;
}

int rollout_tasks(struct rollout_run *ro) {
        struct state s;
        int r = state_now(ro, &s);

        if (r < 0)
                return r;

        VEC_EACH(unit, &ro->plan.tasks) {
                if (state_has_task(&s, ro->revision, *unit))
                        continue;
                r = run_task(ro, *unit);
                if (r != RUN_ON)
                        return r;
        }

        return RUN_ON;
}

/* The revision runs already, so a task that fails does not take it back: the next task runs, and the message
 * of the rollout names the one that failed. A rollout that was killed may have run a task after it recorded
 * only that the task started. */
static int run_late(struct rollout_run *ro, struct str unit, struct str key) {
        bool has_run = !str_is_absent(progress_find(&ro->progress, unit)) &&
                       !str_is(progress_find(&ro->progress, unit), "restarting");
        int r = has_run ? RUN_ON : wait_until_free(ro, unit, &has_run);

        if (r == RUN_ON && !has_run)
                r = start_task(ro, unit);
        if (r != RUN_FAILED)
                return r;

        *vec_push(ro->arena, &ro->failed_late) = arena_join(ro->arena, unit, STR(" of "), key);
        return RUN_ON;
}

int rollout_after(struct rollout_run *ro) {
        int r = RUN_ON;

        VEC_EACH(unit, &ro->plan.after)
                r = r == RUN_ON ? run_late(ro, *unit, STR("after_update")) : r;
        return r;
}

/* For root, as the reason may quote what a container printed. */
static int write_failure(struct rollout_run *ro, const struct state_failure *failure, struct str path) {
        struct buf text = buf_in(ro->arena);
        int r = env_unit_put(&text, STR("PYSERVICE_FAILED_REVISION"), failure->revision);

        if (r >= 0)
                r = env_unit_put(&text, STR("PYSERVICE_REASON"), failure->reason);
        return r < 0 ? r : fs_replace(ro->runtime, path.p, 0600, buf_str(&text));
}

/* They run without the variables if these cannot be written. */
int rollout_answer(struct rollout_run *ro, const struct state_failure *failure) {
        struct str path =
                arena_join(ro->arena, STR(LAYOUT_ROLLOUTS "/"), ro->app, STR(LAYOUT_ROLLOUT_FAILURE));
        int r = RUN_ON;

        if (ro->plan.failure.n > 0)
                (void) write_failure(ro, failure, path);
        VEC_EACH(unit, &ro->plan.failure)
                r = r == RUN_ON ? run_late(ro, *unit, STR("on_failure")) : r;
        (void) unlinkat(ro->runtime, path.p, 0);
        return r;
}
