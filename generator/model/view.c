/* SPDX-License-Identifier: Apache-2.0 */
#include "model/view.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/utf8.h"
#include "bundle/layout.h"
#include "bundle/wanted.h"
#include "state/hold.h"

/* A directory below the root; -1 if it does not exist, or this user cannot read it. */
static int open_place(int root, struct str path, int *ret) {
        int r = fs_open_dir(root, path.p + 1);

        *ret = r < 0 ? -1 : r;
        return r == -ENOENT || r == -ENOTDIR || r == -EACCES || r >= 0 ? 0 : r;
}

int view_open(struct ctl *c, struct view_places *ret) {
        CLEANUP(close_fd) int root = fs_open_dir(AT_FDCWD, c->root);
        struct places places;
        int r = ctl_places(c, &places);

        *ret = (struct view_places){ -1, -1, places.state };
        if (r != 0)
                return r;
        if (root < 0)
                return ctl_fail(c->root, root);

        r = open_place(root, places.runtime, &ret->runtime);
        if (r >= 0)
                r = open_place(root, places.state, &ret->state);
        return r < 0 ? ctl_fail(places.state.p, r) : 0;
}

void view_close(struct view_places *p) {
        close_fd(&p->runtime);
        close_fd(&p->state);
}

int view_fail(struct ctl *c, const struct view_places *p, struct str app, int r) {
        struct str path = arena_join(&c->arena, p->state_path, STR("/"), app);

        if (r == -EACCES || r == -EPERM || r == -EROFS) {
                (void) fprintf(stderr, "pyservicectl: %s: %s; this needs root\n", path.p, strerror(-r));
                return CTL_ERROR;
        }
        if (r == -EBADMSG) {
                (void) fprintf(stderr,
                               "pyservicectl: %s: a file there has lines that this version cannot read\n",
                               path.p);
                return EXIT_SYSTEM;
        }

        if (r == -EPROTONOSUPPORT) {
                (void) fprintf(stderr,
                               "pyservicectl: %s: another version of pyservice published it; reload to "
                               "publish it again\n",
                               app.p);
                return EXIT_SYSTEM;
        }

        return ctl_fail(path.p, r);
}

static void clean_progress(struct arena *a, struct progress *p) {
        struct str *texts[] = { &p->revision, &p->phase, &p->message };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                if (!str_is_absent(*texts[i]))
                        *texts[i] = utf8_clean(a, *texts[i]);
        VEC_EACH(u, &p->units) {
                u->name = utf8_clean(a, u->name);
                u->state = utf8_clean(a, u->state);
        }
}

/* A bundle that does not exist, or that this user cannot read, is not published for the user. */
static int read_revisions(struct arena *a, const struct view_places *p, struct view *v) {
        struct wanted wanted;
        int r = p->runtime < 0 ? -ENOENT : wanted_read_revisions(a, p->runtime, v->app, &wanted);

        if (r < 0)
                return r == -EBADMSG || r == -EPROTONOSUPPORT ? r : 0;

        v->is_published = true;
        v->runs = wanted.runs;
        v->wanted = wanted.wanted;
        v->file = wanted.file;
        return 0;
}

int view_look(struct ctl *c, const struct view_places *p, struct str app, struct view *v) {
        struct arena *a = &c->arena;
        struct str errors = arena_join(a, STR(LAYOUT_ERRORS "/"), app);
        struct holds holds;
        int r;

        *v = (struct view){ .app = app };
        r = read_revisions(a, p, v);
        if (r < 0)
                return r;
        if (p->runtime >= 0 && progress_read(a, p->runtime, app, &v->progress) >= 0)
                clean_progress(a, &v->progress);
        v->is_stopped = hold_read(a, p->runtime, app, &holds) >= 0 && hold_has_all(&holds);
        v->has_errors = p->runtime >= 0 && faccessat(p->runtime, errors.p, F_OK, 0) == 0;

        r = state_read(a, p->state, app, &v->state);
        if (r >= 0)
                r = maintenance_read(a, p->state, app, &v->maintenance);
        if (r < 0)
                return r;

        v->knows_state = true;
        VEC_EACH(failure, &v->state.failed)
                failure->reason = utf8_clean(a, failure->reason);
        return 0;
}

static bool is_known(const struct view_places *p, const struct view *v) {
        return v->is_published || (p->state >= 0 && faccessat(p->state, v->app.p, F_OK, 0) == 0);
}

static int complain_unknown(struct str app) {
        (void) fprintf(stderr,
                       "pyservicectl: there is no application '%.*s'; if its definition is new, 'systemctl "
                       "daemon-reload' publishes it\n",
                       STR_ARG(app));
        return CTL_ERROR;
}

int view_read(struct ctl *c, const struct view_places *p, struct str app, struct view *ret) {
        int r = view_look(c, p, app, ret);

        if (r < 0 && r != -EACCES)
                return view_fail(c, p, app, r);

        return is_known(p, ret) ? 0 : complain_unknown(app);
}

int view_read_all(struct ctl *c, const struct view_places *p, struct str app, struct view *ret) {
        int r = view_look(c, p, app, ret);

        if (r < 0)
                return view_fail(c, p, app, r);

        return is_known(p, ret) ? 0 : complain_unknown(app);
}
