/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A container like a part's own: the command with which systemd starts the part, without the options that
 * belong to that one container. So no setting of a definition is translated a second time. */

#include "base/vec.h"
#include "systemd/bus-exec.h"

struct container_words {
        VEC(struct str) list;
};

/* Adds the options up to the image; false if there is none. */
bool container_options(struct arena *a, const struct bus_exec *exec, struct str image,
                       struct container_words *ret);
