/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Asking a web server, by libcurl. Only the program of the unit hooks links it. */

#include "base/arena.h"

struct http_answer {
        unsigned status;                /* 0: it did not answer, or was not asked for anything */
        struct str problem;             /* why not, for people; absent where it did, or took the connection */
};

/* GET http://ADDRESS:PORT/PATH, no redirect followed, no proxy used, at most `timeout_ms` in all; without a path, a connection and nothing
 * more. 0; -ENOMEM. */
struct http_request {
        struct str address, path;       /* "127.0.0.1", "/healthz" */
        unsigned port;
        uint64_t timeout_ms;
};

int http_get(struct arena *a, const struct http_request *request, struct http_answer *ret);

/* All `n` at the same time, into as many answers. 0; negative errno. */
int http_get_all(struct arena *a, const struct http_request *requests, size_t n, struct http_answer *ret);
