/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reads the address of a container from the kernel. Podman knows it too, and needs a tenth of a second of
 * computing for the answer. */

#include "base/arena.h"

/* The address of the first child of a process (of conmon: the container), if that has one interface besides
 * the loopback: its IPv4 address, or else its IPv6 address with global scope. 0; negative errno:
 * -EADDRNOTAVAIL if it has none (yet), -ENOTUNIQ if it has several interfaces, -EPERM if it may change its
 * addresses (CAP_NET_ADMIN), if its network belongs to another user namespace than this program's, or if this
 * program may not look (user_namespaces(7)): then Podman is to be asked. */
int netns_find_address(struct arena *a, uint64_t parent, struct str *ret);
