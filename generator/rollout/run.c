/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "rollout/parts.h"

enum {
        LOCK_MS = 100,
        READ_TRIES = 20,
        READ_PAUSE_MS = 100,
};

/* The other process gets a signal to end when this one is started; the kernel releases its lock, however it
 * ends. */
static int take_lock(struct rollout_run *ro, int *ret) {
        int r = *ret = progress_open_lock(ro->arena, ro->runtime, ro->app);

        if (r < 0)
                return r;

        while (flock(*ret, LOCK_EX | LOCK_NB) < 0) {
                if (errno != EWOULDBLOCK && errno != EINTR)
                        return -errno;
                r = wait_tick(ro, LOCK_MS);
                if (r != RUN_ON)
                        return r;
        }

        return wait_check_wanted(ro);
}

/* The generator replaces the bundle at times, and with it the plan; the revision is checked after the plan
 * was read. */
static int read_plan(struct rollout_run *ro) {
        for (unsigned i = 0;; i++) {
                int r = plan_read(ro->arena, ro->runtime, ro->app, &ro->plan);

                if (r >= 0)
                        return wait_check_wanted(ro);
                if (r != -ENOENT || i == READ_TRIES)
                        return r;
                r = wait_tick(ro, READ_PAUSE_MS);
                if (r != RUN_ON)
                        return r;
        }
}

/* A rollout that continues after SIGKILL, or after it waited for room, keeps what is known of the units: a
 * task that ran is not started again. */
static void take_up_progress(struct rollout_run *ro, struct progress *old) {
        int r = progress_read(ro->arena, ro->runtime, ro->app, old);

        ro->is_resumed = r >= 0 && str_eq(old->revision, ro->revision) && !str_is(old->phase, "done");
        ro->is_repeated = ro->is_resumed && str_is(old->phase, "failed");
        ro->progress = ro->is_resumed && !str_is(old->phase, "failed")
                               ? *old
                               : (struct progress){
                                         .revision = ro->revision,
                                         .phase = STR("tasks"),
                                         .started = clock_usec(CLOCK_REALTIME),
                                         .began = bus_now(),
                                 };
        if (str_is(ro->progress.phase, "stalled")) {
                ro->progress.phase = STR("tasks");
                ro->progress.message = (struct str){ 0 };
        }
}

/* It failed already, and this program was killed before the generator read the record. If the generator still
 * wants it after that, it has a reason. */
static int tell_generator(struct rollout_run *ro, const struct state *s) {
        if (str_is_absent(s->accepted) || !state_find_failure(s, ro->revision))
                return RUN_ON;

        return wait_reload(ro);
}

/* Shows that it works, with what is accepted still running; then accepts it. */
static int try(struct rollout_run *ro, const struct state *s) {
        struct wanted wanted;
        int r = s->is_paused ? RUN_PAUSED : tell_generator(ro, s);

        if (r == RUN_ON)
                r = rollout_await_boot(ro);
        if (r == RUN_ON)
                r = accept_prepare(ro);
        if (r == RUN_ON)
                r = wanted_read(ro->arena, ro->runtime, ro->app, &wanted);
        /* Later what a task requires runs, or its own start waits for it. */
        if (r == RUN_ON && str_is_absent(wanted.runs))
                r = rollout_await_early(ro);
        if (r == RUN_ON)
                r = rollout_tasks(ro);
        if (r == RUN_ON)
                r = wanted_read(ro->arena, ro->runtime, ro->app, &wanted);
        if (r != RUN_ON)
                return r;

        /* A first start: nothing is there that a spare could spare. */
        if (str_is_absent(wanted.runs) || str_eq(wanted.runs, ro->revision))
                rollout_doubt(ro);
        if (str_eq(wanted.runs, ro->revision)) {
                show_phase(ro, STR("instances"), STR("waiting for the first start of all instances"));
                return rollout_await_untried(ro);
        }
        if (str_is_absent(wanted.runs))
                return RUN_ON;

        /* At boot the accepted revision starts first: a spare is of no use if no instance runs that it could
         * replace. */
        r = ro->plan.is_recreate ? RUN_ON : rollout_await_first(ro);
        if (r != RUN_ON)
                return r;

        return ro->plan.is_recreate ? rollout_empty(ro) : rollout_spares(ro);
}

static int restart(struct rollout_run *ro) {
        int r = rollout_instances(ro);

        if (r == RUN_ON)
                r = rollout_sidecars(ro);
        return r == RUN_ON ? rollout_await_untried(ro) : r;
}

