/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl rollout: shows rollouts, and what the administrator decides about them. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "bundle/layout.h"
#include "model/waiting.h"
#include "state/stored.h"
#include "terminal/table.h"
#include "verbs/rollout.h"
#include "verbs/verbs.h"

static struct { bool follows; } options;

const struct option_row rollout_options[] = {
        { "follow", NULL, "Follow the status below another root too", .flag = &options.follows,
          .letter = 'f' },
        { 0 },
};

/* --- undo, retry, pause, resume ---
 *
 * They change the app's state and have systemd read it; the generator and the rollout do the rest. */

/* An app's state under its lock. */
struct change {
        struct ctl *ctl;
        struct view_places places;
        struct view view;
        struct str app;
        int lock;
};

static void change_close(struct change *ch) {
        close_fd(&ch->lock);
        view_close(&ch->places);
}

static int change_open(struct ctl *c, struct str app, struct change *ch) {
        int r;

        ch->ctl = c;
        ch->app = app;
        r = view_open(c, &ch->places);
        if (r == 0)
                r = view_read_all(c, &ch->places, app, &ch->view);
        if (r != 0)
                return r;

        if (ch->places.state < 0)
                return view_fail(c, &ch->places, app, -ENOENT);

        r = state_lock(ch->places.state, app, &ch->lock);
        if (r < 0)
                return view_fail(c, &ch->places, app, r);

        /* The state that was read before the lock may be old. */
        return view_read_all(c, &ch->places, app, &ch->view);
}

static int change_write(struct change *ch) {
        int r = state_write(&ch->ctl->arena, ch->places.state, ch->app, &ch->view.state);

        if (r < 0)
                return view_fail(ch->ctl, &ch->places, ch->app, r);

        close_fd(&ch->lock);
        ch->lock = -1;
        return 0;
}

/* Writes, and makes systemd read it; not under the lock, because the generator does not wait. */
static int change_commit(struct change *ch) {
        int r = change_write(ch);

        return r != 0 ? r : ctl_reload(ch->ctl);
}

/* The rollout's last progress is about the time before; a status query must not take it for an answer. */
static void forget_progress(struct change *ch, const char *phase) {
        if (ch->places.runtime >= 0 && str_is(ch->view.progress.phase, phase))
                progress_remove(&ch->ctl->arena, ch->places.runtime, ch->app);
}

PRINTF_LIKE(2, 3) static int complain(const struct change *ch, const char *format, ...) {
        va_list args;

        (void) fprintf(stderr, "pyservicectl: %.*s: ", STR_ARG(ch->app));
        va_start(args, format);
        (void) vfprintf(stderr, format, args);
        va_end(args);
        (void) fputc('\n', stderr);
        return CTL_ERROR;
}

static bool is_stored(const struct change *ch, struct str revision) {
        struct str path = layout_bundle_file(&ch->ctl->arena, ch->app, revision, STR(LAYOUT_MANIFEST));

        return faccessat(ch->places.state, path.p, F_OK, 0) == 0;
}

/* Where an undo goes by itself: from a rollout that is under way, or stopped halfway, to what is accepted;
 * else to what was accepted before. */
static struct str find_earlier(const struct change *ch, const struct state_history *h) {
        const struct state *s = &ch->view.state;
        bool is_under_way = !str_eq(s->accepted, ch->view.wanted) && !state_find_failure(s, ch->view.wanted);

        if (!str_is_absent(s->accepted) && (is_under_way || !str_is_absent(s->held)))
                return s->accepted;

        for (size_t i = h->list.n; i > 0; i--) {
                struct str revision = h->list.at[i - 1].revision;

                if (!str_eq(revision, s->accepted) && !state_find_failure(s, revision) &&
                    is_stored(ch, revision))
                        return revision;
        }

        return (struct str){ 0 };
}

