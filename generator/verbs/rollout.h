/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Rollouts, for the verbs that start or follow one. All functions give the exit status. */

#include "model/view.h"

/* Follows a rollout to its end. 0 if it succeeded, 1 if it failed, EXIT_SYSTEM; or the result of `turn`. */
struct rollout_following {
        bool has_bar, is_silent;
        /* called again and again while it is under way; ends it with any value except 0. NULL for none */
        int (*turn)(void *userdata);
        void *userdata;
        enum view_outcome outcome; /* as it was last */
        struct str reason;         /* the reason of the failure, "" if it is unknown */
};

int rollout_follow(struct ctl *c, const struct view_places *p, struct str app, struct rollout_following *f);

/* True if a verb that changes something waits for the end: on a terminal, without --no-follow and --json. */
bool rollout_is_followed(const struct ctl *c);

/* After a change that systemd has read: follows the rollout, or prints the command that does. */
int rollout_follow_change(struct ctl *c, struct str app);

/* Prints the command that follows the rollout of the app; nothing below a root and with --json. */
void rollout_name_command(const struct ctl *c, struct str app);

/* Pins the app to the revision, or to the one before if it is absent. */
int rollout_undo(struct ctl *c, struct str app, struct str revision);
