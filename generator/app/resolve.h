/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Names that a definition uses: units, networks, volumes, images. */

#include "app/world.h"
#include "bundle/plan.h"

/* Fills unit, image_unit, network_name, network_unit and mounts of every container. Reports what does not
 * exist or has no good name. */
void resolve_names(struct world *w, struct app *app);

/* Every container of the app, in order. */
struct container_ref {
        struct container *container;
        struct name name;
        struct text description;
        const struct health *health; /* NULL for a part without one */
};

struct container_list {
        VEC(struct container_ref) list;
};

struct container_list app_containers(struct arena *a, struct app *app);

/* True if it does not name a network but a mode, such as host, or Podman's default network. */
bool network_is_mode(struct str network);

/* The app's own network that "NAME" or "NAME.network" means; NULL if it is another one. */
const struct network_entry *app_find_network(const struct app *app, struct str network);

/* Adds the app's volumes and networks, as Podman is to have them. Both lists may be the same one. */
void app_add_objects(struct arena *a, const struct app *app, struct podman_objects *volumes,
                     struct podman_objects *networks);
