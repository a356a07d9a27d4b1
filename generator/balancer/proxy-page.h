/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The pages with which the generated frontend answers by itself: those of host.yaml, or pyservice's own.
 *
 * HAProxy writes the reason into the page for 503 at the moment of the error, so that a page never names a
 * state that is over. No text of a definition or of a request is in pyservice's own pages. */

#include "app/host.h"
#include "base/buf.h"

/* Adds the lines of the frontend. They use txn.pyservice_backend, the backend of the request, and
 * txn.pyservice_why, a sentence. `pages` may be NULL. */
void proxy_page_put(struct arena *a, struct buf *b, const struct error_pages *pages);

/* Adds those that answer each request to an application in maintenance. They use txn.pyservice_closed, its
 * value in the map (balancer/proxy-closed.h). */
void proxy_page_put_maintenance(struct arena *a, struct buf *b);
