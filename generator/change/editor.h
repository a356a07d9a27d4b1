/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The user's editor. */

/* As systemd's tools do, and git: $SYSTEMD_EDITOR, $EDITOR, $VISUAL, which may hold options too, then what
 * is there. NULL for none. */
const char *editor_find(void);

/* Runs the editor on the file. Returns 0, 1 if it failed, or negative errno. Signals that would end this
 * program are held back from then on, so that what the editor leaves can be taken away: the caller gives its
 * mask back. */
int editor_run(const char *editor, const char *path);
