/* SPDX-License-Identifier: Apache-2.0 */

/* trusted: at the unit. The kernel drops what comes from, or goes to, any other address, for all processes
 * of the unit, whatever network they are in. What a container needs itself is let through: the machine
 * (localhost) and its own network, since that is where it sees HAProxy, the probes and whatever else asks
 * a port of 127.0.0.1 come from, and where its name server is. A client of HAProxy's it never sees:
 * HAProxy looks at that one's address (render/proxy.c). One that comes directly to a published port keeps
 * its address.
 *
 * It is part of the revision, unlike what HAProxy is told: systemd sets the filter up when a unit starts,
 * and a reload does not change that of one that runs (tried on systemd 257). Tasks and the work of timers
 * listen to nobody. */

#include "render/parts.h"

/* Who an IPv6 neighbour is, the kernel asks and answers in a network namespace as whoever made it, and
 * that was Podman, in this unit: without these two nobody finds the container whom it did not find first. */
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
