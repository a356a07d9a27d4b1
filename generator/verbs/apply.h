/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Makes systemd run the declared state, for `apply` and `try`: compute, show, reload, follow. */

#include "change/change.h"
#include "change/place.h"
#include "preview/foresee.h"
#include "verbs/rollout.h"

struct apply_result {
        struct str app;
        enum view_outcome outcome;
        struct str reason; /* the reason of the failure; "" if it is unknown */
};

struct apply {
        struct ctl *ctl;
        const char *verb; /* for messages */
        bool has_diff;    /* the plan shows how the generated files would change */
        bool takes_files; /* which become definitions */
        struct changing placing;
        struct foreseeing foreseen;
        struct forecast_shown shown;
        struct buf json; /* with --json */
        struct json_writer writer;
        bool is_nothing;             /* to be done */
        uint64_t since;              /* of the reload; CLOCK_MONOTONIC, microseconds */
        int (*turn)(void *userdata); /* as struct rollout_following has it */
        void *userdata;
        VEC(struct apply_result) results; /* of the apps that were followed */
};

/* Computes the changes for the names and files in c->argv, or for all, and shows them. Returns 0, or an exit
 * status after reporting why nothing is done. */
int apply_prepare(struct ctl *c, const char *verb, struct apply *ap);

/* Makes systemd read all units, and follows the changes to their end. 0 if all succeeded, 1 if one failed; or
 * the result of `turn`. */
int apply_go(struct apply *ap);

/* After changes of definitions: makes systemd read all units. On a terminal follows the rollouts and the
 * instances that start and stop; else prints the command that does. */
int apply_changes(struct ctl *c, const struct changes *changes);

/* Follows one app's rollout, as apply_go() does. */
int apply_follow(struct apply *ap, struct str app);

/* NULL if it was not followed. */
const struct apply_result *apply_find(const struct apply *ap, struct str app);
