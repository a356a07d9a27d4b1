/* SPDX-License-Identifier: Apache-2.0 */

/* The state of a rollout, computed and printed. */

#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "model/view.h"

/* Its activity, in its own words. */
static struct str words_of(const struct progress *p) {
        return p->message.n > 0 ? p->message : p->phase;
}

/* The activity, and since when. */
static struct str words_since(struct arena *a, const struct progress *p) {
        struct str words = words_of(p);

        return p->since > 0 ? arena_join(a, words, STR(", since "), view_time(a, p->since)) : words;
}

static bool is_about_wanted(const struct view *v) {
        return !str_is_absent(v->wanted) && str_eq(v->progress.revision, v->wanted);
}

static bool is_pinned(const struct view *v) {
        return v->knows_state && !str_is_absent(v->state.pinned) && str_eq(v->state.pinned, v->wanted);
}

/* The failure that matters: of the revision that was followed, of the pinned one, or of the desired one. */
static const struct state_failure *find_failure(const struct view *v) {
        if (!v->knows_state)
                return NULL;
        if (!str_is_absent(v->left) && state_find_failure(&v->state, v->left))
                return state_find_failure(&v->state, v->left);

        return state_find_failure(&v->state, is_pinned(v) || str_is_absent(v->file) ? v->wanted : v->file);
}

static bool has_failed(const struct view *v, struct str *ret_reason) {
        const struct state_failure *failure = find_failure(v);

        *ret_reason = failure ? failure->reason : STR("");
        if (failure || v->knows_state)
                return failure;

        /* The desired revision is not wanted: another is pinned, or it failed. Only root can read which. */
        return v->has_errors && !str_is_absent(v->file) && !str_eq(v->file, v->wanted);
}

/* The rollout's full message, for the journal: "APP: revision REVISION failed: …". */
static struct str reason_of(const struct view *v) {
        const struct str before[] = { v->app, STR(": revision "), v->progress.revision, STR(" failed: ") };
        struct str rest = str_is_absent(v->progress.message) ? STR("") : v->progress.message;

        for (size_t i = 0; i < ARRAY_SIZE(before); i++) {
                if (!str_has_prefix(rest, before[i]))
                        return v->progress.message;
                rest = str_from(rest, before[i].n);
        }

        return rest;
}

bool view_is_stalled(const struct view *v) {
        return is_about_wanted(v) && str_is(v->progress.phase, "stalled");
}

enum view_outcome view_judge(const struct view *v, struct str *ret_reason) {
        if (has_failed(v, ret_reason))
                return VIEW_FAILED;
        if (is_about_wanted(v) && str_is(v->progress.phase, "done"))
                return VIEW_DONE;
        if (v->is_stopped || (v->knows_state && v->state.is_paused) ||
            (is_about_wanted(v) && str_is(v->progress.phase, "paused")))
                return VIEW_PAUSED;
        if (view_is_stalled(v)) {
                *ret_reason = reason_of(v);
                return VIEW_FAILED;
        }
        if (!is_about_wanted(v) || !str_is(v->progress.phase, "failed"))
                return VIEW_UNDER_WAY;
        /* The message comes before the record, and only then another revision is wanted. */
        if (v->knows_state && !str_is_absent(v->state.accepted) && !str_eq(v->state.accepted, v->wanted))
                return VIEW_UNDER_WAY;

        *ret_reason = reason_of(v);
        return VIEW_FAILED;
}

struct str view_phase(struct arena *a, const struct view *v) {
        return is_about_wanted(v) ? words_since(a, &v->progress) : (struct str){ 0 };
}

struct str view_time(struct arena *a, uint64_t usec) {
        time_t seconds = (time_t) (usec / 1000000);
        char text[64];
        struct tm tm;
        size_t n =
                localtime_r(&seconds, &tm) ? strftime(text, sizeof(text), "%a %Y-%m-%d %H:%M:%S %Z", &tm) : 0;

        return arena_str(a, (struct str){ text, n });
}

static void put_str(struct buf *out, const char *before, struct str text) {
        buf_put(out, before);
        buf_put_str(out, text);
}

