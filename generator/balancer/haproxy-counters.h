/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Statistics of HAProxy's backends and servers, from the worker that serves now ("show stat"; HAProxy
 * Management Guide, 9.1). A worker counts from 0 when HAProxy starts or reloads, so a reload of ours
 * saves the counters of the worker before in /run/pyservice/haproxy.counters (bundle/rows.h), and readers
 * add them to the current ones. */

#include "balancer/haproxy-socket.h"

struct haproxy_counter {
        struct str backend;
        struct str server; /* "BACKEND" for the backend as a whole */
        struct str status; /* "UP", "UP 1/3", "DOWN", "MAINT", "DRAIN", "no check" … */
        struct str check,
                /* the result of its last check: "L4CON" and "Connection refused"; empty if there are no
                 * checks */
                check_says;
        struct str address;             /* "127.0.0.1:20123" */
        uint64_t n_sessions, n_waiting; /* now; waiting: in the queue */
        uint64_t n_requests;
        uint64_t n_connect_errors, n_response_errors;
        uint64_t n_5xx;    /* answers with a status of 500 or more */
        uint64_t n_active; /* of a backend: servers that get requests */
};

struct haproxy_counters {
        VEC(struct haproxy_counter)
        list; /* as HAProxy has them: servers before their backend's own line. No frontends. */
};

/* 0; negative errno: -ENOENT, -EACCES, -ECONNREFUSED and the like if nothing answers. */
int haproxy_count_all(const struct haproxy_client *c, struct haproxy_counters *ret);

/* NULL if it does not exist. `server` "BACKEND": the whole. */
struct haproxy_counter *haproxy_find_counter(const struct haproxy_counters *s, struct str backend,
                                             struct str server);

/* Sorts them by server, then backend, for haproxy_find_server(): the first server of that name, whose backend
 * may be absent if it is not known. NULL if there is none. */
void haproxy_sort_counters(struct haproxy_counters *s);
const struct haproxy_counter *haproxy_find_server(const struct haproxy_counters *s, struct str server,
                                                  struct str backend);

/* After a reload: saves the request counters `ended` of the worker that it replaced in directory
 * `runtime`. 0 or negative errno. */
int haproxy_save_counters(struct arena *a, int runtime, const struct haproxy_counters *ended);

/* Adds the request counters that reloads saved, or those of the last ten minutes only. A file that is
 * missing or damaged adds nothing. `runtime` may be -1. */
void haproxy_add_saved_counters(struct arena *a, int runtime, bool is_recent,
                                struct haproxy_counters *counters);

/* The pure parser of haproxy_count_all(). */
void haproxy_parse_counters(struct arena *a, struct str answer, struct haproxy_counters *ret);
