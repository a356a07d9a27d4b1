/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl rollout status: how it stands, followed to its end. */

#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "verbs/rollout.h"

/* Back to the beginning of a line, which is empty then. */
#define CLEARED "\r\033[K"

enum { TURN_MS = 100, COLUMNS_DEFAULT = 80 };

/* One look at the files. Each has memory of its own, for there may be many. */
struct look {
        struct ctl ctl;
        struct view view;
        struct str bar;                 /* as it was drawn */
};

static int look_open(const struct ctl *c, const struct view_places *p, struct str app, struct look *ret) {
        *ret = (struct look) { .ctl = *c };
        ret->ctl.arena = (struct arena) { 0 };
        return view_read(&ret->ctl, p, app, &ret->view);
}

static void look_close(struct look *l) {
        arena_done(&l->ctl.arena);
}

static size_t terminal_columns(void) {
        struct winsize size = { 0 };

        return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : COLUMNS_DEFAULT;
}

static void wait_a_turn(void) {
        (void) nanosleep(&(struct timespec) { .tv_nsec = TURN_MS * 1000000L }, NULL);
}

/* What was followed and is wanted no more: was it given up, or has a newer one taken its place? */
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

static int show_turn(const struct look *last, struct look *now, bool is_first, const struct rollout_following *f) {
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

        return is_good(outcome) ? CTL_GOOD : CTL_MISTAKE;
}

int rollout_follow(struct ctl *c, const struct view_places *p, struct str app, struct rollout_following *f) {
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

        return is_good(outcome) ? CTL_GOOD : CTL_MISTAKE;
}

int ctl_rollout_status(struct ctl *c, struct str app) {
        CLEANUP(view_close) struct view_places places = { -1, -1, { 0 } };
        struct rollout_following following = { 0 };
        int r = view_open(c, &places);

        /* Nothing of another root moves, unless somebody makes it. */
        c->no_follow = c->no_follow || (strcmp(c->root, "/") != 0 && !c->follows);
        following.has_bar = isatty(STDOUT_FILENO) && !c->no_follow;
        if (r != 0)
                return r;

        return c->is_json ? show_json(c, &places, app) : rollout_follow(c, &places, app, &following);
}