static void put_app(struct buf *out, const struct view *v) {
        buf_put_str(out, v->app);
        buf_put(out, ": ");
}

void view_show_summary(struct buf *out, const struct view *v) {
        put_app(out, v);
        put_str(out, "revision ", v->wanted);
        if (str_is_absent(v->runs))
                buf_put(out, " is desired, nothing is running yet");
        else if (str_eq(v->runs, v->wanted))
                buf_put(out, " is desired");
        else
                put_str(out, " is to replace ", v->runs);
        buf_put_char(out, '\n');

        if (!is_pinned(v))
                return;

        put_app(out, v);
        put_str(out, "it is pinned to ", v->state.pinned);
        put_str(out, " until the next edit of its file, or 'pyservicectl rollout resume ", v->app);
        buf_put(out, "'\n");
}

static struct str state_before(const struct progress *before, struct str unit) {
        VEC_EACH(u, &before->units)
                if (str_eq(u->name, unit))
                        return u->state;

        return STR("waiting");
}

static void count(const struct progress *p, size_t *ret_done, size_t *ret_all) {
        *ret_done = 0;
        *ret_all = p->units.n;
        VEC_EACH(u, &p->units)
                *ret_done += str_is(u->state, "done");
}

void view_show_changes(struct buf *out, const struct view *v, const struct progress *before) {
        static const struct progress none = { 0 };
        bool is_end = str_is(v->progress.phase, "done") || str_is(v->progress.phase, "failed") ||
                      str_is(v->progress.phase, "paused") || view_is_stalled(v);

        if (!is_about_wanted(v))
                return;
        if (!str_eq(before->revision, v->progress.revision))
                before = &none;
        if (!is_end && !str_eq(words_of(before), words_of(&v->progress))) {
                put_app(out, v);
                buf_put_str(out, words_since(out->arena, &v->progress));
                buf_put_char(out, '\n');
        }

        VEC_EACH(u, &v->progress.units) {
                if (str_eq(state_before(before, u->name), u->state))
                        continue;
                put_app(out, v);
                buf_put_str(out, u->name);
                put_str(out, ": ", u->state);
                buf_put_char(out, '\n');
        }
}

/* Cut at the width of the terminal, between characters. */
static void put_cut(struct buf *out, struct str text, size_t columns) {
        size_t at = 0;

        for (size_t n = 0; at < text.n && n < columns; n++)
                for (at++; at < text.n && ((unsigned char) text.p[at] & 0xc0) == 0x80;)
                        at++;
        buf_put_str(out, (struct str){ text.p, at });
}

static void put_bar(struct buf *line, const struct progress *p) {
        enum { WIDTH = 24 };
        struct str what = words_since(line->arena, p);
        size_t done, all;

        count(p, &done, &all);
        buf_put_char(line, '[');
        for (size_t i = 0; i < WIDTH; i++)
                buf_put_char(line, all > 0 && i < done * WIDTH / all ? '#' : '-');
        buf_put(line, "] ");
        buf_put_u64(line, done);
        buf_put_char(line, '/');
        buf_put_u64(line, all);
        VEC_EACH(u, &p->units)
                if (str_is(u->state, "restarting"))
                        what = u->name;
        put_str(line, " ", what);
}

void view_show_bar(struct buf *out, const struct view *v, size_t columns) {
        struct buf line = buf_in(out->arena);

        put_app(&line, v);
        if (is_about_wanted(v))
                put_bar(&line, &v->progress);
        else
                buf_put(&line, "waits for its rollout to start");

        put_cut(out, buf_str(&line), columns > 1 ? columns - 1 : 1);
}

struct str view_failed_revision(const struct view *v) {
        const struct state_failure *failure = find_failure(v);
        bool is_file = !str_is_absent(v->file) && !str_eq(v->file, v->wanted);

        return failure ? failure->revision : is_file ? v->file : v->wanted;
}

