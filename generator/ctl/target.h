/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a verb is about, as one word: APP, APP@N, APP/PART or APP/PART@N. */

#include "ctl/ctl.h"

struct target {
        struct str app;
        struct str part;     /* a service, sidecar, timer or task; absent where it is not given */
        struct str instance; /* a number; absent where it is not given */
};

/* Checks the form, not whether there is such a thing. Gives 0, or an exit status after having said what is
 * wrong. The texts lie in the arena. */
int target_parse(struct ctl *c, const char *word, struct target *ret);

/* Parses all of c->argv, at least one. Gives 0 or an exit status. */
struct targets {
        VEC(struct target) list;
};

int targets_parse(struct ctl *c, const char *verb, struct targets *ret);
