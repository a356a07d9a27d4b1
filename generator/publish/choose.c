/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/choose.h"

#include <errno.h>
#include <unistd.h>

#include "base/fs.h"
#include "bundle/alive.h"
#include "bundle/layout.h"
#include "bundle/wanted.h"
#include "publish/parts.h"
#include "state/stored.h"

struct choosing {
        const struct publisher *p;
        struct bundle *bundle;
        struct revision file;    /* the bundle of the file; without a tree if it is broken */
        struct str runs, wanted; /* of the published bundle; absent if there is none */
        bool was_emptied;
        struct revision base, target;
        bool is_stored; /* target is */
        struct holds holds;
};

struct str choose_wish(const struct state *s, struct str wanted, bool is_broken) {
        return !str_is_absent(s->pinned) && (is_broken || str_eq(s->pinned_over, wanted)) ? s->pinned
                                                                                          : wanted;
}

struct str choose_target(const struct state *s, struct str wish) {
        bool is_out = str_is_absent(wish) || state_find_failure(s, wish);

        return is_out && !str_is_absent(s->accepted) ? s->accepted : wish;
}

struct str choose_base(const struct state *s, const struct revision *target) {
        if (!str_is_absent(s->accepted))
                return s->accepted;

        return compose_has_tasks(target->tree) ? (struct str){ 0 } : target->name;
}

bool bundle_is_published(const struct publisher *p, struct name app) {
        struct path path;

        (void) path_join(&path, STR(LAYOUT_APPS "/"), app.text, STR("/" LAYOUT_STAMP));
        return faccessat(p->runtime, path.text, F_OK, 0) >= 0;
}

static void complain(const struct choosing *ch, enum diag_id id, struct str text) {
        struct diags *ds = ch->p->ds;
        struct str owner = ds->owner;

        ds->owner = ch->bundle->app.text;
        (void) diag_add(ds, id, ch->bundle->app.at, "%.*s", STR_ARG(text));
        ds->owner = owner;
}

const char *state_problem(int r) {
        return r == -EBADMSG ? "it is damaged, or was written by a later version of pyservice" : strerror(-r);
}

/* `what`: below the directory of the state. */
static void complain_of_state(const struct choosing *ch, struct str what, int r) {
        struct arena *a = ch->p->arena;

        complain(ch, DIAG_BAD_STATE,
                 arena_join(a, STR("'"), ch->p->state_path, STR("/"), ch->bundle->app.text, STR("/"), what,
                            STR("' cannot be used: "), str_of(state_problem(r)),
                            STR("; the published revision stays; if there is none, the "
                                "definition runs untested. Restore the file, or remove it")));
}

static void read_holds(struct choosing *ch) {
        struct arena *a = ch->p->arena;
        int r = hold_read(a, ch->p->runtime, ch->bundle->app.text, &ch->holds);

        ch->bundle->is_stopped = hold_has_all(&ch->holds);
        if (r < 0)
                complain(ch, DIAG_BAD_STATE,
                         arena_join(a, STR("'"), ch->p->runtime_path, STR("/" LAYOUT_STOPPED "/"),
                                    ch->bundle->app.text, STR("' cannot be used: "), str_of(state_problem(r)),
                                    STR("; no part of the app counts as "
                                        "stopped. Remove it, and run "
                                        "'pyservicectl stop' again")));
}

static void complain_of_failure(const struct choosing *ch, const struct state_failure *failure) {
        struct arena *a = ch->p->arena;

        if (!failure)
                return;

        complain(ch, DIAG_ROLLOUT_FAILED,
                 arena_join(a, STR("revision "), failure->revision, STR(" was tried and failed: "),
                            failure->reason,
                            STR("; the accepted one runs. Fix the file, or 'pyservicectl rollout retry "),
                            ch->bundle->app.text, STR("' tries it again")));
}

static void read_published(struct choosing *ch) {
        struct wanted now;

        if (wanted_read_revisions(ch->p->arena, ch->p->runtime, ch->bundle->app.text, &now) < 0)
                return;

        if (state_is_revision(now.runs))
                ch->runs = now.runs;
        if (state_is_revision(now.wanted))
                ch->wanted = now.wanted;
        ch->was_emptied = now.is_emptied;
}

