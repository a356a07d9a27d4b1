/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Checks the file names of definitions and drop-ins. */

#include "app/world.h"

/* "shop" of "shop.yaml" and "shop.yml". */
struct str file_name_stem(struct str file_name);

/* Reports the suffix that should be .yaml; `what`: "definition". False if it reported one. */
bool file_name_check(struct world *w, const char *what, struct str file_name, struct span at);

/* Warns of drop-ins that are never read: the directory has a name without a definition, for example after a
 * rename. All definitions were read. */
void file_name_check_drop_ins(struct world *w);
