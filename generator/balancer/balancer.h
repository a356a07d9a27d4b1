/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* HAProxy and nginx behind one interface. Its users have the balancer from balancers[], by `proxy.kind` of a
 * definition, and do not distinguish them. */

#include "balancer/haproxy-counters.h"
#include "balancer/haproxy-socket.h"
#include "balancer/haproxy-states.h"
#include "balancer/proxy.h"

struct balancer;

/* The server of an instance. */
struct balancer_server {
        struct arena *arena;
        const struct balancer *balancer; /* NULL: the instance gets no requests through one */
        uint64_t port;
        uint64_t drain;        /* milliseconds; how long open requests may take */
        struct str address;    /* of the instance itself; absent: HAProxy keeps the one that it has */
        bool is_probed;        /* it has just answered the request that HAProxy checks it with */
        int process;           /* a descriptor that becomes readable when the instance ends; -1 for none */
        VEC(struct str) notes; /* for the journal */

        /* HAProxy's */
        struct haproxy_client haproxy;
        struct haproxy_states states; /* without a path: HAProxy has no such file */

        /* nginx's */
        struct str path; /* the file with the server's line, which nginx's upstream includes */
        struct str unit;
};

/* The settings that both have in host.yaml. */
struct balancer_settings {
        struct str unit; /* absent: it runs in a container */
        uint64_t http_port, https_port;
};

/* All that the balancers of this machine know of servers: read once, for any number of them. */
struct balancer_view {
        struct arena *arena;
        int runtime;                      /* /run/pyservice; -1 if it is not there */
        struct haproxy_counters counters; /* sorted */
};

/* A server as its balancer has it. */
struct balancer_state {
        struct str text; /* "UP", "DOWN", "MAINT", "in nginx" …; absent if that is unknown */
        bool is_out;     /* it gets no requests */
        uint64_t n_sessions, n_requests;
};

struct balancer {
        const char *name;    /* in messages */
        const char *key;     /* in host.yaml */
        const char *pending; /* a file in /run/pyservice: proxy_begin() */

        struct balancer_settings (*settings)(const struct host *host);

        /* Checks the files of all applications, installs them and reloads the balancer. 0; negative errno. */
        int (*publish)(struct proxy_run *p);

        /* Makes it serve the current content of p->certificate, if it uses that. 0; negative errno. */
        int (*renew)(struct proxy_run *p);

        /* Answers for p->app itself, or no longer, as its files say. 0; negative errno. NULL: it cannot. */
        int (*close)(struct proxy_run *p);

        /* Sends requests to the server. 0; 1 if the instance ended meanwhile; negative errno. */
        int (*enter)(struct balancer_server *s);

        /* Sends no new requests to it. 1; 0 if it got none before; negative errno. */
        int (*drain)(struct balancer_server *s);

        /* The requests that it has begun, and that the server has not answered. 0; negative errno. */
        int (*count)(struct balancer_server *s, uint64_t *ret_open);
        unsigned count_ms, n_counts; /* between two counts; how many in a row have to find none */

        /* Sends no requests to it, whatever it was before. 0; negative errno. */
        int (*leave)(struct balancer_server *s);

        /* The state of `server` ("shop-0") of instance `unit` ("shop@0.service"); leaves what is unknown.
         * `backend` may be absent. */
        void (*state)(const struct balancer_view *v, struct str backend, struct str server, struct str unit,
                      struct balancer_state *ret);
};

extern const struct balancer balancer_haproxy, balancer_nginx;

/* By enum proxy_kind. */
extern const struct balancer *const balancers[2];

/* Sends no new requests to the server, and waits until it has answered those that it has, at most s->drain.
 * 0; negative errno. */
int balancer_drain(struct balancer_server *s);

void balancer_note(struct balancer_server *s, struct str text);
