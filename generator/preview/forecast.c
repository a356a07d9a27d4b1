/* SPDX-License-Identifier: Apache-2.0 */
#include "preview/forecast.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/resolve.h"
#include "base/fs.h"
#include "base/path.h"
#include "bundle/alive.h"
#include "bundle/layout.h"
#include "bundle/wanted.h"
#include "ctl/session.h"
#include "publish/stamp.h"
#include "runtime/spawn.h"
#include "state/stored.h"

struct making {
        struct ctl *ctl;
        struct arena *arena;
        struct trial *trial;
        struct forecast *forecast;
        int live, apps;     /* /run/pyservice and its apps; -1 if they do not exist */
        struct alive alive; /* apps that are kept up now, or would be */
        const char *podman;
        struct bus *bus;               /* NULL if systemd must not be queried, or does not answer */
        struct podman_objects objects; /* of the definitions that count */
};

static const struct str left_out[] = {
        STR_INIT(LAYOUT_STAMP),   STR_INIT(LAYOUT_MANIFEST), STR_INIT(LAYOUT_REVISION),
        STR_INIT(LAYOUT_RETIRED), STR_INIT(LAYOUT_WANTED),   STR_INIT(LAYOUT_WHOLE),
        STR_INIT(LAYOUT_RECORD),
};

static bool is_left_out(struct str path) {
        for (size_t i = 0; i < ARRAY_SIZE(left_out); i++)
                if (path_is_within(path, left_out[i]))
                        return true;

        return false;
}

