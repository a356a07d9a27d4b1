/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The target of a verb, as one word: APP, APP@N, APP/PART or APP/PART@N. */

#include "ctl/ctl.h"

struct target {
        struct str app;
        struct str part;     /* a service, sidecar, timer or task; absent if it is not given */
        struct str instance; /* a number; absent if it is not given */
};

/* Checks the form, not the existence. Returns 0, or an exit status after reporting the error. The texts lie
 * in the arena. */
int target_parse(struct ctl *c, const char *word, struct target *ret);

/* Parses all of c->argv, at least one. Returns 0 or an exit status. */
struct targets {
        VEC(struct target) list;
};

int targets_parse(struct ctl *c, struct targets *ret);