/* The names of bundles that can be restored, in the order of their last acceptance. */
static void list_stored(const struct change *ch, const struct state_history *h) {
        struct str before = STR("");

        (void) fputs("pyservicectl: kept revisions:", stderr);
        for (size_t i = h->list.n; i > 0; i--) {
                struct str revision = h->list.at[i - 1].revision;
                bool is_listed = false;

                for (size_t j = h->list.n; j > i; j--)
                        is_listed = is_listed || str_eq(h->list.at[j - 1].revision, revision);
                if (!is_listed && is_stored(ch, revision)) {
                        (void) fprintf(stderr, "%.*s %.*s", STR_ARG(before), STR_ARG(revision));
                        before = STR(",");
                }
        }
        (void) fputs(before.n > 0 ? "\n" : " none\n", stderr);
}

static int find_target(struct change *ch, struct str given, struct str *ret) {
        struct state_history history = { 0 };
        int r = state_read_history(&ch->ctl->arena, ch->places.state, ch->app, &history);

        if (r < 0)
                return view_fail(ch->ctl, &ch->places, ch->app, r);

        *ret = str_is_absent(given) ? find_earlier(ch, &history) : given;
        if (str_is_absent(*ret))
                return complain(ch, "no earlier revision exists");
        if (state_is_revision(*ret) && is_stored(ch, *ret))
                return 0;

        r = complain(ch, "revision '%.*s' is not kept", STR_ARG(*ret));
        list_stored(ch, &history);
        return r;
}

static int pin(struct change *ch, struct str revision) {
        struct state *s = &ch->view.state;
        struct str over = ch->view.file;

        if (str_eq(s->pinned, revision) && str_eq(ch->view.wanted, revision))
                return complain(ch, "it is pinned to %.*s already", STR_ARG(revision));
        if (str_eq(over, revision))
                return complain(ch, "its file already describes revision %.*s; %s", STR_ARG(revision),
                                str_is_absent(s->pinned) ? "there is nothing to undo"
                                                         : "'pyservicectl rollout resume' returns to it");

        s->pinned = revision;
        s->pinned_over = over;
        s->is_paused = false;
        s->held = (struct str){ 0 }; /* what moved comes back, too */
        state_clear_failure(s, revision);
        return 0;
}

/* A rollout that was paused, or had to hold back, has ended; systemd takes it for done. The generator may
 * want another one by now. */
static int restart_rollout(struct ctl *c, struct str app) {
        CLEANUP(view_close) struct view_places places = { -1, -1, { 0 } };
        struct view view;
        struct str unit;
        int r = view_open(c, &places);

        if (r == 0)
                r = view_read(c, &places, app, &view);
        if (r != 0 || str_is_absent(view.wanted) || strcmp(c->root, "/") != 0)
                return r;

        unit = arena_join(&c->arena, app, STR("-rollout@"), view.wanted, STR(".service"));
        return ctl_systemctl(c, (const char *const[]){ "restart", "--no-block", unit.p, NULL });
}

int rollout_undo(struct ctl *c, struct str app, struct str given) {
        CLEANUP(change_close) struct change ch = { .places = { -1, -1, { 0 } }, .lock = -1 };
        struct str revision;
        bool was_paused, is_same;
        int r = change_open(c, app, &ch);

        if (r == 0)
                r = find_target(&ch, given, &revision);
        if (r != 0)
                return r;

        was_paused = ch.view.state.is_paused;
        is_same = str_eq(ch.view.wanted, revision);
        r = pin(&ch, revision);
        if (r == 0)
                r = change_commit(&ch);
        if (r == 0 && is_same)
                r = restart_rollout(c, app);
        if (r != 0)
                return r;

        (void) printf("%.*s is pinned to %.*s%s; this ends with the next edit of its file, or 'pyservicectl "
                      "rollout resume %.*s'\n",
                      STR_ARG(app), STR_ARG(revision), was_paused ? ", and no longer paused" : "",
                      STR_ARG(app));
        return CTL_GOOD;
}

static int ctl_rollout_undo(struct ctl *c, struct str app) {
        int r = rollout_undo(c, app, c->argc > 2 ? str_of(c->argv[2]) : (struct str){ 0 });

        return r != 0 ? r : rollout_follow_change(c, app);
}

