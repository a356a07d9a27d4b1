/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl rollout history: what ran, what failed, and why. */

#include <stdio.h>

#include "terminal/table.h"
#include "verbs/rollout.h"

struct row {
        uint64_t time;
        struct str revision, reason;
        struct str mark;                /* "" for none */
};

struct rows {
        VEC(struct row) list;           /* the newest first */
};

/* The revisions that are marked, each at its newest line. */
struct marks {
        struct str accepted, pinned;
};

static struct str take_mark(struct marks *m, struct str revision) {
        bool is_accepted = str_eq(revision, m->accepted), is_pinned = str_eq(revision, m->pinned);

        if (is_accepted)
                m->accepted = STR("");
        if (is_pinned)
                m->pinned = STR("");
        if (is_accepted && is_pinned)
                return STR("accepted, pinned");
        if (is_accepted)
                return STR("accepted");

        return is_pinned ? STR("pinned") : STR("");
}

/* Both lists have the oldest first. */
static void merge(struct arena *a, const struct state *s, const struct state_history *h, struct rows *ret) {
        struct marks marks = { s->accepted, s->pinned };
        size_t i = h->list.n, j = s->failed.n;

        while (i > 0 || j > 0) {
                const struct state_event *event = i > 0 ? &h->list.at[i - 1] : NULL;
                const struct state_failure *failure = j > 0 ? &s->failed.at[j - 1] : NULL;
                struct row *row = vec_push(a, &ret->list);

                if (event && (!failure || event->time >= failure->time)) {
                        *row = (struct row) { event->time, event->revision, event->reason, take_mark(&marks, event->revision) };
                        i--;
                } else {
                        *row = (struct row) { failure->time, failure->revision, failure->reason, STR("failed") };
                        j--;
                }
        }
}

static int fill(struct ctl *c, struct table *t, const struct rows *rows) {
        VEC_EACH(row, &rows->list) {
                struct str cells[] = { row->revision, c->is_json ? view_time_utc(&c->arena, row->time) : view_time(&c->arena, row->time), row->reason.n > 0 ? row->reason : (struct str) { 0 },
                                       row->mark.n > 0 ? row->mark : (struct str) { 0 } };
                int r = table_add(t, cells);

                if (r < 0)
                        return r;
        }

        return 0;
}

static int print_rows(struct ctl *c, const struct rows *rows) {
        static const struct table_column columns[] = {
                { "REVISION", "revision", 0 }, { "TIME", "time", 0 }, { "REASON", "reason", TABLE_WRAP }, { "MARK", "mark", 0 },
        };
        CLEANUP(table_free) struct table *t = NULL;
        int r = table_new(c, "history", columns, ARRAY_SIZE(columns), &t);

        if (r == 0)
                r = fill(c, t, rows);
        return r < 0 ? ctl_fail("cannot make the table", r) : table_print(c, t);
}

int ctl_rollout_history(struct ctl *c, struct str app) {
        CLEANUP(view_close) struct view_places places = { -1, -1, { 0 } };
        struct view view;
        struct state_history history = { 0 };
        struct rows rows = { 0 };
        int r = view_open(c, &places);

        if (r == 0)
                r = view_read_all(c, &places, app, &view);
        if (r != 0)
                return r;

        r = state_read_history(&c->arena, places.state, app, &history);
        if (r < 0)
                return view_fail(c, &places, app, r);

        merge(&c->arena, &view.state, &history, &rows);
        if (rows.list.n == 0 && !c->is_json) {
                (void) fprintf(stderr, "pyservicectl: %.*s has no history yet; it begins when its first "
                               "revision was ready\n", STR_ARG(app));
                return CTL_GOOD;
        }

        return print_rows(c, &rows);
}
