/* SPDX-License-Identifier: Apache-2.0 */

/* trusted: at the unit. The kernel drops packets from or to any other address, for all processes of the unit,
 * in any network. Addresses that a container itself needs are let through: the machine (localhost) and its
 * own network, since HAProxy, the probes and all clients of a port of 127.0.0.1 come from there, and its name
 * server is there. A client of HAProxy's it never sees: HAProxy checks that address (render/proxy.c). One
 * that comes directly to a published port keeps its address.
 *
 * It is part of the revision, unlike HAProxy's configuration: systemd sets the filter up when a unit starts,
 * and a reload does not change that of one that runs (tried on systemd 257). Tasks and the work of timers
 * accept no connections. */

#include "render/parts.h"

/* The kernel looks up IPv6 neighbours in a network namespace on behalf of the process that made the
 * namespace: Podman, in this unit. Without these two addresses, no host can reach the container that the
 * container did not contact first. */
static void put_neighbours(struct unit *u) {
        unit_put_const(u, SERVICE_IP_ADDRESS_ALLOW, "fe80::/64");
        unit_put_const(u, SERVICE_IP_ADDRESS_ALLOW, "ff02::/16");
}

void render_trusted(struct rendering *r, struct unit *u, const struct role *role) {
        if (r->app->trusted.n == 0)
                return;

        unit_put_const(u, SERVICE_IP_ADDRESS_DENY, "any");
        unit_put_const(u, SERVICE_IP_ADDRESS_ALLOW, "localhost");
        if (role->container->network_subnets.n > 0)
                put_neighbours(u);
        LIST_EACH(subnet, &role->container->network_subnets)
                unit_put(u, SERVICE_IP_ADDRESS_ALLOW, *subnet);
        LIST_EACH(address, &r->app->trusted)
                unit_put(u, SERVICE_IP_ADDRESS_ALLOW, *address);
}
