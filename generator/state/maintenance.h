/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Maintenance of an app (`pyservicectl maintenance`): HAProxy answers each request itself, until the
 * administrator ends it.
 *
 *     /var/lib/pyservice/APP/maintenance      in the format of bundle/rows.h:
 *
 *     pyservice-maintenance 1
 *     maintenance USEC SECONDS PAGE           since when (microseconds since 1970); when a client may try
 *                                             again; the text of the page, "-" for pyservice's own
 *
 * pyservicectl writes it, under state_lock(); pyservice-proxy reads it. */

#include "base/arena.h"

struct maintenance {
        uint64_t since; /* 0: none */
        uint64_t retry;
        struct str page; /* absent: pyservice's own */
};

/* `dir`: /var/lib/pyservice, open; -1 is like an empty one. All zero without a file. Negative errno. */
int maintenance_read(struct arena *a, int dir, struct str app, struct maintenance *ret);

/* Removes the file if `since` is 0. Negative errno. */
int maintenance_write(struct arena *a, int dir, struct str app, const struct maintenance *m);
