/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which revision an app's instances get, and which one is to run: what is accepted runs.
 *
 *     wish         the pinned one, as long as the file says what it said when it was pinned; else what the file says
 *     target       the wish; but the accepted one where there is none, or where it was tried and failed
 *     base         the accepted one; where nothing is yet, target at once, or nothing while it has tasks to run before
 *
 * Where the file is broken it counts as what it said last, which is what is published as wanted. */

#include "publish/compose.h"
#include "state/state.h"

/* `wanted`: what the file says; absent where it is broken and nothing is published. So may be the result. */
struct str choose_wish(const struct state *s, struct str wanted, bool is_broken);

/* The revision that is to run. Absent where there is nothing that could. */
struct str choose_target(const struct state *s, struct str wish);

/* The revision whose instances run, absent for none. `target` with its tree. */
struct str choose_base(const struct state *s, const struct revision *target);
