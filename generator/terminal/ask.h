/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Prompts the user at the terminal. */

#include "base/arena.h"

/* True if standard input is a terminal. */
bool ask_can(void);

/* A line without its end, and without blanks around it. False at the end of the input. */
bool ask_line(struct arena *a, const char *prompt, struct str *ret);

/* True if the answer is "y" or "yes". */
bool ask_yes(struct arena *a, const char *prompt);
