/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pyservice-proxy: HAProxy's files of all applications, checked and put in place.
 *
 * The files in place of each application are recorded in /var/lib/pyservice/.proxy/APP, as the tree that came
 * with the application. Everything new is checked at once. If HAProxy refuses it, pyservice-proxy starts from
 * the files in place and adds one application at a time: one whose new files are refused keeps those it had,
 * the others go live. If HAProxy refuses the files in place too, nothing is changed while it runs; while it
 * does not run (it could not start), the applications are added one by one to an empty set, and those that it
 * refuses are left out.
 *
 * If HAProxy can't check files (not installed, its container does not run), the files are put in place as
 * they are, so that it finds them when it starts. */

#include "app/world.h"
#include "balancer/proxy-choose.h"
#include "base/vec.h"

struct proxy_run {
        struct arena *arena;
        struct world *world; /* places set; of host.yaml only */
        const char *root;    /* "" or a directory: below one nothing is reloaded */

        struct str certificate; /* of proxy_certificate(): an absolute path */

        VEC(struct str)
        problems; /* for the user, each perhaps of several lines; then the work was done in part */
        VEC(struct str) notes;
        struct str failed; /* what a negative errno was about */
};

/* nginx's (balancer/nginx-sites.h) too. 0; negative errno. */
int proxy_apply(struct proxy_run *p);

/* Sends HAProxy the states of the servers that are ready, and does nothing else. 0; negative errno. */
int proxy_states(struct proxy_run *p);

/* Makes HAProxy and nginx serve the current file of p->certificate. 0; negative errno. */
int proxy_certificate(struct proxy_run *p);

/* For pyservicectl check: checks the files below `runtime`, a directory like /run/pyservice, on top of those
 * in place, and installs nothing. ret->problems has HAProxy's objections; ret's other members are of no use.
 * host.yaml is in p->world. 0, also if HAProxy can't check; negative errno. */
int proxy_check(struct proxy_run *p, int runtime, struct proxy_choice *ret);
