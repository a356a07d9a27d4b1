/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Helpers that the files of port assignment share: the table of claims, and the ports of published
 * bundles. */

#include "app/ports.h"

/* A listener on a port. */
struct claim {
        struct str app;
        struct span at;     /* position in the definition; NOWHERE for a port from the pool */
        struct str address; /* absent for any */
        bool is_udp;
        uint32_t next; /* of the same port: index + 1 */
};

struct claims {
        struct arena *arena;
        VEC(struct claim) list;
        uint32_t *first; /* by port: index + 1 */
};

/* An empty table with room for `n` claims; it grows if there are more. */
struct claims claims_in(struct arena *a, size_t n);

/* The claim that conflicts with `c`: the same port, protocol and address. NULL if there is none. Then `c` is
 * added. */
const struct claim *claims_add(struct claims *t, uint64_t port, struct claim c);

/* True if the port is claimed, on any address. */
static inline bool claims_has(const struct claims *t, uint64_t port) {
        return t->first[port] != 0;
}

/* The host ports of a PublishPort= text, from the first to the last; false if it leaves them to Podman. */
bool claims_parse(struct publish_spec spec, struct claim *ret, uint16_t *ret_first, uint16_t *ret_last);

/* The claim of HAProxy's frontend that listens on `l`, and the port. */
struct claim claims_listen(struct listener l, uint64_t *ret_port);

/* Reads the ports of the bundles below `runtime`. Negative errno. */
int ports_read(struct arena *a, int runtime, struct ports *ret);

/* Adds those that no published bundle holds yet. */
void ports_add_held(const struct world *w, struct ports *p);
