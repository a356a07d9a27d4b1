/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The facts that `pyservicectl rollout` has about one app: all of it from files, so that it works below a
 * root and, as far as they can be read, without being root.
 *
 *     /run/pyservice/apps/APP/revision        see bundle/wanted.h
 *     /run/pyservice/rollouts/APP             how far the rollout is; rollout/progress.h
 *     /var/lib/pyservice/APP/…                state/state.h; only root reads it */

#include "ctl/ctl.h"
#include "rollout/progress.h"
#include "state/maintenance.h"
#include "state/state.h"

/* Texts are one line each, of printable UTF-8. */
struct view {
        struct str app;
        bool is_stopped; /* as a whole, by the administrator: its rollout waits for that */
        bool is_published, knows_state,
                has_errors;      /* has_errors: its definition has errors, or its revision failed */
        struct str runs, wanted; /* absent for none */
        struct str file; /* the revision of the definition; absent if it is broken, or was never published */
        struct str left; /* what was followed until now, where something else is wanted since */
        struct progress progress;
        struct state state;
        struct maintenance maintenance;
};

/* Where all that is; -1 if a directory is not there. */
struct view_places {
        int runtime, state;
        struct str state_path; /* for messages */
};

/* Returns 0, or an exit status after reporting why. */
int view_open(struct ctl *c, struct view_places *ret);
void view_close(struct view_places *p);

/* Fills the view. An unknown app is an error of the user. Returns 0 or an exit status. */
int view_read(struct ctl *c, const struct view_places *p, struct str app, struct view *ret);

/* Like the function above, but reports an error if the state cannot be read. */
int view_read_all(struct ctl *c, const struct view_places *p, struct str app, struct view *ret);

/* Like view_read(), but reports nothing, also if the app is unknown. Negative errno if its state can't be
 * read; the rest is filled. */
int view_look(struct ctl *c, const struct view_places *p, struct str app, struct view *ret);

/* "pyservicectl: /var/lib/pyservice/APP: …", for a negative errno; gives the exit status. */
int view_fail(struct ctl *c, const struct view_places *p, struct str app, int r);

enum view_outcome {
        VIEW_UNDER_WAY,
        VIEW_DONE,
        VIEW_PAUSED,
        VIEW_FAILED,
};

/* The state of the rollout, and, if it failed, the reason ("" if it is unknown). */
enum view_outcome view_judge(const struct view *v, struct str *ret_reason);

/* True if the rollout failed since it cannot write its state: it continues when that is possible. */
bool view_is_stalled(const struct view *v);

/* The revision of a rollout that failed. */
struct str view_failed_revision(const struct view *v);

/* "under-way", "done" … */
struct str view_outcome_name(enum view_outcome outcome);

/* For people. */
void view_show_summary(struct buf *out, const struct view *v);
void view_show_changes(struct buf *out, const struct view *v, const struct progress *before);
void view_show_bar(struct buf *out, const struct view *v, size_t columns);
void view_show_end(struct buf *out, const struct view *v);

/* For programs. */
void view_show_json(struct buf *out, const struct view *v);

/* Describes the current step of the rollout, and since when; absent if unknown. */
struct str view_phase(struct arena *a, const struct view *v);

/* Formats a time like systemd: "Fri 2026-11-20 14:03:12 UTC". */
struct str view_time(struct arena *a, uint64_t usec);
