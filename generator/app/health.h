/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The request of a health check over HTTP. The start probe, the watcher, the spare, HAProxy and an export
 * all take it from here, so that an application cannot answer one of them and refuse another. */

#include "app/app.h"

/* Headers that a definition may add, and what its names and values may take together: HAProxy reads at
 * most 64 words a line, and sends no request that is larger than its buffer. */
enum { HEALTH_HEADERS_MAX = 8, HEALTH_HEADERS_BYTES = 4096 };

struct health_request {
        LIST(struct header_entry) headers; /* Host is the first */
        struct number port;                /* in the container */
        bool is_tls, has_own_port;
};

/* Gives the health request of a service with `port`. A service without `health` has the check of its
 * proxy. */
struct health_request health_request(struct arena *a, const struct service *s);

/* Headers that the request has of itself, so that a definition must not set them. */
bool health_is_reserved(struct str name);
