/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which of its two versions, the wanted one and the one in place, each application gets: as much of the
 * wanted as HAProxy takes. */

#include "app/world.h"
#include "balancer/proxy-place.h"
#include "balancer/proxy-state.h"

struct proxy_problem {
        struct str app;     /* absent if no single app owns it */
        struct str text;    /* the meaning, and HAProxy's message */
        struct str message; /* the latter alone */
};

struct proxy_choice {
        struct arena *arena;
        struct proxy_state *state;
        struct proxy_place *place;
        const struct places *places; /* where definitions are, for messages */
        const char *root;
        VEC(struct proxy_problem) problems; /* one for each application that does not get what it wants */
};

/* Sets `chosen` of every application, and gives the set of it. 0; 1 if nothing is to be changed; negative
 * errno. */
int proxy_choose(struct proxy_choice *c, struct proxy_set *ret);

void proxy_state_choose_wanted(struct proxy_state *s);

/* The set of what is chosen; in `a`. It has a directory, perhaps an empty one, wherever something of ours
 * may lie. */
bool proxy_state_set(const struct proxy_state *s, struct arena *a, struct proxy_set *ret,
                     struct str *ret_problem);
