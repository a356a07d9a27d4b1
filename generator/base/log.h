/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where a generator's messages go. PID 1 gives generators no standard error that anybody reads, and the journal may not
 * run yet, so they go to the kernel's log, from where journald takes them; on a terminal, or in a pipe of a person's,
 * they go to standard error as they are. */

#include "base/str.h"

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_INFO = 6 };

/* Is standard error somebody's (neither closed nor /dev/null nor the console of PID 1's children)? */
bool log_is_person(void);

/* May what is written there be coloured: is it a terminal, and NO_COLOR not set (no-color.org)? */
bool log_is_colored(int fd);

/* Writes each line of `text` to the kernel's log as "pyservice: …". Where that can't be opened, to standard error. */
void log_kernel(enum log_level level, struct str text);
