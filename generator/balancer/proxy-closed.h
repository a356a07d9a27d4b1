/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Applications that are closed to clients, and why.
 *
 * The generated frontend looks the backend of a request up in a map. pyservice-proxy writes the map with its
 * other files, from files that reloads and restarts of HAProxy do not change. A verb that closes or opens an
 * application writes such a file first, then the map, and then sends the change to the workers. So no worker
 * misses it, not even one that a reload starts meanwhile. Lines of the map:
 *
 *     BACKEND stopped                 state/hold.h: the page for 503 names the reason
 *     BACKEND maintenance:SECONDS     state/maintenance.h: the frontend answers each request, with
 *                                     "Retry-After: SECONDS" and pyservice's page, or
 *     BACKEND page:SECONDS:PAGE       with this one, encoded by proxy_closed_page()
 *
 * Maintenance has precedence. Pure, except proxy_closed_add(). */

#include "balancer/proxy-set.h"

#define PROXY_CLOSED "pyservice-closed.map"

struct proxy_closed {
        struct str app, value;
};

struct proxy_closed_list {
        VEC(struct proxy_closed) list;
};

/* Adds the application if it is closed. `runtime` and `state` are descriptors of /run/pyservice and
 * /var/lib/pyservice, or -1. A file that is damaged closes nothing; `status` reports it. */
void proxy_closed_add(struct arena *a, int runtime, int state, struct str app, struct proxy_closed_list *to);

/* A page as a part of a value: HAProxy decodes %XX, but cannot send a line feed that was in a map, so each is
 * a blank. NULL and the text if HAProxy can send the page, or else why it cannot. */
const char *proxy_closed_page(struct arena *a, struct str page, struct str *ret);

/* Absent if the application is open. */
struct str proxy_closed_value(const struct proxy_closed_list *closed, struct str app);

/* The backends to which routes of the application lead, each once. */
struct proxy_backends {
        VEC(struct str) list;
};

void proxy_closed_backends(struct arena *a, const struct proxy_directory *d, struct str app,
                           struct proxy_backends *to);

/* The text of the map; `mark` is its first line. */
struct str proxy_closed_map(struct arena *a, struct str mark, const struct proxy_closed_list *closed,
                            const struct proxy_directory *d);
