/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The times at which a starting instance is probed, and the point at which it has failed: pure, the clock is
 * the caller's.
 *
 * It counts as Podman does: a failed check counts from the end of the start period on, once an interval, and
 * as many as `retries` are too many. Between these it is probed more often, so that a start takes little
 * longer than it must. All times are in milliseconds since the start. */

#include "runtime/http.h"

struct probe {
        uint64_t interval, start_period, retries;

        /* The counters of probe_failed(). */
        uint64_t n_failed, counted_at;
};

/* Notes a failed check at `now`. True if the limit is reached. */
bool probe_failed(struct probe *p, uint64_t now);

/* How long to wait before the next check. */
uint64_t probe_pause(const struct probe *p, uint64_t now);

/* True if `status` is among "200,301-399". */
bool probe_accepts(struct str codes, unsigned status);

/* Describes the request: "GET /healthz with Host: shop.example.com on port 8000", "a connection to port
 * 8000". The port is that of the definition, which the reader knows, not the machine's. */
struct str probe_describe(struct arena *a, const struct http_request *q);

/* The error in the answer, if only `codes` are right: "400 Bad Request; does …". Absent if there is none. */
struct str probe_judge(struct arena *a, const struct http_request *q, struct str codes,
                       const struct http_answer *answer);
