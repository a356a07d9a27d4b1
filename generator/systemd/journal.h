/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The journal: reading the entries of a unit, and writing an entry with fields of its own (sd-journal(3)). */

#include "base/arena.h"
#include "base/vec.h"

struct journal_line {
        struct str text;
        uint64_t time; /* CLOCK_REALTIME, microseconds */
};

struct journal_lines {
        VEC(struct journal_line) list; /* the oldest first */
};

struct journal_query {
        struct str unit;
        struct str container; /* what this container printed, nothing else; absent: all of the unit */
        /* of this start of the unit, without systemd's entries about it; absent: of all */
        struct str invocation;
        /* of what its processes print (SyslogIdentifier=), to find lines without a unit: journald looks for
         * the unit of a user's process in /proc, where one that has ended is no longer; absent: by unit */
        struct str identifier;
        bool is_user;
        uint64_t since; /* CLOCK_MONOTONIC, microseconds: nothing of an earlier boot; 0: all */
        uint64_t until; /* CLOCK_REALTIME, microseconds; 0: up to now */
        size_t n;       /* the newest `n` */
};

/* Entries of the unit's processes, and of systemd about the unit, without Podman's messages about each event
 * of a container. Bytes that would move a terminal come as '?'. Negative errno if the journal can't be
 * read. */
int journal_read(struct arena *a, const struct journal_query *query, struct journal_lines *ret);

/* Makes journald write what was sent to it before. False if that failed: only root may request it. */
bool journal_sync(struct arena *a);

/* How the main process of a unit ended the last time, as systemd logged it. */
struct journal_end {
        uint64_t time;         /* microseconds since 1970 */
        struct str invocation; /* of that start */
        uint64_t status;       /* its exit status, or the number of the signal that ended it */
        bool is_killed;
};

/* 1; 0 if the journal has no such entry for this user; negative errno. Only `unit`, `is_user` and `since` of
 * the query count. */
int journal_read_end(struct arena *a, const struct journal_query *query, struct journal_end *ret);

/* The units of which the kernel's OOM killer ended a process, once for each time. `since`: CLOCK_REALTIME,
 * microseconds. Negative errno if the journal can't be read. */
int journal_read_out_of_memory(struct arena *a, bool is_user, uint64_t since, struct journal_lines *ret);

struct journal_field {
        const char *name; /* "MESSAGE", "PRIORITY" … */
        struct str value;
};

int journal_send(struct arena *a, const struct journal_field *fields, size_t n);
