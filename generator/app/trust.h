/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Whom a file must belong to that decides what runs, and who may write it: root, or for a user's manager
 * that user too.
 *
 * Where a user has a group of his own, of the same number, its members may write, since that is nobody but
 * him; Debian's umask for users lets them. */

#include <sys/stat.h>

#include "app/world.h"

/* Also true where nobody asks: check FILE. */
bool trust_is_given(const struct world *w, const struct stat *st);

/* Reports why not, and what to do. */
void trust_complain(struct world *w, uint32_t file, struct str path, const struct stat *st);
