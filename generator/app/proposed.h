/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Files as they would be: world_load() takes them in place of what lies there, so that a change is checked
 * before it is made. */

#include "app/world.h"
#include "base/fs.h"

/* Looks up a proposed file. Returns 0 and fills *ret, as if root had written it; -ENOENT if `path` is to be
 * removed; 1 if nothing is proposed for `path`. */
int proposed_read(const struct world *w, struct str path, struct fs_file *ret);

/* Adds the names that are proposed in `directory` and are not yet in `names`. */
void proposed_list(const struct world *w, struct str directory, struct fs_names *names);
