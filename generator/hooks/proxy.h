/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pyservice-proxy: HAProxy's files of all applications, checked and put in place.
 *
 * What is in place for each application is remembered in /var/lib/pyservice/.proxy/APP, as the tree that
 * the application brought. Everything new is checked at once. If HAProxy refuses it, the search goes from
 * what is in place, one application at a time: one whose new files are refused keeps those it had, the
 * others go live. Where HAProxy refuses what is in place too, nothing is touched while it runs; while it
 * does not (it could not start), the applications are added one by one to nothing, and those that it
 * refuses are left out.
 *
 * Where HAProxy can't be asked (not installed, its container does not run), the files are put in place as
 * they are, so that it finds them when it starts. */

#include "app/world.h"
#include "base/vec.h"
#include "hooks/proxy-choose.h"

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

/* nginx's (hooks/nginx.h) too. 0; negative errno. */
int proxy_apply(struct proxy_run *p);

/* Tells HAProxy which servers are ready, and does nothing else. 0; negative errno. */
int proxy_states(struct proxy_run *p);

/* Has HAProxy and nginx serve p->certificate as it is in its file now. 0; negative errno. */
int proxy_certificate(struct proxy_run *p);

/* For pyservicectl check: would HAProxy take what lies below `runtime`, a directory like /run/pyservice,
 * on top of what is in place? Nothing is put anywhere. ret->problems says what it would not; ret's other
 * members are of no use. host.yaml is in p->world. 0, also where HAProxy can't be asked; negative errno. */
int proxy_check(struct proxy_run *p, int runtime, struct proxy_choice *ret);
