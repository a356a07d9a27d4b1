/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The effect of the administrator's own configuration of HAProxy and nginx on the applications: a frontend
 * that has the port of the generated one, and old processes that end before a drain does. For check, plan and
 * doctor. */

#include "balancer/front.h"
#include "balancer/haproxy-program.h"
#include "ctl/ctl.h"
#include "ctl/session.h"

struct own_front {
        struct front front;
        struct proxy_set set; /* directories, with the routes and certificates of all applications that
                                 HAProxy balances */
        struct haproxy_program program;
        bool is_found; /* the program is known */
};

/* Reads it. Reads nothing if no application is balanced by HAProxy, or for a user's own applications. */
void own_front_read(struct arena *a, const struct world *w, const char *root, struct own_front *ret);

/* The directory whose frontend is left out, and the owner of its port; NULL if there is none. */
const struct proxy_directory *own_front_lacking(const struct own_front *f,
                                                const struct front_listen **ret_by);

/* The action to take. */
struct str own_front_advice(struct arena *a, const struct proxy_directory *d, const struct front_listen *by);

/* The owner of the port that the service's `listen` names; NULL if there is none. */
const struct front_listen *own_front_takes(const struct own_front *f, const struct service *s,
                                           struct proxy_listen *ret_listen);

/* True if HAProxy's hard-stop-after is shorter than the service's drain. */
bool own_front_cuts(const struct own_front *f, const struct service *s);

/* Reports a frontend that is left out, a port of `listen` that is taken, and drains that are cut. */
void check_front(struct ctl *c, struct session *s);
