/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Names that a definition uses: units, networks, volumes, images. */

#include "app/world.h"

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