static int ctl_rollout_retry(struct ctl *c, struct str app) {
        CLEANUP(change_close) struct change ch = { .places = { -1, -1, { 0 } }, .lock = -1 };
        struct str revision;
        int r = change_open(c, app, &ch);

        if (r != 0)
                return r;

        revision = str_is_absent(ch.view.file) ? ch.view.wanted : ch.view.file;
        if (!state_find_failure(&ch.view.state, revision))
                return complain(
                        &ch,
                        "revision %.*s, which its file describes, has not failed; there is nothing to retry",
                        STR_ARG(revision));

        state_clear_failure(&ch.view.state, revision);
        forget_progress(&ch, "failed");
        r = change_commit(&ch);
        if (r != 0)
                return r;

        (void) printf("%.*s: revision %.*s is tried again%s\n", STR_ARG(app), STR_ARG(revision),
                      ch.view.state.is_paused ? " when its rollout is resumed" : "");
        return ch.view.state.is_paused ? CTL_GOOD : rollout_follow_change(c, app);
}

static int ctl_rollout_pause(struct ctl *c, struct str app) {
        CLEANUP(change_close) struct change ch = { .places = { -1, -1, { 0 } }, .lock = -1 };
        int r = change_open(c, app, &ch);

        if (r != 0)
                return r;
        if (ch.view.state.is_paused)
                return complain(&ch, "it is paused already");

        ch.view.state.is_paused = true;
        r = change_write(&ch);
        if (r != 0)
                return r;

        (void) printf("%.*s is paused: no rollout continues until 'pyservicectl rollout resume %.*s'\n",
                      STR_ARG(app), STR_ARG(app));
        return CTL_GOOD;
}

static int ctl_rollout_resume(struct ctl *c, struct str app) {
        CLEANUP(change_close) struct change ch = { .places = { -1, -1, { 0 } }, .lock = -1 };
        struct state *s = &ch.view.state;
        bool was_paused, was_pinned;
        int r = change_open(c, app, &ch);

        if (r != 0)
                return r;

        was_paused = s->is_paused;
        was_pinned = !str_is_absent(s->pinned);
        if (!was_paused && !was_pinned)
                return complain(&ch, "it is neither paused nor pinned; there is nothing to resume");

        s->is_paused = false;
        s->pinned = s->pinned_over = (struct str){ 0 };
        forget_progress(&ch, "paused");
        r = change_commit(&ch);
        if (r == 0 && was_paused)
                r = restart_rollout(c, app);
        if (r != 0)
                return r;

        (void) printf("%.*s is no longer %s%s\n", STR_ARG(app),
                      was_paused && was_pinned ? "paused or pinned"
                      : was_paused             ? "paused"
                                               : "pinned",
                      was_pinned ? "; the revision of its file is rolled out" : "");
        return rollout_follow_change(c, app);
}

/* --- history: what ran, what failed, and why --- */

struct row {
        uint64_t time;
        struct str revision, reason;
        struct str mark; /* "" for none */
};

struct rows {
        VEC(struct row) list; /* the newest first */
};

/* The revisions that are marked, each at its newest line. */
struct marks {
        struct str accepted, pinned;
        struct fs_names kept; /* an undo can return to them */
};

static bool take_kept(struct marks *m, struct str revision) {
        VEC_EACH(name, &m->kept.list)
                if (str_eq(*name, revision)) {
                        *name = STR("");
                        return true;
                }

        return false;
}

static struct str take_mark(struct marks *m, struct str revision) {
        bool is_accepted = str_eq(revision, m->accepted), is_pinned = str_eq(revision, m->pinned);
        bool is_kept = take_kept(m, revision);

        if (is_accepted)
                m->accepted = STR("");
        if (is_pinned)
                m->pinned = STR("");
        if (is_accepted && is_pinned)
                return STR("accepted, pinned");
        if (is_accepted)
                return STR("accepted");

