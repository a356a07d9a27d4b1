/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A run in a process of its own, which may die of one definition: too large for the memory or for the time
 * that there is. The parent process must know which definition it was, and tries again without it. */

#include <limits.h>

#include "app/world.h"

/* Memory that the processes share; a value of zeroes is the first try. */
struct attempt {
        char at[PATH_MAX];          /* the definition that is being worked on; empty for none */
        char given_up[8][PATH_MAX]; /* those that a process died of */
        size_t n_given_up;
};

/* Records that the work from now on is for the definition in that file, or for none. */
void attempt_begin(struct world *w, struct str path);
void attempt_end(struct world *w);

/* True if an earlier attempt died of it. */
bool attempt_has_given_up(const struct world *w, struct str path);

/* After a process died: marks the definition that it worked on as broken. False if it worked on none, or on
 * one that was marked before, or if too many are marked; then another attempt would fail in the same way. */
bool attempt_give_up(struct attempt *attempt);