/* A published bundle: of the app itself, or below its wanted/. */
static int read_bundle(const struct choosing *ch, struct str below, struct tree *ret) {
        CLEANUP(close_fd) int dir = -1;
        struct path path;

        (void) path_join(&path, STR(LAYOUT_APPS "/"), ch->bundle->app.text, below);
        dir = fs_open_dir(ch->p->runtime, path.text);
        return dir < 0 ? dir : stored_read(ch->p->arena, dir, ret);
}

/* Returns 1 if it is in /var/lib, 0 if it was found elsewhere. */
static int load(struct choosing *ch, struct revision *revision) {
        struct tree *tree;
        int r;

        if (str_eq(revision->name, ch->file.name) && ch->file.tree) {
                revision->tree = ch->file.tree;
                return 0;
        }

        tree = arena_new(ch->p->arena, struct tree);
        r = stored_load(ch->p->arena, ch->p->state, ch->bundle->app.text, revision->name, tree);
        if (r >= 0) {
                revision->tree = tree;
                return 1;
        }

        read_published(ch);
        if ((str_eq(revision->name, ch->runs) && read_bundle(ch, STR(""), tree) >= 0) ||
            (str_eq(revision->name, ch->wanted) && read_bundle(ch, STR("/" LAYOUT_WANTED), tree) >= 0)) {
                revision->tree = tree;
                return 0;
        }

        complain_of_state(ch, arena_join(ch->p->arena, STR(LAYOUT_BUNDLES "/"), revision->name), r);
        return r;
}

static bool load_target(struct choosing *ch, struct str accepted) {
        int r = load(ch, &ch->target);

        /* The tasks and the plan in the published bundle may be another revision's; then nothing is known of
         * them. */
        if (r >= 0 && !ch->target.tree->plan) {
                r = -EBADMSG;
                complain_of_state(ch, arena_join(ch->p->arena, STR(LAYOUT_BUNDLES "/"), ch->target.name), r);
        }
        if (r < 0 && !str_is_absent(accepted) && !str_eq(accepted, ch->target.name)) {
                ch->target.name = accepted;
                r = load(ch, &ch->target);
        }

        ch->is_stored = r == 1;
        return r >= 0;
}

static bool load_base(struct choosing *ch, const struct state *s) {
        ch->base.name = choose_base(s, &ch->target);
        if (str_eq(ch->base.name, ch->target.name))
                ch->base.tree = ch->target.tree;

        return ch->base.tree || str_is_absent(ch->base.name) || load(ch, &ch->base) >= 0;
}

/* If the file is broken, immediate settings stay as published; or as stored, if the published ones lack what
 * upholds services. */
static const struct tree *read_scale(struct choosing *ch) {
        struct tree *tree = arena_new(ch->p->arena, struct tree);

        if (!ch->base.tree || str_is_absent(ch->runs) || ch->was_emptied ||
            read_bundle(ch, STR(""), tree) < 0)
                return NULL;

        return tree;
}

/* Also where target is what is accepted already: it comes back after another one failed, whose instances
 * are to be gone first. */
static bool is_emptied(const struct choosing *ch, const struct state *s) {
        return ch->base.tree && str_eq(s->emptied, ch->target.name);
}

static bool is_withheld(const struct choosing *ch) {
        CLEANUP(close_fd) int dir = -1;
        struct record record = { 0 };
        struct path path;

        if (ch->holds.list.n > 0)
                return true;

        dir = fs_open_dir(ch->p->runtime, path_join(&path, STR(LAYOUT_APPS "/"), ch->bundle->app.text));
        return dir >= 0 && stored_record(ch->p->arena, dir, &record) >= 0 && record.stopped.n > 0;
}

