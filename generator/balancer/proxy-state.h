/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The applications as pyservice-proxy finds them: what each wants, and what is in place. */

#include "balancer/proxy-set.h"

struct proxy_candidate {
        struct str app;
        const struct proxy_parts *wanted, *in_place; /* NULL for nothing */
        const struct proxy_parts *chosen;
};

struct proxy_state {
        struct arena *arena;
        int runtime;                      /* /run/pyservice */
        int memory;                       /* /var/lib/pyservice/.proxy */
        struct str directory;             /* host.yaml's */
        VEC(struct proxy_candidate) apps; /* by name */
};

/* Reads the list of applications that are alive, their files, and the files in place, also of removed
 * applications. 1 if there is no list: there never was an application with files for HAProxy. Negative
 * errno. */
int proxy_state_read(struct proxy_state *s);

/* Remembers that what was chosen is in place. */
int proxy_state_write(struct proxy_state *s);

/* True if an application wants other files than those in place. */
static inline bool proxy_candidate_is_changed(const struct proxy_candidate *c) {
        if (!c->wanted || !c->in_place)
                return c->wanted != c->in_place;

        return !proxy_parts_equal(c->wanted, c->in_place);
}
