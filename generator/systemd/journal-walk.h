/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The journal entry by entry: entries of some units and their processes, and of systemd about them; then new
 * entries. Podman's messages about each event of a container, and the like, are skipped. */

#include "base/arena.h"

struct journal_walk;

struct journal_entry {
        uint64_t time; /* CLOCK_REALTIME, microseconds */
        struct str unit;
        struct str invocation; /* of the unit; absent if it is unknown */
        bool is_systemds;      /* systemd's message about the unit */
        uint64_t priority;     /* 0 … 7 */
        struct str message;    /* any bytes */
};

struct journal_filter {
        bool is_user; /* the user's own units */
        bool (*is_meant)(const void *data, struct str unit);
        bool (*is_shown)(const void *data, const struct journal_entry *entry);
        const void *data;
};

/* All return negative errno if the journal can't be read. `filter` stays the caller's. */
int journal_open(struct arena *a, const struct journal_filter *filter, struct journal_walk **ret);
void journal_close(struct journal_walk **w);

/* The range of entries to read: from `since` on, and before `until` (UINT64_MAX for no end); of that the
 * newest `n` (SIZE_MAX for all). */
int journal_seek(struct journal_walk *w, uint64_t since, uint64_t until, size_t n);

/* The next one: 1; 0 if there is none now. Its texts are valid until the next call. */
int journal_next(struct journal_walk *w, struct journal_entry *ret);

/* From now on, what is as new as `from`, also of units that the journal had nothing of. */
int journal_follow(struct journal_walk *w, uint64_t from);

/* Waits until there may be more. -EPIPE if the reader of `out` has closed it. */
int journal_wait(struct journal_walk *w, int out);
