/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The pages with which the generated frontend answers by itself.
 *
 * HAProxy writes the reason into the page for 503 at the moment of the error, so that a page never names a
 * state that is over. No text of a definition or of a request is in a page. */

#include "base/buf.h"

/* Adds the lines of the frontend. They use txn.pyservice_backend, the backend of the request. */
void proxy_page_put(struct buf *b);
