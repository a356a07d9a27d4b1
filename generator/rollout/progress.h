/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The progress of a rollout, for all that show it: /run/pyservice/rollouts/APP, replaced by rename, in
 * the format of bundle/rows.h.
 *
 *     pyservice-progress 1
 *     revision REVISION
 *     phase tasks|spare|watch|accept|instances|sidecars|done|failed|stalled|paused
 *     started USEC                    since 1970
 *     began USEC                      when it started, but CLOCK_MONOTONIC, which nobody sets
 *     unit NAME waiting|restarting|done|failed
 *     accepted                        this rollout accepted the revision
 *     message TEXT                    one line
 *     since USEC                      when the message became true
 *
 * A rollout that was killed reads it too when it continues: which task it had begun, which was over, and
 * whether it accepted the revision, which then is still to be reported. */

#include "base/arena.h"
#include "base/vec.h"

struct progress_unit {
        struct str name;
        struct str state;
};

struct progress {
        struct str revision, phase, message; /* message: may be absent */
        uint64_t started, since;             /* microseconds since 1970 */
        uint64_t began;                      /* CLOCK_MONOTONIC, as in struct bus_unit */
        bool has_accepted;
        VEC(struct progress_unit) units;
};

/* Changes the unit's state; adds it if it is new. */
void progress_set(struct arena *a, struct progress *p, struct str unit, struct str state);

/* Absent if the unit isn't known. */
struct str progress_find(const struct progress *p, struct str unit);

struct str progress_text(struct arena *a, const struct progress *p);

/* Like rows_parse(). */
int progress_parse(struct arena *a, struct str text, struct progress *ret);

/* `runtime`: /run/pyservice, open. -ENOENT where the app had no rollout since the boot. */
int progress_read(struct arena *a, int runtime, struct str app, struct progress *ret);
/* True if the message may quote what a container or a build printed: like the journal, not every user of the
 * machine may read that. */
bool progress_is_for_root(const struct progress *p);

/* Readable by every user, except a message that is for root. */
int progress_write(struct arena *a, int runtime, struct str app, const struct progress *p);
void progress_remove(struct arena *a, int runtime, struct str app);

/* The file that who works on the app's instances holds with flock(2): a rollout, or pyservicectl restart.
 * Its descriptor, or negative errno. */
int progress_open_lock(struct arena *a, int runtime, struct str app);
