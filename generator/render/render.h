/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* From an app to its bundle. Pure: no clock, environment or system call; equal input gives equal bytes.
 *
 *     quadlet/UNIT@.container         a service: one template, whatever its scale
 *     quadlet/UNIT.container          a sidecar, a task, or the work of a timer
 *     quadlet/UNIT-HASH.image  APP-NAME.network  APP-NAME.volume
 *     units/APP-HASH-build.service    builds the image of an app with `source`
 *     env/UNIT.HASH.env               values, 0600: for Podman, unchanged
 *     env/UNIT.HASH.template          values, 0600: composed when the unit starts
 *     setup/HASH.tmpfiles  HASH.sysusers  places      user, directories and files of the app
 *     units/APP-HASH-setup.service    makes these
 *     units/UNIT-once@.target         starts a unit once that systemd must not start again
 *     units/APP.target                the target of the app; the record gives the units that uphold the parts
 *                                     (publish/compose.h)
 *     units/APP.target.d/60-UNIT.conf         further settings of the target while it upholds the part
 *     units/UNIT.timer                the times of a timer
 *     units/APP-rollout@.service      brings a revision to the instances
 *     units/UNIT@.service.d/10-hosts.conf     the machines that run it
 *     units/UNIT@.service.d/10-services.conf  the units that it waits for, with units/UNIT-requires@.service
 *                                             and units/UNIT-requires.target
 *     units/UNIT@.service.d/10-ports.conf     the ports of the instances, as variables in the template's
 *                                             command
 *     units/UNIT@next.service.d/50-next.conf  the differences of the spare instance
 *     nginx/UNIT.conf                 input of nginx
 *     haproxy/DIRECTORY/…             input of HAProxy, under the absolute path of its directory
 *     ports                           "UNIT INSTANCE PORT" lines, so that ports stay
 *     record                          the description of the bundle; see bundle/record.h
 *     rollout                         the plan that APP-rollout@.service follows; see render/rollout.c
 *
 * Each file has a kind (enum tree_kind). A change of scale changes only files of TREE_SCALE, no container: so
 * it is not a new revision, and restarts nothing. During a rollout, files of two revisions are side by side:
 * so a file that can differ between them, and that a container names, has the hash of its text in its
 * name. */

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
        bool is_plain;          /* for a machine without pyservice: render_plain() */
        struct unit_name build; /* what builds the app's image; absent before the first part that runs it */
        struct unit_name setup; /* what makes the app's files; absent before the first part */
        struct unit_name setup_ready; /* the mark of a complete setup, with the owner */
        /* what pulls the app's own image; absent before the first part that uses it */
        struct unit_name app_image;
        VEC(struct name) revisions; /* labels of containers: of services, sidecars, tasks, timers */
};

/* Adds everything of `app` to the empty tree `ret`, and sorts it. */
void render_app(struct arena *a, const struct world *w, const struct app *app, const struct ports *ports,
                struct tree *ret);

/* Adds the files with which the app runs on a machine without pyservice, and sorts the tree; other files than
 * above are:
 *
 *     quadlet/UNIT@N.container        a link to the template for each instance
 *     quadlet/UNIT@N.container.d/10-port.conf  the port that the instance publishes
 *     quadlet/APP.build               builds the image, if Podman can (has_plain_build())
 *     env/UNIT.env                    belongs beside the Quadlet files
 *     setup/APP.tmpfiles  setup/APP.sysusers
 *     units/APP.target                wants all parts
 *     haproxy/NN_backend_NAME.cfg  haproxy/routes.UNIT  haproxy/certificates.UNIT
 *
 * All secrets of `app` are Podman's, and each variable is a literal or one whole secret. A service with
 * nginx gets no file for it. */
void render_plain(struct arena *a, const struct world *w, const struct app *app, const struct ports *ports,
                  struct tree *ret);
