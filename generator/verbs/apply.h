/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Making what the files say run, for `apply` and `try`: foresee, show, reload, follow. */

#include "preview/foresee.h"
#include "verbs/rollout.h"

struct apply_result {
        struct str app;
        enum view_outcome outcome;
        struct str reason; /* why it failed; "" where that is not known */
};

struct apply {
        struct ctl *ctl;
        const char *verb; /* for messages */
        struct foreseeing foreseen;
        struct forecast_shown shown;
        struct str json;             /* the plan, with --json */
        bool is_nothing;             /* to be done */
        uint64_t since;              /* of the reload; microseconds since 1970 */
        int (*turn)(void *userdata); /* as struct rollout_following has it */
        void *userdata;
        VEC(struct apply_result) results; /* of the apps that were followed */
};

/* Foresees what c->argv names, or all, and shows it. Gives 0, or an exit status after having said why
 * nothing is done. */
int apply_prepare(struct ctl *c, const char *verb, struct apply *ap);

/* Has systemd read all, and follows what changes to its end. 0 where all went well, 1 where something did
 * not; what `turn` gave. */
int apply_go(struct apply *ap);

/* Follows one app's rollout, as apply_go() does. */
int apply_follow(struct apply *ap, struct str app);

/* NULL where it was not followed. */
const struct apply_result *apply_find(const struct apply *ap, struct str app);
