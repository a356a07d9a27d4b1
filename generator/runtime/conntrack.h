/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The kernel's connection tracking, over netlink (linux/netfilter/nfnetlink_conntrack.h).
 *
 * Podman publishes a port by address translation, and the kernel keeps the translation of each connection:
 * for minutes, or for days if the container ended without closing it. A new connection that happens to come
 * from the same port as such an old one is sent to the address of the old container, and gets no answer. */

/* Forgets the connections to a port of 127.0.0.1, those that are open too: only for who has just taken the
 * port over. 0; negative errno: -EPERM without CAP_NET_ADMIN, -EOPNOTSUPP and the like where the kernel
 * tracks none. */
int conntrack_forget(unsigned port);
