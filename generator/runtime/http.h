/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Probes of web servers, by libcurl: no redirect followed, no proxy used, no certificate checked. Only the
 * program of the unit hooks links it.
 *
 * The status line decides. A body is read so that its server can send it in peace, but not for long and
 * not to its end: a stream of events never ends. */

#include "base/arena.h"
#include "base/vec.h"

struct http_request {
        struct str address;        /* "127.0.0.1" */
        struct str path;           /* "/healthz"; without it, a connection and nothing more */
        VEC(struct str) headers;   /* "Host: shop.example.com", each with a NUL behind it */
        uint64_t port, timeout_ms; /* milliseconds, for all of it */
        uint64_t
                container_port; /* the port of the definition that is published as `port`; 0: `port` itself */
        bool is_tls;
        struct str url; /* made for its first request */
};

/* True if the text may be a header. A control byte could begin another header. */
bool http_is_header(struct str text);

struct http_answer {
        unsigned status;    /* 0: it did not answer, or got no request */
        struct str reason;  /* behind the status, printable ASCII: "Bad Request" */
        struct str problem; /* why not, for people; absent if it did, or took the connection */
        bool is_ours;       /* this process could not send the request: the server's state is unknown */
};

/* 0; -ENOMEM. */
int http_get(struct arena *a, struct http_request *request, struct http_answer *ret);

/* Requests under way, at most HTTP_MAX at the same time. */
enum { HTTP_MAX = 256 };

struct http_pool;

/* 0; -ENOMEM. */
int http_open(struct arena *a, struct http_pool **ret);
void http_close(struct http_pool *pool);

/* True if there is room for one more. */
bool http_has_room(const struct http_pool *pool);

/* Sends the request, if there is room; `id` comes back with the answer. Nothing of `request` is needed
 * afterwards. 0; -ENOMEM. */
int http_start(struct arena *a, struct http_pool *pool, struct http_request *request, uint64_t id);

/* Takes the next step of all requests, without waiting; a request takes a few such steps. 0; negative
 * errno. */
int http_continue(struct http_pool *pool);

/* True if any is under way. */
bool http_is_busy(const struct http_pool *pool);

/* The next answer, its texts in `a`; false if there is none yet. */
bool http_take(struct arena *a, struct http_pool *pool, uint64_t *ret_id, struct http_answer *ret);

/* The requested host; absent if none is. */
struct str http_host(const struct http_request *request);