        return is_pinned ? STR("pinned") : is_kept ? STR("kept") : STR("");
}

/* Both lists have the oldest first. */
static void merge(struct arena *a, const struct state *s, const struct state_history *h,
                  const struct fs_names *kept, struct rows *ret) {
        struct marks marks = { s->accepted, s->pinned, *kept };
        size_t i = h->list.n, j = s->failed.n;

        while (i > 0 || j > 0) {
                const struct state_event *event = i > 0 ? &h->list.at[i - 1] : NULL;
                const struct state_failure *failure = j > 0 ? &s->failed.at[j - 1] : NULL;
                struct row *row = vec_push(a, &ret->list);

                if (event && (!failure || event->time >= failure->time)) {
                        *row = (struct row){ event->time, event->revision, event->reason,
                                             take_mark(&marks, event->revision) };
                        i--;
                } else {
                        *row = (struct row){ failure->time, failure->revision, failure->reason,
                                             STR("failed") };
                        j--;
                }
        }
}

static int fill(struct ctl *c, struct table *t, const struct rows *rows) {
        VEC_EACH(row, &rows->list) {
                struct str cells[] = { row->revision,
                                       c->is_json ? clock_utc(&c->arena, row->time)
                                                  : view_time(&c->arena, row->time),
                                       row->reason.n > 0 ? row->reason : (struct str){ 0 },
                                       row->mark.n > 0 ? row->mark : (struct str){ 0 } };
                int r = table_add(t, cells);

                if (r < 0)
                        return r;
        }

        return 0;
}

static int print_rows(struct ctl *c, const struct rows *rows) {
        static const struct table_column columns[] = {
                { "REVISION", "revision", 0 },
                { "TIME", "time", 0 },
                { "REASON", "reason", TABLE_WRAP },
                { "MARK", "mark", 0 },
        };
        CLEANUP(table_free) struct table *t = NULL;
        int r = table_new(c, "history", columns, ARRAY_SIZE(columns), &t);

        if (r == 0)
                r = fill(c, t, rows);
        return r < 0 ? ctl_fail("cannot make the table", r) : table_print(c, t);
}

static int ctl_rollout_history(struct ctl *c, struct str app) {
        CLEANUP(view_close) struct view_places places = { -1, -1, { 0 } };
        struct view view;
        struct state_history history = { 0 };
        struct fs_names kept = { 0 };
        struct rows rows = { 0 };
        int r = view_open(c, &places);

        if (r == 0)
                r = view_read_all(c, &places, app, &view);
        if (r != 0)
                return r;

        r = state_read_history(&c->arena, places.state, app, &history);
        if (r < 0)
                return view_fail(c, &places, app, r);

        (void) fs_list(&c->arena, places.state, layout_bundles(&c->arena, app).p, &kept);
        merge(&c->arena, &view.state, &history, &kept, &rows);
        if (rows.list.n == 0 && !c->is_json) {
                (void) fprintf(stderr,
                               "pyservicectl: %.*s has no history yet; it begins when its first "
                               "revision was ready\n",
                               STR_ARG(app));
                return CTL_GOOD;
        }

        return print_rows(c, &rows);
}

/* --- status: where the rollout stands, followed to its end --- */

/* Back to the beginning of a line, which is empty then. */
#define CLEARED "\r\033[K"

enum { TURN_MS = 100, COLUMNS_DEFAULT = 80 };

/* One read of the files. Each has memory of its own, because there may be many. */
struct look {
        struct ctl ctl;
        struct view view;
        struct str bar; /* as it was drawn */
};

static int look_open(const struct ctl *c, const struct view_places *p, struct str app, struct look *ret) {
        *ret = (struct look){ .ctl = *c };
        ret->ctl.arena = (struct arena){ 0 };
        return view_read(&ret->ctl, p, app, &ret->view);
}

static void look_close(struct look *l) {
        arena_done(&l->ctl.arena);
}

static size_t terminal_columns(void) {
        struct winsize size = { 0 };

        return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                               : COLUMNS_DEFAULT;
}

