/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* When a starting instance is asked, and when it has failed: pure, the clock is the caller's.
 *
 * It counts as Podman does: a failed check counts from the end of the start period on, once an interval,
 * and as many as `retries` are too many. Between these it is asked more often, so that a start takes
 * little longer than it must. All times are in milliseconds since the start. */

#include "runtime/http.h"

struct probe {
        uint64_t interval, start_period, retries;

        /* Of probe_failed(). */
        uint64_t n_failed, counted_at;
};

/* Notes a failed check at `now`. True where it was one too many. */
bool probe_failed(struct probe *p, uint64_t now);

/* How long to wait before the next check. */
uint64_t probe_pause(const struct probe *p, uint64_t now);

/* Is `status` among "200,301-399"? */
bool probe_accepts(struct str codes, unsigned status);

/* Describes the request: "GET /healthz with Host: shop.example.com on port 20417", "a connection to port
 * 20417". */
struct str probe_describe(struct arena *a, const struct http_request *q);

/* What is wrong with the answer, where only `codes` are right: "400 Bad Request; does …". Absent if
 * nothing is. */
struct str probe_judge(struct arena *a, const struct http_request *q, struct str codes,
                       const struct http_answer *answer);
