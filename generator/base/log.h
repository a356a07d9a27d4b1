/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where a generator's messages go. PID 1 gives generators no standard error that anybody reads, and the
 * journal may not run yet, so they go to the kernel's log, from where journald takes them; of a person who
 * runs one they go to standard error as they are. */

#include "base/str.h"

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_INFO = 6 };

/* True if no manager started this program as a generator (systemd.generator(7): $SYSTEMD_SCOPE). */
bool log_is_person(void);

/* True if output there may have colours: it is a terminal, and NO_COLOR is not set (no-color.org). */
bool log_is_colored(int fd);

/* Writes each line of `text` to the kernel's log as "pyservice-generator[PID]: …". If that can't be opened,
 * to standard error. */
void log_kernel(enum log_level level, struct str text);
