/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl rollout undo, retry, pause, resume: what the administrator says about a rollout. They change the app's state
 * and have systemd read it; the generator and the rollout do the rest. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fs.h"
#include "bundle/layout.h"
#include "state/stored.h"
#include "verbs/rollout.h"

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

        /* What was read before the lock may be old. */
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

/* Writes, and has systemd read it; not under the lock, for the generator does not wait. */
static int change_commit(struct change *ch) {
        int r = change_write(ch);

        return r != 0 ? r : ctl_reload(ch->ctl);
}

/* What the rollout wrote last is about the time before; who asks for the status now shall not take it for an answer. */
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
        return CTL_MISTAKE;
}

static bool is_stored(const struct change *ch, struct str revision) {
        struct str path = layout_bundle_file(&ch->ctl->arena, ch->app, revision, STR(LAYOUT_MANIFEST));

        return faccessat(ch->places.state, path.p, F_OK, 0) == 0;
}

/* Where an undo goes by itself: from a rollout that is under way, or stopped halfway, to what is accepted; else to what was
 * accepted before. */
static struct str find_earlier(const struct change *ch, const struct state_history *h) {
        const struct state *s = &ch->view.state;
        bool is_under_way = !str_eq(s->accepted, ch->view.wanted) && !state_find_failure(s, ch->view.wanted);

        if (!str_is_absent(s->accepted) && (is_under_way || !str_is_absent(s->held)))
                return s->accepted;

        for (size_t i = h->list.n; i > 0; i--) {
                struct str revision = h->list.at[i - 1].revision;

                if (!str_eq(revision, s->accepted) && !state_find_failure(s, revision) && is_stored(ch, revision))
                        return revision;
        }

        return (struct str) { 0 };
}

/* The names of bundles that can be gone back to, in the order of their last acceptance. */
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

static int find_target(struct change *ch, struct str *ret) {
        struct state_history history = { 0 };
        struct str given = ch->ctl->argc > 2 ? str_of(ch->ctl->argv[2]) : (struct str) { 0 };
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
                                str_is_absent(s->pinned) ? "there is nothing to undo" : "'pyservicectl rollout resume' returns to it");

        s->pinned = revision;
        s->pinned_over = over;
        s->is_paused = false;
        s->held = (struct str) { 0 };   /* what moved comes back, too */
        state_clear_failure(s, revision);
        return 0;
}

/* A rollout that was paused, or had to hold back, has ended; systemd takes it for done. The generator may want another one by now. */
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
        return ctl_systemctl(c, (const char *const[]) { "restart", "--no-block", unit.p, NULL });
}

int ctl_rollout_undo(struct ctl *c, struct str app) {
        CLEANUP(change_close) struct change ch = { .places = { -1, -1, { 0 } }, .lock = -1 };
        struct str revision;
        bool was_paused, is_same;
        int r = change_open(c, app, &ch);

        if (r == 0)
                r = find_target(&ch, &revision);
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

        (void) printf("%.*s is pinned to %.*s%s; this ends with the next edit of its file, or 'pyservicectl rollout resume %.*s'\n",
                      STR_ARG(app), STR_ARG(revision), was_paused ? ", and no longer paused" : "", STR_ARG(app));
        return CTL_GOOD;
}

int ctl_rollout_retry(struct ctl *c, struct str app) {
        CLEANUP(change_close) struct change ch = { .places = { -1, -1, { 0 } }, .lock = -1 };
        struct str revision;
        int r = change_open(c, app, &ch);

        if (r != 0)
                return r;

        revision = str_is_absent(ch.view.file) ? ch.view.wanted : ch.view.file;
        if (!state_find_failure(&ch.view.state, revision))
                return complain(&ch, "revision %.*s, which its file describes, has not failed; there is nothing to retry", STR_ARG(revision));

        state_clear_failure(&ch.view.state, revision);
        forget_progress(&ch, "failed");
        r = change_commit(&ch);
        if (r != 0)
                return r;

        (void) printf("%.*s: revision %.*s is tried again%s\n", STR_ARG(app), STR_ARG(revision),
                      ch.view.state.is_paused ? " when its rollout is resumed" : "");
        return CTL_GOOD;
}

int ctl_rollout_pause(struct ctl *c, struct str app) {
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

        (void) printf("%.*s is paused: no rollout continues until 'pyservicectl rollout resume %.*s'\n", STR_ARG(app), STR_ARG(app));
        return CTL_GOOD;
}

int ctl_rollout_resume(struct ctl *c, struct str app) {
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
        s->pinned = s->pinned_over = (struct str) { 0 };
        forget_progress(&ch, "paused");
        r = change_commit(&ch);
        if (r == 0 && was_paused)
                r = restart_rollout(c, app);
        if (r != 0)
                return r;

        (void) printf("%.*s is no longer %s%s\n", STR_ARG(app),
                      was_paused && was_pinned ? "paused or pinned" : was_paused ? "paused" : "pinned",
                      was_pinned ? "; the revision of its file is rolled out" : "");
        return CTL_GOOD;
}
