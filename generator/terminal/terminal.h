/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Drawing on the whole terminal, again and again, beside what stood on it: whatever ends the program, the
 * terminal is as before then. */

#include "base/str.h"

/* Other than a key's letter. */
enum { TERMINAL_NOTHING = 0, TERMINAL_RESIZED = -1, TERMINAL_END = -2 };

/* True if standard output is a terminal. */
bool terminal_is_there(void);

/* 0, or negative errno. */
int terminal_enter(void);
void terminal_leave(void);

/* The first lines of the text, as many as there is room for; nothing wraps. */
void terminal_draw(struct str text);

/* Waits at most `ms` for a key, and gives its letter; TERMINAL_END for Ctrl-C and signals that end a
 * program. */
int terminal_wait(int ms);
