/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An application's volumes and networks: as its definition wants them, and as Podman has them. Podman makes
 * one that is not there, and never changes an existing one. */

#include "bundle/plan.h"

/* A volume or network that exists, and differs from its definition. */
struct podman_difference {
        const struct podman_object *object;
        struct str text;   /* "the volume shop-data keeps no device (wanted: '/srv/data')" */
        struct str advice; /* the commands that change it */
};

struct podman_differences {
        VEC(struct podman_difference) list;
};

/* The commands, and what they cost. */
struct str podman_difference_advice(struct arena *a, const struct podman_difference *d);

/* Queries Podman once for all volumes and once for all networks. Nothing is found if it does not answer. */
void podman_compare(struct arena *a, const struct podman_objects *wanted, struct podman_differences *ret);

/* Like podman_compare(), with what `podman volume inspect` or `podman network inspect` printed for the
 * formats below, a line for each object. */
void podman_compare_text(struct arena *a, const struct podman_objects *wanted, bool is_network,
                         struct str text, struct podman_differences *ret);

#define PODMAN_VOLUME_FORMAT                                                                   \
        "{{.Name}}\t{{.Driver}}\t{{index .Options \"type\"}}\t{{index .Options \"device\"}}\t" \
        "{{index .Options \"o\"}}"
#define PODMAN_NETWORK_FORMAT                                                                         \
        "{{.Name}}\t{{.Driver}}\t{{range .Subnets}}{{.Subnet}} {{.Gateway}},{{end}}\t{{.Internal}}\t" \
        "{{.IPv6Enabled}}\t{{.DNSEnabled}}\t{{range $k, $v := .Options}}{{$k}}={{$v}},{{end}}"
