/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Queries and removes the containers of an app. */

#include "base/arena.h"
#include "base/vec.h"

struct podman_container {
        struct str name;
        struct str label;  /* io.pyservice.revision; empty where it has none */
        struct str status; /* "Up 3 minutes (healthy)" */
        struct str commit; /* of its image, org.opencontainers.image.revision; empty for none */
};

struct podman_containers {
        VEC(struct podman_container) list;
};

/* The containers with the label io.pyservice.app=APP that run; of all apps where it is absent. Negative
 * errno; -EIO where podman failed, *ret_problem says what it said. */
int podman_list(struct arena *a, struct str app, struct podman_containers *ret, struct str *ret_problem);

/* Removes a container that no longer belongs to a unit. 0 or negative errno. */
int podman_remove(struct arena *a, struct str name, struct str *ret_problem);

/* NULL where it does not run. */
const struct podman_container *podman_find(const struct podman_containers *c, struct str name);