/* The file is broken, and what is published is what would come out. */
static bool is_settled(const struct choosing *ch, const struct state *s) {
        bool runs_right = str_is_absent(s->accepted) || str_eq(ch->runs, s->accepted);

        return !ch->file.tree && runs_right && !is_withheld(ch) && str_eq(ch->wanted, ch->target.name) &&
               !ch->was_emptied && !str_eq(s->emptied, ch->target.name);
}

static void take(struct choosing *ch, const struct composition *c, struct tree *ret) {
        compose(ch->p->arena, c, ret);
        ch->bundle->choice = BUNDLE_WANTED;
}

/* The revision that results when target is accepted. */
static void foresee(struct choosing *ch, struct composition c) {
        c.base = c.target;
        c.is_emptied = false;
        if (ch->p->foresees)
                compose(ch->p->arena, &c, &ch->bundle->after);
}

/* The published bundle stays; if there is none, the desired one is used. */
static void make_do(struct choosing *ch) {
        struct bundle *b = ch->bundle;

        b->choice = BUNDLE_NONE;
        if (bundle_is_published(ch->p, b->app))
                b->choice = BUNDLE_PUBLISHED;
        else if (ch->file.tree)
                take(ch,
                     &(struct composition){ .app = b->app.text,
                                            .base = ch->file,
                                            .target = ch->file,
                                            .file = ch->file,
                                            .holds = &ch->holds },
                     &b->tree);
}

/* If Quadlet refuses the desired revision, the accepted one runs. The published one already stays for that
 * case. */
static void prepare_fallback(struct choosing *ch) {
        struct composition c = { .app = ch->bundle->app.text,
                                 .base = ch->base,
                                 .target = ch->base,
                                 .is_stored = true,
                                 .holds = &ch->holds };

        if (!ch->base.tree || ch->base.tree == ch->target.tree || ch->target.tree != ch->file.tree ||
            !ch->base.tree->plan)
                return;

        read_published(ch);
        if (!str_eq(ch->runs, ch->base.name))
                compose(ch->p->arena, &c, &ch->bundle->fallback);
}

static void decide(struct choosing *ch, const struct state *s) {
        struct composition c = { .app = ch->bundle->app.text, .file = ch->file, .holds = &ch->holds };
        struct str wish;

        if (!ch->file.tree)
                read_published(ch);
        wish = choose_wish(s, ch->file.tree ? ch->file.name : ch->wanted, !ch->file.tree);
        complain_of_failure(ch, state_find_failure(s, wish));
        ch->target.name = choose_target(s, wish);
        if (str_is_absent(ch->target.name) || is_settled(ch, s)) {
                make_do(ch);
                return;
        }
        if (!load_target(ch, s->accepted) || !load_base(ch, s)) {
                make_do(ch);
                return;
        }

        c.base = ch->base;
        c.target = ch->target;
        c.is_emptied = is_emptied(ch, s);
        c.is_stored = ch->is_stored;
        if (!c.file.tree)
                c.file.tree = read_scale(ch);
        take(ch, &c, &ch->bundle->tree);
        foresee(ch, c);
        prepare_fallback(ch);
}

/* Its units stay until the next boot, but it is gone: a broken file of that name does not bring it back. */
static bool is_retired(const struct choosing *ch) {
        struct alive alive;

        return bundle_is_published(ch->p, ch->bundle->app) &&
               alive_read(ch->p->arena, ch->p->runtime, &alive) >= 0 &&
               !alive_find(&alive, ch->bundle->app.text);
}

void bundle_choose(const struct publisher *p, struct bundle *b, const struct tree *file,
                   const struct bundle_state *state) {
        struct choosing ch = { .p = p, .bundle = b, .file.tree = file };

        b->is_accepted = !str_is_absent(state->state.accepted);
        read_holds(&ch);
        if (file)
                ch.file.name = stored_revision(file);
        else if (is_retired(&ch)) {
                b->choice = BUNDLE_NONE;
                return;
        }
        if (p->awaits_state) {
                make_do(&ch);
                return;
        }
        if (state->error < 0) {
                complain_of_state(&ch, STR(LAYOUT_STATE_FILE), state->error);
                make_do(&ch);
                return;
        }

        decide(&ch, &state->state);
}