static void show_failure(struct buf *out, const struct view *v, struct str reason) {
        const struct state_failure *failure = find_failure(v);
        struct str revision = view_failed_revision(v);

        put_str(out, "revision ", revision);
        if (reason.n > 0)
                put_str(out, " failed: ", reason);
        else
                buf_put(out,
                        v->knows_state
                                ? " failed"
                                : " is not rolled out: it failed, or another one is pinned; root can see "
                                  "which");
        if (failure && !str_is_absent(v->runs) && !str_eq(v->runs, revision))
                put_str(out, "; running: ", v->runs);
        /* An undo that failed has ended already, and one that cannot write goes on by itself. */
        if (view_is_stalled(v) || !str_eq(revision, str_is_absent(v->file) ? v->wanted : v->file))
                return;

        buf_put_char(out, '\n');
        put_app(out, v);
        put_str(out, "fix its file, or 'pyservicectl rollout retry ", v->app);
        buf_put(out, "' tries it again");
}

void view_show_end(struct buf *out, const struct view *v) {
        struct str reason;
        enum view_outcome outcome = view_judge(v, &reason);

        put_app(out, v);
        switch (outcome) {
        case VIEW_DONE:
                put_str(out, "revision ", v->wanted);
                buf_put(out, v->is_stopped ? " is accepted, but the application is stopped" : " runs");
                break;
        case VIEW_PAUSED:
                put_str(out,
                        v->is_stopped ? "the application is stopped; 'pyservicectl start "
                                      : "paused; 'pyservicectl rollout resume ",
                        v->app);
                buf_put(out, "' continues");
                break;
        case VIEW_FAILED:
                show_failure(out, v, reason);
                break;
        case VIEW_UNDER_WAY:
                buf_put(out, "under way");
                break;
        }
        buf_put_char(out, '\n');
}

static void emit_failure(struct json_writer *e, const struct state_failure *failure) {
        if (!failure) {
                json_null(e, "failure");
                return;
        }

        json_open(e, "failure", '{');
        json_text(e, "revision", failure->revision);
        json_text(e, "time", clock_utc(e->out->arena, failure->time));
        json_text(e, "reason", failure->reason);
        json_close(e, '}');
}

static void emit_progress(struct json_writer *e, const struct progress *p) {
        if (str_is_absent(p->revision)) {
                json_null(e, "rollout");
                return;
        }

        json_open(e, "rollout", '{');
        json_text(e, "revision", p->revision);
        json_text(e, "phase", p->phase);
        json_text(e, "message", p->message);
        json_text(e, "started", clock_utc(e->out->arena, p->started));
        json_text(e, "since", p->since > 0 ? clock_utc(e->out->arena, p->since) : (struct str){ 0 });
        json_open(e, "units", '[');
        VEC_EACH(u, &p->units) {
                json_open(e, NULL, '{');
                json_text(e, "unit", u->name);
                json_text(e, "state", u->state);
                json_close(e, '}');
        }
        json_close(e, ']');
        json_close(e, '}');
}

struct str view_outcome_name(enum view_outcome outcome) {
        static const char *const names[] = {
                [VIEW_UNDER_WAY] = "under-way",
                [VIEW_DONE] = "done",
                [VIEW_PAUSED] = "paused",
                [VIEW_FAILED] = "failed",
        };

        return str_of(names[outcome]);
}

void view_show_json(struct buf *out, const struct view *v) {
        struct json_writer e = { .out = out };
        struct str reason;

        json_open(&e, NULL, '{');
        json_text(&e, "app", v->app);
        json_text(&e, "outcome", view_outcome_name(view_judge(v, &reason)));
        json_text(&e, "runs", v->runs);
        json_text(&e, "wanted", v->wanted);
        json_text(&e, "file", v->file);
        json_text(&e, "accepted", v->knows_state ? v->state.accepted : (struct str){ 0 });
        json_text(&e, "pinned", v->knows_state ? v->state.pinned : (struct str){ 0 });
        json_maybe(&e, "paused", v->knows_state, v->state.is_paused);
        emit_failure(&e, find_failure(v));
        emit_progress(&e, &v->progress);
        json_close(&e, '}');
        buf_put_char(out, '\n');
}
