/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pyservice-proxy: the balancers' files of all applications, checked, put in place and served. */

#include "app/world.h"
#include "base/vec.h"

struct proxy_run {
        struct arena *arena;
        struct world *world; /* places set; of host.yaml only */
        const char *root;    /* "" or a directory: below one nothing is reloaded */

        int runtime;            /* /run/pyservice, or a directory like it; proxy_apply() and others open it */
        struct str certificate; /* of proxy_certificate(): an absolute path */
        struct str app;         /* of proxy_close() */
        bool is_told;           /* by proxy_close(): a worker of HAProxy has the generated frontend */

        VEC(struct str)
        problems; /* for the user, each perhaps of several lines; then the work was done in part */
        VEC(struct str) notes;
        struct str failed; /* what a negative errno was about */
};

/* The files of all balancers, also if those of one fail. 0; negative errno. */
int proxy_apply(struct proxy_run *p);

/* Sends HAProxy the states of the servers that are ready, and does nothing else. 0; negative errno. */
int proxy_states(struct proxy_run *p);

/* Makes the balancers serve the current file of p->certificate. 0; negative errno. */
int proxy_certificate(struct proxy_run *p);

/* Makes HAProxy close p->app to clients, or open it, as the files of the application now demand
 * (balancer/proxy-closed.h), without a reload. 0; negative errno. */
int proxy_close(struct proxy_run *p);

/* Reads host.yaml alone. 0; 1 if it has errors, with a problem; negative errno. */
int proxy_read_host(struct proxy_run *p);

/* A problem for the user. */
void proxy_report(struct proxy_run *p, struct str text);

/* The errors of definitions so far, as a problem. */
void proxy_report_errors(struct proxy_run *p, struct str heading);

/* Notes what a negative errno is about, if that is the first, and returns it. */
int proxy_fail(struct proxy_run *p, struct str what, int r);

struct balancer;

/* Marks that files of the balancer change and that it was not reloaded since: if this run ends before it is,
 * the next one reloads it. 0; negative errno. */
int proxy_begin(struct proxy_run *p, const struct balancer *b);
bool proxy_has_begun(const struct proxy_run *p, const struct balancer *b);

/* Removes the mark if the reload ended with `r` 0, reports the message if with 1; negative errno is passed
 * on. */
int proxy_end(struct proxy_run *p, const struct balancer *b, int r, struct str message);

/* Locks the directory `runtime`, so that no two processes work at a time, also if one only checks: both lay
 * out candidates at the same place. A descriptor; negative errno. */
int proxy_lock(struct proxy_run *p, int runtime);
