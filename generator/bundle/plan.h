/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The steps of a rollout: the file `rollout` of a bundle. The published bundle has that of the desired
 * revision.
 *
 *     pyservice-plan 1
 *     strategy rolling|recreate  max-unavailable N  pause MS  min-ready MS  on-failure revert|stop
 *     ready-timeout MS               0: the limit of the unit itself
 *     keep-images N                  the revisions that are kept; no row in the file of an earlier pyservice
 *     early UNIT                     a service or sidecar that starts before the tasks, if none of its
 *                                    revisions was accepted yet
 *     task UNIT.service              in order
 *     after UNIT.service             in order; at the end
 *     failure UNIT.service           in order; at the end, if the rollout before it failed
 *     service UNIT LABEL spare|plain
 *     sidecar UNIT LABEL
 *     volume NAME DRIVER TYPE DEVICE OPTIONS              "-" for what the definition does not have
 *     network NAME DRIVER SUBNET GATEWAY OPTIONS INTERNAL IPV6 DISABLE-DNS        the last three: yes or no
 *
 * A service's instances are UNIT@N.service, their containers UNIT-N; a sidecar's are UNIT.service and
 * UNIT. LABEL is that of the container, io.pyservice.revision. */

#include "base/value.h"
#include "base/vec.h"

enum { PLAN_KEPT_MAX = 10 }; /* revisions that are kept, at most */

struct plan_part {
        struct str unit, label;
        bool has_spare;
};

/* A volume or a network; texts that the definition does not have are absent. */
struct podman_object {
        bool is_network;
        struct str app, name; /* "shop", "shop-data" */
        struct str driver, options;
        struct str device, type;    /* of a volume */
        struct str subnet, gateway; /* of a network */
        bool is_internal, has_ipv6, has_no_dns;
        struct span at;
};

struct podman_objects {
        VEC(struct podman_object) list;
};

struct plan {
        bool is_recreate, stops_on_failure;
        uint64_t max_unavailable, pause, ready_timeout, min_ready; /* milliseconds */
        uint64_t keep_images;
        VEC(struct str) early, tasks, after, failure;
        VEC(struct plan_part) services, sidecars;
        struct podman_objects volumes, networks; /* when read: without the application's name and a place */
};

struct str plan_text(struct arena *a, const struct plan *plan);

/* Like rows_parse(). */
int plan_parse(struct arena *a, struct str text, struct plan *ret);

/* The published plan of an application. `runtime`: /run/pyservice, open. -ENOENT if there is none. */
int plan_read(struct arena *a, int runtime, struct str app, struct plan *ret);
