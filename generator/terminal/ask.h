/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Asks the user at the terminal. */

#include "base/arena.h"

/* Is there somebody to ask? */
bool ask_can(void);

/* A line without its end, and without blanks around it. False at the end of the input. */
bool ask_line(struct arena *a, const char *prompt, struct str *ret);

/* Is the answer "y" or "yes"? */
bool ask_yes(struct arena *a, const char *prompt);