/* All below `dir`, with "" or "SUB/" before their names. */
static int read_files(struct arena *a, int dir, struct str below, struct tree *ret) {
        struct fs_names names = { 0 };
        int r = fs_list(a, dir, below.n > 0 ? below.p : ".", &names);

        if (r < 0)
                return r;

        VEC_EACH(name, &names.list) {
                struct str path = arena_join(a, below, *name);
                struct fs_file file;

                if (is_left_out(path))
                        continue;
                r = fs_read_file(a, dir, path.p, BUF_MAX, &file);
                if (r == -EISDIR)
                        r = read_files(a, dir, arena_join(a, path, STR("/")), ret);
                else if (r >= 0)
                        (void) tree_add(ret, path, file.stat.st_mode & 0777, file.text);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The units that Quadlet made follow from its files. */
static void drop_made(struct tree *t) {
        struct fs_names made = { 0 };
        size_t n = 0;

        VEC_EACH(file, &t->files) {
                struct str name, unit = { 0 };

                if (layout_is_quadlet(file->path, &name))
                        unit = stamp_unit_of(t->arena, name);
                if (unit.n > 0)
                        *vec_push(t->arena, &made.list) = layout_unit(t->arena, unit);
        }
        VEC_EACH(file, &t->files)
                if (!VEC_HAS(&made.list, file->path))
                        t->files.at[n++] = *file;
        t->files.n = n;
}

static int read_published(struct making *m, struct forecast_app *app) {
        CLEANUP(close_fd) int dir = fs_open_dir(m->apps, app->name.p);
        int r = dir < 0 ? dir : read_files(m->arena, dir, STR(""), &app->before);

        if (r < 0)
                return r;

        tree_sort(&app->before);
        drop_made(&app->before);
        r = stored_record(m->arena, dir, app->before.record);
        return r == -ENOENT ? 0 : r;
}

/* A copy without the lines that only describe the state. */
static void take_after(struct arena *a, const struct tree *from, struct forecast_app *app) {
        VEC_EACH(file, &from->files)
                if (!is_left_out(file->path))
                        *vec_push(a, &app->after.files) = *file;
        if (from->record)
                app->after.record = from->record;
        app->after.plan = from->plan;
}

static bool has_errors(const struct diags *ds, struct str app, bool *ret_failed) {
        bool found = false;

        VEC_EACH(d, &ds->list) {
                bool is_own = d->severity == SEVERITY_ERROR && str_eq(d->owner, app);

                found |= is_own;
                *ret_failed |= is_own && (d->id == DIAG_ROLLOUT_FAILED || d->id == DIAG_BAD_STATE ||
                                          d->id == DIAG_QUADLET_REFUSED);
        }
        return found;
}

/* True if the result would be the published bundle. */
static bool is_same(struct making *m, const struct bundle *b) {
        struct stamp old = { 0 };
        struct str hash;

        if (b->choice == BUNDLE_PUBLISHED)
                return true;
        if (m->apps < 0 || stamp_read(m->arena, m->apps, b->app, &old) < 0 || str_is_absent(old.tree))
                return false;

        (void) str_split(&old.tree, ' ', &hash);
        return str_eq(hash, tree_hash(&b->tree, STR("")));
}

static bool is_kept(const struct trial *t, struct arena *a, const struct forecast_app *app) {
        struct str path = layout_bundle_file(a, app->name, app->accepted, STR(LAYOUT_MANIFEST));

        return !str_is_absent(app->accepted) && faccessat(t->publisher.state, path.p, F_OK, 0) == 0;
}

static int read_state(struct making *m, struct forecast_app *app, struct state *ret) {
        int r = state_read(m->arena, m->trial->publisher.state, app->name, ret);

        if (r == -EBADMSG) /* the generator reports it */
                r = 0;
        if (r < 0)
                return r;

        if (!str_is_absent(ret->accepted))
                app->accepted = arena_str(m->arena, ret->accepted);
        app->pinned = ret->pinned;
        app->is_paused = ret->is_paused;
        app->is_kept = is_kept(m->trial, m->arena, app);
        return 0;
}

static int read_revisions(struct making *m, const struct bundle *b, struct forecast_app *app) {
        const struct tree_file *file =
                b && b->choice == BUNDLE_WANTED ? tree_find(&b->tree, STR(LAYOUT_REVISION)) : NULL;
        struct wanted now = { 0 }, then = { 0 };
        int r = m->live < 0 ? 0 : wanted_read(m->arena, m->live, app->name, &now);

        if (r < 0)
                return r;

        if (file)
                r = wanted_parse(m->arena, file->text, &then);
        if (r < 0)
                return r;
        app->runs = now.runs;
        app->file = now.file;
        app->wanted = file ? then.wanted : now.wanted;
        app->is_held_back |= b && (!file || str_is_absent(then.file)) && app->has_errors;
        return 0;
}

/* Facts that only the definition has. */
static void take_notes(struct making *m, struct forecast_app *app) {
        if (!app->defined)
                return;

        forecast_note_spares(m->arena, app, m->bus);
        app_add_objects(m->arena, app->defined, &m->objects, &m->objects);
}

static int take_app(struct making *m, struct str name, const struct bundle *b) {
        const struct alive_app *was_alive = alive_find(&m->alive, name);
        bool is_alive = b && b->choice != BUNDLE_NONE;
        const struct definition *d = session_find(m->trial->session, name);
        struct forecast_app *app = vec_push(m->arena, &m->forecast->apps);
        struct state state = { 0 };
        int r;

        *app = (struct forecast_app){ .name = name, .before.arena = m->arena, .after.arena = m->arena };
        app->before.record = arena_new(m->arena, struct record);
        app->after.record = arena_new(m->arena, struct record);
        app->is_stopped = b ? b->is_stopped : was_alive && was_alive->is_stopped;
        app->has_errors = has_errors(m->trial->publisher.ds, name, &app->is_held_back);
        app->defined = d && !app->is_held_back ? d->app : NULL;
        if (is_alive != (was_alive != NULL))
                app->change = is_alive ? FORECAST_NEW : FORECAST_GONE;
        else if (is_alive && !is_same(m, b))
                app->change = FORECAST_CHANGED;

        r = read_state(m, app, &state);
        if (r >= 0)
                r = read_revisions(m, b, app);
        if (r < 0 || app->change == FORECAST_SAME)
                return r;

        if (was_alive)
                r = read_published(m, app);
        if (is_alive)
                take_after(m->arena, b->after.files.n > 0 ? &b->after : &b->tree, app);
        if (r >= 0)
                forecast_compare(m->arena, app, &state, m->podman, m->trial->publisher.is_user);
        if (r >= 0)
                take_notes(m, app);
        return r;
}

static int compare_apps(const void *a, const void *b) {
        return str_cmp(((const struct forecast_app *) a)->name, ((const struct forecast_app *) b)->name);
}

static int make(struct making *m) {
        const struct publisher *p = &m->trial->publisher;
        struct forecast *f = m->forecast;
        int r = m->live < 0 ? 0 : alive_read(m->arena, m->live, &m->alive);

        for (size_t i = 0; i < p->n_bundles && r >= 0; i++)
                r = take_app(m, p->bundles[i].app.text, &p->bundles[i]);
        VEC_EACH(app, &m->alive.apps)
                if (r >= 0 && !forecast_find(f, app->name))
                        r = take_app(m, arena_str(m->arena, app->name), NULL);
        if (r < 0)
                return r;

        if (m->podman)
                forecast_note_objects(m->arena, f, &m->objects);
        if (f->apps.n > 1)
                qsort(f->apps.at, f->apps.n, sizeof(*f->apps.at), compare_apps);
        return 0;
}

int forecast_make(struct ctl *c, struct trial *t, struct forecast *ret) {
        CLEANUP(close_fd) int live = t->live[0] != '\0' ? fs_open_dir(AT_FDCWD, t->live) : -1;
        CLEANUP(close_fd) int apps = live >= 0 ? fs_open_dir(live, LAYOUT_APPS) : -1;
        struct making m = { .ctl = c,
                            .arena = &c->arena,
                            .trial = t,
                            .forecast = ret,
                            .live = live < 0 ? -1 : live,
                            .apps = apps < 0 ? -1 : apps };
        int r;

        *ret = (struct forecast){ 0 };
        m.podman = strcmp(c->root, "/") == 0 ? spawn_find(&c->arena, "podman").p : NULL;
        if (strcmp(c->root, "/") == 0)
                (void) bus_open(&c->arena, c->is_user, -1, &m.bus);
        r = make(&m);
        bus_close(&m.bus);
        if (r == -EPROTONOSUPPORT) {
                (void) fputs("pyservicectl: cannot compare with the published bundles: another version of "
                             "pyservice "
                             "published them; reload to publish them again\n",
                             stderr);
                return EXIT_SYSTEM;
        }
        return r < 0 ? ctl_fail("cannot compare with the published bundles", r) : 0;
}

const struct forecast_app *forecast_find(const struct forecast *f, struct str app) {
        VEC_EACH(one, &f->apps)
                if (str_eq(one->name, app))
                        return one;

        return NULL;
}
