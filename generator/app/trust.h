/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The users who may own and write a file that decides what runs: root, or for a user's manager that user as
 * well.
 *
 * If a user has a private group (of the same number), its members may write, since the user is the only
 * member; Debian's umask for users allows this. */

#include <sys/stat.h>

#include "app/world.h"

/* Also true if ownership does not matter: check FILE. */
bool trust_is_given(const struct world *w, const struct stat *st);

/* Reports why not, and what to do. */
void trust_complain(struct world *w, uint32_t file, struct str path, const struct stat *st);