static void wait_a_turn(void) {
        (void) nanosleep(&(struct timespec){ .tv_nsec = TURN_MS * 1000000L }, NULL);
}

/* The followed revision is no longer wanted: it was given up, or a newer one has taken its place. */
static void go_on_with(const struct look *last, struct look *now) {
        struct str wanted = last->view.wanted;

        if (!str_is_absent(wanted) && !str_eq(wanted, now->view.wanted))
                now->view.left = arena_str(&now->ctl.arena, wanted);
}

static void put_bar(struct buf *out, const struct look *last, struct look *now) {
        struct buf bar = buf_in(&now->ctl.arena);

        view_show_bar(&bar, &now->view, terminal_columns());
        now->bar = buf_str(&bar);
        if (str_eq(last->bar, now->bar))
                return;

        buf_put(out, CLEARED);
        buf_put_str(out, now->bar);
}

static int show_turn(const struct look *last, struct look *now, bool is_first,
                     const struct rollout_following *f) {
        struct buf out = buf_in(&now->ctl.arena);
        bool is_other = is_first || !str_eq(last->view.wanted, now->view.wanted), has_bar = f->has_bar;
        const struct progress none = { 0 };

        if (f->is_silent)
                return CTL_GOOD;
        if (has_bar && is_other)
                buf_put(&out, CLEARED);
        if (is_other)
                view_show_summary(&out, &now->view);
        if (has_bar)
                put_bar(&out, last, now);
        else if (!is_first || !str_is(now->view.progress.phase, "done"))
                view_show_changes(&out, &now->view, is_other ? &none : &last->view.progress);

        return ctl_write(stdout, buf_str(&out));
}

static bool is_good(enum view_outcome outcome) {
        return outcome == VIEW_DONE || outcome == VIEW_UNDER_WAY;
}

static int show_end(struct look *now, const struct rollout_following *f, enum view_outcome outcome) {
        struct buf out = buf_in(&now->ctl.arena);

        if (f->has_bar)
                buf_put(&out, CLEARED);
        if (outcome != VIEW_UNDER_WAY && !f->is_silent)
                view_show_end(&out, &now->view);
        if (ctl_write(stdout, buf_str(&out)) != CTL_GOOD)
                return EXIT_SYSTEM;

        return is_good(outcome) ? CTL_GOOD : CTL_ERROR;
}

/* The reasons why it takes long; a bar is drawn again below them. */
static int show_reasons(struct waiting *w, struct look *now, const struct rollout_following *f) {
        bool is_real = strcmp(w->ctl->root, "/") == 0 && !f->is_silent;
        struct str text = !is_real            ? STR("")
                          : w->ctl->no_follow ? waiting_show(w, now->view.app, true)
                                              : waiting_look(w, now->view.app, true);

        if (text.n == 0)
                return CTL_GOOD;
        if (f->has_bar) {
                text = arena_join(&now->ctl.arena, STR(CLEARED), text);
                now->bar = STR("");
        }
        return ctl_write(stdout, text);
}

int rollout_follow(struct ctl *c, const struct view_places *p, struct str app, struct rollout_following *f) {
        CLEANUP(waiting_close) struct waiting waiting = { .ctl = c, .places = p };
        struct look looks[2] = { 0 };
        struct str reason = { 0 };
        size_t i = 0;
        int r = CTL_GOOD;

        for (bool is_first = true;; is_first = false, i = 1 - i) {
                enum view_outcome outcome;

                look_close(&looks[i]);
                r = look_open(c, p, app, &looks[i]);
                if (r != CTL_GOOD)
                        break;

                go_on_with(&looks[1 - i], &looks[i]);
                f->outcome = outcome = view_judge(&looks[i].view, &reason);
                r = show_turn(&looks[1 - i], &looks[i], is_first, f);
                if (r == CTL_GOOD && outcome == VIEW_UNDER_WAY)
                        r = show_reasons(&waiting, &looks[i], f);
                if (r != CTL_GOOD)
                        break;
                if (outcome != VIEW_UNDER_WAY || c->no_follow) {
                        r = show_end(&looks[i], f, outcome);
                        break;
                }
                wait_a_turn();
                r = f->turn ? f->turn(f->userdata) : CTL_GOOD;
                if (r != CTL_GOOD)
                        break;
        }

        f->reason = arena_str(&c->arena, reason);
        look_close(&looks[0]);
        look_close(&looks[1]);
        return r;
}

