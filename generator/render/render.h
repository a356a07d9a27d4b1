/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* From an app to its bundle. Pure: no clock, environment or system call; equal input gives equal bytes.
 *
 *     quadlet/UNIT@.container         a service: one template, whatever its scale
 *     quadlet/UNIT.container          a sidecar or task, or what a timer starts
 *     quadlet/UNIT-HASH.image  APP-NAME.network  APP-NAME.volume
 *     units/APP-HASH-build.service    builds the image of an app with `source`
 *     env/UNIT.HASH.env  env/UNIT.HASH.template       values, 0600: for Podman as they are; to be composed when the unit starts
 *     setup/HASH.tmpfiles  HASH.sysusers  places  units/APP-HASH-setup.service        user, directories and files of the app
 *     units/UNIT-once@.target         starts once what systemd must not start again
 *     units/APP.target                what is upheld
 *     units/APP.target.d/50-UNIT.conf         upholds the instances of a service, a sidecar or a timer
 *     units/UNIT.timer                when a timer's work is done
 *     units/APP-rollout@.service      brings a revision to the instances
 *     units/UNIT@.service.d/10-hosts.conf     the machines that run it
 *     units/UNIT@.service.d/10-services.conf  what it waits for, with units/UNIT-requires@.service and units/UNIT-requires.target
 *     units/UNIT@.service.d/10-ports.conf     the ports of the instances, as variables that the template's command names
 *     units/UNIT@next.service.d/50-next.conf  what the spare instance does otherwise
 *     nginx/UNIT.conf                 what nginx is to read
 *     haproxy/DIRECTORY/…             what HAProxy is to read, under the absolute path of its directory
 *     ports                           "UNIT INSTANCE PORT" lines, so that ports stay
 *     record                          what the bundle is; see bundle/record.h
 *     rollout                         the plan that APP-rollout@.service follows; see render/rollout.c
 *
 * Each file says what it is (enum tree_kind). A change of scale changes files of TREE_SCALE only, no
 * container: so it is no new revision, and restarts nothing. Files of two revisions lie side by side while
 * a rollout goes on: so what can differ between them, and is named in a container, has the hash of its
 * text in its name. */

#include "app/ports.h"
#include "app/resolve.h"
#include "app/world.h"
#include "output/tree.h"
#include "output/unit.h"

struct rendering {
        struct arena *arena;
        const struct world *world;
        const struct app *app;
        const struct ports *ports;
        struct tree *tree;
        struct unit_name build; /* what builds the app's image; absent before the first part that runs it */
        struct unit_name setup; /* what makes the app's files; absent before the first part */
        struct unit_name setup_ready; /* the mark that it is done, which says who their owner is */
        /* what pulls the app's own image; absent before the first part that uses it */
        struct unit_name app_image;
        VEC(struct name) revisions; /* labels of containers: of services, sidecars, tasks, timers */
};

/* Adds everything of `app` to the empty tree `ret`, and sorts it. */
void render_app(struct arena *a, const struct world *w, const struct app *app, const struct ports *ports,
                struct tree *ret);
