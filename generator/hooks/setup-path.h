/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Paths that root's programs resolve by name, some time after they were checked: nobody else may change
 * where they lead.
 *
 * A link is followed only on the way to a path, and only if root owns it and the directory that it is in, as
 * with CHASE_SAFE of systemd's. */

#include "base/arena.h"

/* Reports in `ret` why `path` may not be used; `ret` stays absent if it may, or if it is not there yet. With
 * `is_roots` each directory on the way must be one that only root may write. Returns 0 or negative errno. */
int setup_path_check(struct arena *a, const char *path, bool is_roots, struct str *ret);
