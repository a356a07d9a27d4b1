/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The steps of a rollout: the file `rollout` of a published bundle, which the generator writes for the
 * desired revision.
 *
 *     strategy rolling|recreate      max-unavailable N      pause MS      min-ready MS      on-failure revert|stop
 *     ready-timeout MS               0: the limit of the unit itself
 *     early UNIT                     a service or sidecar that starts before the tasks, if nothing of it was accepted yet
 *     task UNIT.service              in order
 *     service UNIT LABEL spare|plain
 *     sidecar UNIT LABEL
 *     volume NAME DRIVER TYPE DEVICE OPTIONS              "-" for what is not said
 *     network NAME DRIVER SUBNET GATEWAY OPTIONS INTERNAL IPV6 DISABLE-DNS        the last three: yes or no
 *
 * A service's instances are UNIT@N.service, their containers UNIT-N; a sidecar's are UNIT.service and
 * UNIT. LABEL is that of the container, io.pyservice.revision. */

#include "runtime/podman-object.h"

struct plan_part {
        struct str unit, label;
        bool has_spare;
};

struct plan {
        bool is_recreate, stops_on_failure;
        uint64_t max_unavailable, pause, ready_timeout, min_ready; /* milliseconds */
        VEC(struct str) early, tasks;
        VEC(struct plan_part) services, sidecars;
        struct podman_objects objects; /* without the application's name and a place */
};

/* -EBADMSG where a line is none of these. */
int plan_parse(struct arena *a, struct str text, struct plan *ret);
