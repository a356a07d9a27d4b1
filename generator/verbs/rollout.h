/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The verbs below `rollout`, each with the name of one app; c->argv[2] is a revision where one is given.
 * They give the exit status. */

#include "model/view.h"

/* Follows a rollout to its end. 0 where it went well, 1 where it did not, EXIT_SYSTEM; or what `turn`
 * gave. */
struct rollout_following {
        bool has_bar, is_silent;
        int (*turn)(
                void *userdata); /* called again and again while it is under way; ends it by anything but 0. NULL for none */
        void *userdata;
        enum view_outcome outcome; /* as it was last */
        struct str reason;         /* why it failed, "" where that is not known */
};

int rollout_follow(struct ctl *c, const struct view_places *p, struct str app, struct rollout_following *f);
int ctl_rollout_undo(struct ctl *c, struct str app);
