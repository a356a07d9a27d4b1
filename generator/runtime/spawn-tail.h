/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Runs a program that works for a long time: its output is passed on to our standard error as it comes, and
 * its last lines are kept, because they have the reason of a failure. Like spawn.h, without a shell. */

#include "base/arena.h"

/* The kept part has the whole of a character that goes beyond the shown part, so that a line is cut before
 * it. */
enum { TAIL_LINES = 10, TAIL_BYTES = 400, TAIL_KEPT = TAIL_BYTES + 3 };

struct tail {
        char lines[TAIL_LINES][TAIL_KEPT];
        size_t lengths[TAIL_LINES];
        size_t n; /* lines begun in all */
        bool is_in_line;
};

/* Runs argv[0], an absolute path, to its end. 0; -EIO if its exit status is not 0, with its last lines in
 * *ret_problem; another negative errno if it could not be started. */
int tail_run(struct arena *a, const char *const *argv, struct str *ret_problem);

/* Adds a piece of its output. A line's end after TAIL_BYTES is dropped, and the states of a progress bar are
 * one line. */
void tail_add(struct tail *t, const char *p, size_t n);

/* The last lines, each with a line feed; blank ones are left out, and the text is fit for a terminal. */
struct str tail_text(struct arena *a, const struct tail *t);
