/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A volume that is an application's own is APP-NAME to Podman. Before pyservice made it so everywhere, `data:/x` mounted the
 * volume `data` where the map `volumes` did not have it; and a definition may change from the one to the other. Its instances
 * would start with an empty volume then, and what they have kept would lie where nobody looks. */

#include "app/load.h"

/* Reports each such volume. If the application mounts the other one up to now, this is an error, and what is accepted runs
 * on; if a volume of that name is only there, it is a warning. */
void left_volumes_check(struct world *w);