static int refill(struct rollout_run *ro) {
        int r = rollout_set_emptied(ro, false);

        return r == RUN_ON ? wait_reload(ro) : r;
}

/* Accepted already: instances that still run another revision come back to it, as carefully as they left.
 * After a boot there are none. If a rollout was killed after it accepted the revision, and for the first
 * revision until it is done, it is unknown which services have worked. */
static int return_to(struct rollout_run *ro, const struct state *s) {
        bool was_emptied = !str_is_absent(s->emptied), is_unproved = false;
        struct survey survey;
        int r = accept_is_first(ro, &is_unproved);

        if (r >= 0)
                r = rollout_survey(ro, &survey);
        is_unproved = is_unproved || ro->is_resumed;
        if (is_unproved)
                rollout_doubt(ro);
        if (r == RUN_ON && (was_emptied || (survey.has_stale && ro->plan.is_recreate))) {
                r = rollout_empty(ro);
                if (r == RUN_ON)
                        r = refill(ro);
        } else if (r == RUN_ON && survey.has_stale)
                r = rollout_spares(ro);
        if (r == RUN_ON && (was_emptied || survey.has_work || is_unproved))
                r = restart(ro);
        return r == RUN_ON && survey.has_work ? rollout_stop_spares(ro) : r;
}

/* on_failure: stop. Instances that moved stay, and so do the others; the spare is stopped. */
static int proceed(struct rollout_run *ro, const struct state *s) {
        int r;

        if (str_eq(s->accepted, ro->revision))
                return str_is_absent(s->held) ? return_to(ro, s) : rollout_stop_spares(ro);

        r = restart(ro);
        return r == RUN_ON ? rollout_stop_spares(ro) : r;
}

/* The revision for which the instances were stopped never came, and is no longer wanted: the instances were
 * upheld again as soon as that was so. */
static int drop_others_mark(struct rollout_run *ro, struct state *s) {
        if (str_is_absent(s->emptied) || str_eq(s->emptied, ro->revision))
                return RUN_ON;

        s->emptied = (struct str){ 0 };
        return rollout_set_emptied(ro, false);
}

static int steps(struct rollout_run *ro, const struct progress *old) {
        struct state s;
        int r = read_plan(ro);

        if (r == RUN_ON)
                r = rollout_stop_abandoned_tasks(ro, old);
        if (r == RUN_ON)
                r = state_now(ro, &s);
        if (r == RUN_ON)
                r = drop_others_mark(ro, &s);
        if (r != RUN_ON)
                return r;

        r = str_eq(s.accepted, ro->revision) ? RUN_ON : try(ro, &s);
        if (r == RUN_ON)
                r = rollout_accept(ro);
        if (r == RUN_ON)
                r = proceed(ro, &s);
        return r == RUN_ON ? rollout_finish(ro) : r;
}

/* The app is removed, and its spare with it, as a part of it: except a spare whose start was requested at the
 * moment in which its unit's file was removed, because systemd no longer knows that it is a part. */
static void leave_no_spare(struct rollout_run *ro) {
        struct wanted wanted;

        if (wanted_read(ro->arena, ro->runtime, ro->app, &wanted) < 0 ||
            (wanted.is_alive && !wanted.is_stopped))
                return;

        VEC_EACH(service, &ro->plan.services) {
                struct bus_job *job;

                if (service->has_spare)
                        (void) bus_start_job(ro->bus, BUS_STOP, pick_spare(ro->arena, service->unit), &job);
        }
}

/* RemainAfterExit=yes: a unit that ended well is not started again unless it was stopped. So one that
 * ended because something else was wanted, and that is wanted again by now, ends otherwise. */
static int end(struct rollout_run *ro) {
        leave_no_spare(ro);
        return !ro->is_stopped && wait_tick(ro, 0) == RUN_ON ? EXIT_FAILURE : EXIT_SUCCESS;
}

int rollout_run(struct rollout_run *ro) {
        CLEANUP(close_fd) int lock = -1;
        struct progress old = { 0 };
        int r = take_lock(ro, &lock);

        if (r == RUN_ON) {
                take_up_progress(ro, &old);
                r = steps(ro, &old);
        }
        if (r == RUN_FAILED) {
                r = failure_handle(ro);
                if (r >= 0)
                        return r;
        }
        if (r < 0 && ro->storage_error < 0)
                r = failure_stall(ro);
        if (r == RUN_PAUSED)
                show_phase(ro, STR("paused"), STR("paused; 'pyservicectl rollout resume' continues"));
        return r == RUN_END ? end(ro) : r < 0 ? r : EXIT_SUCCESS;
}
