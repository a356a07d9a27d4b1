/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Brings an app's instances to the wanted revision: the program of APP-rollout@REVISION.service.
 *
 * Invariants. The accepted revision runs: before a revision is accepted, only tasks and the spare run it, and
 * every later failure leads back to the last good one. Each step first checks that the revision is still
 * wanted. SIGKILL may end a step at any point: a recorded action was done, another action may be done again,
 * and the unit, which systemd upholds, starts it again from the beginning. Only one rollout works on an app
 * at a time. */

#include "bundle/plan.h"
#include "rollout/progress.h"
#include "state/state.h"
#include "systemd/bus.h"

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
        bool is_repeated; /* one of us failed with it before */
        bool is_stopped;  /* systemd stops it */
        bool has_changed; /* it has done something, so its end is reported */
        /* services without a running instance before it was accepted: nothing has shown yet that they work */
        VEC(struct str)
        untried;
        VEC(struct str) failed_late; /* tasks at the end that failed: "UNIT of KEY" */
        struct {
                struct str unit, text;
        } failure;
        int storage_error; /* negative errno: what was to be noted below state_path could not be written */
};

/* EXIT_SUCCESS also if it ended early because something newer is wanted; 1 if the revision failed, which is
 * reported and recorded; negative errno. */
int rollout_run(struct rollout_run *ro);

/* For each app in unkept/: keeps its files that act at once with its accepted revision, or forgets what
 * was accepted where the app is gone. */
int keep_run(struct arena *a, int runtime, int state, struct bus *bus);
