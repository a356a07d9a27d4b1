/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The running machine, as systemd, Podman and HAProxy have it: each is queried once, for all that a verb
 * needs. Below another root nothing is queried. */

#include "balancer/haproxy-counters.h"
#include "ctl/ctl.h"
#include "podman/podman.h"
#include "systemd/bus.h"

struct snapshot {
        struct ctl *c;
        bool is_live; /* of the running system, not of another root */

        struct bus *bus;       /* NULL: not open, or systemd does not answer */
        bool has_units;        /* systemd answered */
        struct bus_list units; /* by name */

        bool has_containers;                 /* Podman answered */
        struct podman_containers containers; /* by name */

        struct haproxy_client haproxy;
        struct haproxy_counters counters;
        int counters_error; /* 0: HAProxy answered */
};

void snapshot_begin(struct snapshot *s, struct ctl *c);
void snapshot_close(struct snapshot *s);

/* Connects to systemd, and lists its units. 0; negative errno. */
int snapshot_take_units(struct snapshot *s);

/* The position of the first unit that is not before `name`; the unit, NULL if systemd does not have it in
 * memory. */
size_t snapshot_lower_bound(const struct snapshot *s, struct str name);
const struct bus_listed *snapshot_find_unit(const struct snapshot *s, struct str name);

/* "inactive" for a unit that systemd does not have in memory. */
struct str snapshot_unit_state(const struct snapshot *s, struct str name);
bool snapshot_is_active(const struct snapshot *s, struct str name);

/* podman_list(), without the containers of `pyservicectl run`. -EACCES if Podman would list this user's own
 * containers instead. */
int snapshot_take_containers(struct snapshot *s, struct str app, bool is_all, struct str *ret_problem);

/* NULL if it is not listed. */
const struct podman_container *snapshot_find_container(const struct snapshot *s, struct str name);

/* Queries HAProxy, as host.yaml has it, and adds the counters that reloads saved in `runtime`, or those of
 * the last ten minutes only. Gives s->counters_error. */
int snapshot_take_servers(struct snapshot *s, const struct host_haproxy *settings, int runtime,
                          bool is_recent);
