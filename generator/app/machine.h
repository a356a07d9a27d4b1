/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is on the machine besides pyservice: units whose names are taken, and networks that definitions may use. */

#include "app/load.h"

/* Lists the unit directories and the administrator's Quadlet files. */
int machine_read(struct world *w);

/* Is the unit one of the machine's own? A mask (a link to /dev/null) is not. */
bool machine_has_unit(const struct world *w, struct str unit);

/* The administrator's NAME.network or NAME.volume; NULL where there is none. */
const struct quadlet_object *machine_quadlet(const struct world *w, struct str file);
