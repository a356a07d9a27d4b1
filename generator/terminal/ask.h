/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Prompts the user at the terminal. */

#include "ctl/ctl.h"

/* True if standard input is a terminal. */
bool ask_can(void);

/* True if the user is asked: at a terminal, and not with --json. Otherwise reports that the verb did nothing,
 * in these words ("nothing done"), and that --yes does without. */
bool ask_is_possible(const struct ctl *c, const char *verb, const char *undone);

/* A line without its end, and without blanks around it. False at the end of the input. */
bool ask_line(struct arena *a, const char *prompt, struct str *ret);

/* True if the answer is "y" or "yes". */
bool ask_yes(struct arena *a, const char *prompt);
