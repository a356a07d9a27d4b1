/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Chooses the revision that an app's instances get, and the one that is to run. The accepted revision runs.
 *
 *     wish         the pinned revision, as long as the file is unchanged since it was pinned; else that of
 *                  the file
 *     target       the wish; but the accepted one if there is none, or if the wish was tried and failed
 *     base         the accepted one; if there is none yet, target at once, or nothing while target has tasks
 *                  to run before
 *
 * If the file is broken, its last good version counts, which is published as wanted. */

#include "publish/compose.h"
#include "state/state.h"

/* `wanted`: the revision of the file; absent if it is broken and nothing is published. The result may be
 * absent as well. */
struct str choose_wish(const struct state *s, struct str wanted, bool is_broken);

/* The revision that is to run. Absent if no revision could run. */
struct str choose_target(const struct state *s, struct str wish);

/* The revision whose instances run, absent for none. `target` with its tree. */
struct str choose_base(const struct state *s, const struct revision *target);
