/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Running a program that works for long: what it says is passed on to our standard error as it comes, and
 * its last lines are kept, for they say why it failed. As spawn.h, no shell. */

#include "base/arena.h"

/* What is kept has the whole of a character that goes beyond what is shown, so that a line is cut before
 * it. */
enum { TAIL_LINES = 10, TAIL_BYTES = 400, TAIL_KEPT = TAIL_BYTES + 3 };

struct tail {
        char lines[TAIL_LINES][TAIL_KEPT];
        size_t lengths[TAIL_LINES];
        size_t n; /* lines begun in all */
        bool is_in_line;
        int status; /* exit status, or 128 + the signal that ended it */
};

/* Runs argv[0], an absolute path, to its end. 0, or negative errno where it could not be started. */
int tail_run(const char *const *argv, struct tail *ret);

/* Takes in a piece of what it says. A line's end after TAIL_BYTES is dropped, and what a progress bar
 * overwrites is one line. */
void tail_add(struct tail *t, const char *p, size_t n);

/* The last lines, each with a line feed; blank ones are left out, and the text is fit for a terminal. */
struct str tail_text(struct arena *a, const struct tail *t);
