/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Bringing an app's instances to the revision that is wanted: what APP-rollout@REVISION.service runs.
 *
 * Invariants. What is accepted runs: before a revision is accepted nothing but tasks and the spare run it,
 * and whatever fails after that leads back to the last good one. Each step first looks whether the
 * revision is still wanted. Each step may be cut off by SIGKILL at any point: what was noted was done,
 * what was not noted may be done again, and the unit, which systemd upholds, starts it again from the
 * beginning. Only one rollout works on an app at a time. */

#include "rollout/plan.h"
#include "rollout/progress.h"
#include "runtime/bus.h"
#include "state/state.h"

struct rollout_run {
        struct arena *arena;
        struct bus *bus;
        int runtime, state; /* /run/pyservice and /var/lib/pyservice, open */
        struct str state_path;
        bool is_user;
        struct str app, revision;
        uint64_t started; /* bus_now() */

        struct plan plan;
        struct progress progress;
        bool is_resumed;  /* one of us began it and was killed */
        bool is_stopped;  /* systemd stops it */
        bool has_changed; /* it did something, so that its end is told */
        VEC(struct str)
        untried; /* services of which nothing ran before it was accepted: nothing has shown yet that they work */
        struct {
                struct str unit, text;
        } failure;
        int storage_error; /* negative errno: what was to be noted below state_path could not be written */
};

/* EXIT_SUCCESS also where it ended early because something newer is wanted; 1 where the revision failed,
 * which is told and noted; negative errno. */
int rollout_run(struct rollout_run *ro);

/* For each app in unkept/: keeps its files that act at once with its accepted revision, or forgets what
 * was accepted where the app is gone. */
int keep_run(struct arena *a, int runtime, int state, struct bus *bus);
