/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The journal: reading what a unit said, and writing an entry with fields of its own (sd-journal(3)). */

#include "base/arena.h"
#include "base/vec.h"

struct journal_lines {
        VEC(struct str) list; /* the oldest first */
};

struct journal_query {
        struct str unit;
        struct str container; /* what this container printed, nothing else; absent: all of the unit */
        bool is_user;
        uint64_t since; /* CLOCK_REALTIME, microseconds */
        size_t n;       /* the newest `n` */
};

/* What the unit's processes said, and systemd of the unit; not what Podman tells of each event of a
 * container. Bytes that would move a terminal come as '?'. Negative errno where the journal can't be read. */
int journal_read(struct arena *a, const struct journal_query *query, struct journal_lines *ret);

struct journal_field {
        const char *name; /* "MESSAGE", "PRIORITY" … */
        struct str value;
};

int journal_send(struct arena *a, const struct journal_field *fields, size_t n);
