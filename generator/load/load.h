/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Finding and reading definitions: which file counts, what lies over it, and whether root may trust it.
 *
 * Everything is below one root directory; a missing file is not an error. The rules are those of systemd's
 * own configuration (systemd.unit(5), "Unit File Load Path"): the first directory that has a file name
 * wins, a link to /dev/null masks it, NAME.yaml.d/….yaml from all directories are laid over it in the
 * order of their names. */

#include "app/world.h"

/* NULL if there is none. */
struct definition *world_find(const struct world *w, struct str name);

/* Reads host.yaml, all definitions, and what else they may name. System failures come back as negative
 * errno, errors go to w->ds. `w` has arena, ds, sources, root and places set. */
int world_load(struct world *w);

/* Like the function above, but reads the files named on a command line instead of those in the
 * directories. */
int world_load_files(struct world *w, const char *const *paths, size_t n); /* absolute paths */

/* Reads a file below the root into the sources and parses it. -ENOENT if it does not exist; 0 with *ret NULL
 * if it has errors. */
int world_read(struct world *w, struct str path, struct node **ret, uint32_t *ret_file);

/* Reads host.yaml into w->host, with its defaults. *ret, which is NULL before, becomes its tree if it has
 * one. Errors go to w->ds. 0 or negative errno. */
int world_read_host(struct world *w, struct node **ret);