bool rollout_is_followed(const struct ctl *c) {
        return strcmp(c->root, "/") == 0 && !c->no_follow && !c->is_json && isatty(STDOUT_FILENO);
}

void rollout_name_command(const struct ctl *c, struct str app) {
        if (strcmp(c->root, "/") == 0 && !c->is_json)
                (void) printf("'pyservicectl%s rollout status %.*s' follows it\n",
                              c->is_user ? " --user" : "", STR_ARG(app));
}

int rollout_follow_change(struct ctl *c, struct str app) {
        CLEANUP(view_close) struct view_places places = { -1, -1, { 0 } };
        struct rollout_following following = { .has_bar = true };
        int r;

        if (!rollout_is_followed(c)) {
                rollout_name_command(c, app);
                return CTL_GOOD;
        }

        (void) fflush(stdout);
        r = view_open(c, &places);
        return r != 0 ? r : rollout_follow(c, &places, app, &following);
}

static int show_json(struct ctl *c, const struct view_places *p, struct str app) {
        struct buf out = buf_in(&c->arena);
        struct view view;
        struct str reason;
        enum view_outcome outcome;
        int r = view_read(c, p, app, &view);

        if (r != 0)
                return r;

        view_show_json(&out, &view);
        outcome = view_judge(&view, &reason);
        if (ctl_write(stdout, buf_str(&out)) != CTL_GOOD)
                return EXIT_SYSTEM;

        return is_good(outcome) ? CTL_GOOD : CTL_ERROR;
}

static int ctl_rollout_status(struct ctl *c, struct str app) {
        CLEANUP(view_close) struct view_places places = { -1, -1, { 0 } };
        struct rollout_following following = { 0 };
        int r = view_open(c, &places);

        /* Instances of another root do not change unless an administrator does it. */
        c->no_follow = c->no_follow || (strcmp(c->root, "/") != 0 && !options.follows);
        following.has_bar = isatty(STDOUT_FILENO) && !c->no_follow;
        if (r != 0)
                return r;

        return c->is_json ? show_json(c, &places, app) : rollout_follow(c, &places, app, &following);
}

static const struct {
        const char *name;
        int max; /* words after it */
        int (*run)(struct ctl *c, struct str app);
} verbs[] = {
        { "status", 1, ctl_rollout_status }, { "history", 1, ctl_rollout_history },
        { "undo", 2, ctl_rollout_undo },     { "retry", 1, ctl_rollout_retry },
        { "pause", 1, ctl_rollout_pause },   { "resume", 1, ctl_rollout_resume },
};

int ctl_rollout(struct ctl *c) {
        for (size_t i = 0; c->argc > 0 && i < ARRAY_SIZE(verbs); i++) {
                if (strcmp(c->argv[0], verbs[i].name) != 0)
                        continue;
                if (c->argc < 2 || c->argc > verbs[i].max + 1)
                        return ctl_usage(c, "%s: give the name of one application%s", verbs[i].name,
                                         verbs[i].max > 1 ? ", and optionally a revision" : "");
                if (!type_accepts(KIND_NAME, str_of(c->argv[1]))) {
                        (void) fprintf(stderr, "pyservicectl: invalid application name '%s'; %s\n",
                                       c->argv[1], type_of(KIND_NAME)->rule);
                        return CTL_USAGE;
                }
                return verbs[i].run(c, str_of(c->argv[1]));
        }

        return ctl_unknown_subcommand(c, "status, history, undo, retry, pause and resume");
}
