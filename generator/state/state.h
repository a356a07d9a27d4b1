/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The data of one app that outlives a reboot: /var/lib/pyservice/APP/state and history.
 *
 * The rollout and pyservicectl write them, under state_lock(); the generator only reads. Each is one small
 * file, replaced by one rename, in the format of bundle/rows.h:
 *
 *     pyservice-state 1
 *     accepted REVISION
 *     pinned REVISION OVER            an undo: REVISION runs as long as the file has the revision that it had
 *                                     then (OVER; "-" if it was broken)
 *     emptied REVISION                strategy recreate: nothing runs until REVISION is accepted
 *     held REVISION                   on_failure: stop: instances that moved to REVISION before it failed
 *                                     stay
 *     unanswered REVISION             it failed, and no rollout has ended well since: the next one runs the
 *                                     tasks of on_failure
 *     paused
 *     failed REVISION USEC REASON     the newest last, at most STATE_FAILED_MAX
 *     task REVISION UNIT              done; at most STATE_TASKS_MAX
 *     image REFERENCE PINNED          the image that `pyservicectl update` found behind a tag
 *
 *     pyservice-history 1
 *     event USEC REVISION REASON
 *
 * An unknown row, and a file of a later pyservice, is an error (-EBADMSG): a reader that ignored
 * such a row could ignore a failure. A missing file is an empty state. */

#include "base/arena.h"
#include "base/vec.h"

enum {
        STATE_FAILED_MAX = 16,
        STATE_TASKS_MAX = 64,
        STATE_EVENTS_MAX = 100,
        STATE_REASON_MAX = 1000,
        REVISION_DIGITS = 12,
};

struct state_failure {
        struct str revision, reason; /* reason: one line of text */
        uint64_t time;               /* microseconds since 1970 */
};

struct state_task {
        struct str revision, unit;
};

struct state_image {
        struct str reference, pinned;
};

struct state {
        struct str accepted, pinned, pinned_over, emptied, held,
                unanswered; /* revisions; absent if there is none */
        bool is_paused;
        VEC(struct state_failure) failed;
        VEC(struct state_task) tasks;
        VEC(struct state_image) images;
};

struct state_event {
        uint64_t time;
        struct str revision, reason; /* reason: "first", "edit", "undo", "update", "revert" */
};

struct state_history {
        VEC(struct state_event) list; /* the oldest first */
};

/* True for REVISION_DIGITS lower-case hexadecimal digits. */
bool state_is_revision(struct str text);

/* `dir`: /var/lib/pyservice, open; -1 is like an empty one. Negative errno. */
int state_read(struct arena *a, int dir, struct str app, struct state *ret);

/* Makes APP/ (0700) if it is missing; fsyncs. -EINVAL for texts that could not be read again. */
int state_write(struct arena *a, int dir, struct str app, const struct state *s);

/* Waits for the lock of APP/.lock, making APP/ if it is missing; *ret is closed to let go. For read, change,
 * write; never held over anything slow. */
int state_lock(int dir, struct str app, int *ret);

/* Texts are not copied. A newer failure of a revision replaces the older one; its reason becomes one line
 * of at most STATE_REASON_MAX bytes. Past the maximum the oldest goes. */
const struct state_failure *state_find_failure(const struct state *s, struct str revision);
void state_add_failure(struct arena *a, struct state *s, struct state_failure failure);
void state_clear_failure(struct state *s, struct str revision);
bool state_has_task(const struct state *s, struct str revision, struct str unit);
void state_add_task(struct arena *a, struct state *s, struct state_task task);

int state_read_history(struct arena *a, int dir, struct str app, struct state_history *ret);

/* Keeps the last STATE_EVENTS_MAX. Where the file can't be understood a new one is begun: no rollout fails
 * for that. */
int state_add_history(struct arena *a, int dir, struct str app, struct state_event event);
