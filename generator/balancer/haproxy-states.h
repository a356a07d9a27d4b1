/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The file in which HAProxy finds, when it starts or reloads, which servers of a backend are ready.
 *
 * The configuration calls each server of ours `disabled`, and the file holds those that are ready, so one
 * that is not in it gets no request. It is written as HAProxy itself would dump it (Management Guide, "show
 * servers state"). The only writer is pyservice-instance, in the hooks of the instances' units: first the
 * file, then the workers (balancer/haproxy-socket.h), so a worker that a reload starts meanwhile gets the
 * state in one way or the other. After a start pyservice-proxy sends the states to HAProxy once more.
 *
 * A writer takes the lock of the directory. HAProxy takes no lock, and sees the file before or after. */

#include "base/arena.h"
#include "base/vec.h"

struct haproxy_states {
        struct arena *arena;
        const char *path; /* absolute; its name is that of the backend */
        uint64_t id;      /* of the backend in HAProxy's configuration */
};

/* Server `server` is ready at `port`; or, with port 0, it is not. 0; negative errno. */
int haproxy_states_put(const struct haproxy_states *s, struct str server, uint64_t port);

/* Locks the files of the directory; a descriptor, or negative errno. */
int haproxy_states_lock(int directory);

/* The pure part of the functions above. */

/* The text after that change. */
struct str haproxy_states_edit(const struct haproxy_states *s, struct str text, struct str server,
                               uint64_t port);

struct haproxy_ready {
        VEC(struct str) servers;
};

/* The servers in it. */
void haproxy_states_parse(struct arena *a, struct str text, struct haproxy_ready *ret);
