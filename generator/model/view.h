/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What `pyservicectl rollout` knows of one app: all of it from files, so that it works below a root and, as far as they
 * can be read, without being root.
 *
 *     /run/pyservice/apps/APP/revision        "runs REVISION", "wanted REVISION", "file REVISION"; "-" where there is none
 *     /run/pyservice/rollouts/APP             how far the rollout is; rollout/progress.h
 *     /var/lib/pyservice/APP/…                state/state.h; only root reads it */

#include "ctl/ctl.h"
#include "rollout/progress.h"
#include "state/state.h"

/* Texts are one line each, of printable UTF-8. */
struct view {
        struct str app;
        bool is_stopped;                /* as a whole, by the administrator: its rollout waits for that */
        bool is_published, knows_state, has_errors;     /* has_errors: its definition has mistakes, or its revision failed */
        struct str runs, wanted;        /* absent for none */
        struct str file;                /* what the definition is; absent where it is broken, or never was published */
        struct str left;                /* what was followed until now, where something else is wanted since */
        struct progress progress;
        struct state state;
};

/* Where all that is; -1 where a directory is not there. */
struct view_places {
        int runtime, state;
        struct str state_path;          /* for messages */
};

/* Gives 0, or an exit status after having said why. */
int view_open(struct ctl *c, struct view_places *ret);
void view_close(struct view_places *p);

/* Reads all of it. An app of which nothing at all is known is the user's mistake. Gives 0 or an exit status. */
int view_read(struct ctl *c, const struct view_places *p, struct str app, struct view *ret);

/* The same, for who needs the state: says so where it cannot be read. */
int view_read_all(struct ctl *c, const struct view_places *p, struct str app, struct view *ret);

/* The same, silently, also where nothing is known of the app. Negative errno where its state can't be read; the rest is there. */
int view_look(struct ctl *c, const struct view_places *p, struct str app, struct view *ret);

/* "pyservicectl: /var/lib/pyservice/APP: …", for a negative errno; gives the exit status. */
int view_fail(struct ctl *c, const struct view_places *p, struct str app, int r);

enum view_outcome {
        VIEW_UNDER_WAY,
        VIEW_DONE,
        VIEW_PAUSED,
        VIEW_FAILED,
};

/* How it stands, and, where it failed, why ("" where that is not known). */
enum view_outcome view_judge(const struct view *v, struct str *ret_reason);

/* "under-way", "done" … */
struct str view_outcome_name(enum view_outcome outcome);

/* For people. */
void view_show_summary(struct buf *out, const struct view *v);
void view_show_changes(struct buf *out, const struct view *v, const struct progress *before);
void view_show_bar(struct buf *out, const struct view *v, size_t columns);
void view_show_end(struct buf *out, const struct view *v);

/* For programs. */
void view_show_json(struct buf *out, const struct view *v);

/* What the rollout does now, and since when; absent if nothing is known of it. */
struct str view_phase(struct arena *a, const struct view *v);

/* As systemd shows times: "Fri 2026-11-20 14:03:12 UTC". */
struct str view_time(struct arena *a, uint64_t usec);

/* The same for programs, everywhere alike: "2026-11-20T14:03:12Z". */
struct str view_time_utc(struct arena *a, uint64_t usec);
