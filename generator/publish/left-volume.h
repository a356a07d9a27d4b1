/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A volume that is an application's own is APP-NAME to Podman. In earlier versions `data:/x` mounted the
 * volume `data` if the map `volumes` did not have it; and a definition may change from the one to the other.
 * Instances would then start with an empty volume, and their data would stay in the old one. */

#include "app/world.h"

/* Reports each such volume. If the application mounts the other one up to now, this is an error, and what is
 * accepted runs on; if a volume of that name is only there, it is a warning. */
void left_volumes_check(struct world *w);
