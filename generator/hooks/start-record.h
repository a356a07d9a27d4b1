/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The record of the last start and stop of an instance or sidecar: RUNTIME/starts/UNIT, in the format of
 * bundle/rows.h:
 *
 *     pyservice-start 1
 *     start REVISION READY KILLED
 *
 * REVISION: the container's label io.pyservice.revision. READY: when the start was complete, in
 * milliseconds of CLOCK_BOOTTIME, or 0. KILLED: 1 if the last stop of that revision ended with SIGKILL,
 * else 0. The unit's hooks write it; status and doctor read it. An earlier pyservice wrote the three fields
 * alone; those are read too. */

#include "base/arena.h"

#define START_RECORDS "starts" /* below the runtime directory */

struct start_record {
        struct str revision;
        uint64_t ready;
        bool was_killed;
};

/* `path`: relative to `dir`. 0; -ENOENT, an error of rows_parse() or another negative errno. */
int start_record_read(struct arena *a, int dir, const char *path, struct start_record *ret);

/* `path`: absolute; its directory is made. */
int start_record_write(struct arena *a, const char *path, const struct start_record *record);
