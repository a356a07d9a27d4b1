/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* From an app to its bundle. Pure: no clock, environment or system call; equal input gives equal bytes.
 *
 *     quadlet/UNIT@.container         a service: one template, whatever its scale
 *     quadlet/UNIT.container          a sidecar or task
 *     quadlet/UNIT.image  APP-NAME.network  APP-NAME.volume
 *     units/APP.target                upholds the instances and sidecars
 *     units/UNIT@.service.d/10-services.conf  instances of others that it waits for
 *     units/UNIT@.service.d/10-ports.conf     the ports of the instances, as variables that the template's command names
 *     env/UNIT.env  env/UNIT.template         values, 0600: for Podman as they are; to be composed when the unit starts
 *     haproxy/DIRECTORY/…             what HAProxy is to read, under the absolute path of its directory
 *     ports                           "UNIT INSTANCE PORT" lines, so that ports stay
 *
 * A change of scale changes the target and the ports, but no container: so it restarts nothing. */

#include "app/load.h"
#include "app/ports.h"
#include "app/resolve.h"
#include "output/tree.h"
#include "output/unit.h"

struct rendering {
        struct arena *arena;
        const struct world *world;
        const struct app *app;
        const struct ports *ports;
        struct tree *tree;
};

/* Adds everything of `app` to the empty tree `ret`, and sorts it. */
void render_app(struct arena *a, const struct world *w, const struct app *app, const struct ports *ports, struct tree *ret);
