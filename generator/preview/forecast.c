/* SPDX-License-Identifier: Apache-2.0 */
#include "preview/forecast.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/resolve.h"
#include "base/fs.h"
#include "base/path.h"
#include "bundle/alive.h"
#include "bundle/layout.h"
#include "bundle/plan.h"
#include "bundle/wanted.h"
#include "ctl/session.h"
#include "podman/podman.h"
#include "publish/stamp.h"
#include "runtime/spawn.h"
#include "state/stored.h"

/* The units that an app's target keeps up. */
struct upheld {
        struct record_unit is;
        struct str what; /* what makes it what it is: a container's revision, a timer's text */
};

struct upheld_list {
        VEC(struct upheld) list;
};

struct comparing {
        struct arena *arena;
        struct forecast_app *app;
        const char *podman;
        bool is_user;
        const struct plan *plan;
};

static struct str without(struct str text, size_t n) {
        return (struct str){ text.p, text.n - n };
}

static enum forecast_kind kind_of(const struct upheld *u) {
        switch ((enum record_kind) u->is.part->kind) {
        case RECORD_SERVICE:
                return FORECAST_INSTANCE;
        case RECORD_TIMER:
                return FORECAST_TIMER;
        case RECORD_SIDECAR:
        case RECORD_TASK:
                break;
        }

        return FORECAST_SIDECAR;
}

static int compare_upheld(const void *x, const void *y) {
        const struct record_unit *a = &((const struct upheld *) x)->is, *b = &((const struct upheld *) y)->is;
        int r = str_cmp(a->part->unit, b->part->unit);

        if (r == 0)
                r = a->number < b->number ? -1 : a->number > b->number;
        return r != 0 ? r : (a->part->kind > b->part->kind) - (a->part->kind < b->part->kind);
}

static struct str what_is(const struct tree *t, const struct record_unit *u) {
        const struct tree_file *timer;

        if (u->part->kind != RECORD_TIMER)
                return u->part->label;

        timer = tree_find(t, layout_unit(t->arena, u->unit));
        return timer ? timer->text : STR("");
}

static void list_upheld(const struct tree *t, struct upheld_list *ret) {
        struct record_units units;

        record_list(t->arena, t->record, &units);
        VEC_EACH(u, &units.list)
                if (!record_is_stopped(t->record, u->upheld))
                        *vec_push(t->arena, &ret->list) = (struct upheld){ *u, what_is(t, u) };
}

static const struct upheld *find_upheld(const struct upheld_list *l, const struct upheld *u) {
        return l->list.n > 0 ? bsearch(u, l->list.at, l->list.n, sizeof(*u), compare_upheld) : NULL;
}

static void add(struct comparing *c, enum forecast_verb verb, enum forecast_kind kind, struct str name) {
        *vec_push(c->arena, &c->app->actions) =
                (struct forecast_action){ .verb = verb, .kind = kind, .name = name };
}

static void add_unit(struct comparing *c, enum forecast_verb verb, const struct upheld *u) {
        *vec_push(c->arena, &c->app->actions) = (struct forecast_action){
                .verb = verb,
                .kind = kind_of(u),
                .name = u->is.unit,
                .number = u->is.number,
                .unit = kind_of(u) == FORECAST_INSTANCE ? u->is.part->unit : (struct str){ 0 },
                .is_early = verb == FORECAST_START && VEC_HAS(&c->plan->early, u->is.part->unit),
        };
}

static void compare_units(struct comparing *c) {
        struct upheld_list before = { 0 }, after = { 0 };

        list_upheld(&c->app->before, &before);
        list_upheld(&c->app->after, &after);
        VEC_EACH(u, &after.list) {
                const struct upheld *old = find_upheld(&before, u);

                if (!old)
                        add_unit(c, kind_of(u) == FORECAST_TIMER ? FORECAST_ADD : FORECAST_START, u);
                else if (!str_eq(old->what, u->what))
                        add_unit(c, kind_of(u) == FORECAST_TIMER ? FORECAST_CHANGE : FORECAST_RESTART, u);
        }
        VEC_EACH(u, &before.list)
                if (!find_upheld(&after, u))
                        add_unit(c, kind_of(u) == FORECAST_TIMER ? FORECAST_REMOVE : FORECAST_STOP, u);
}

static bool has_action(const struct comparing *c, struct str name) {
        VEC_EACH(action, &c->app->actions)
                if (str_eq(action->name, name))
                        return true;

        return false;
}

static bool is_interrupted(const struct comparing *c, struct str name) {
        VEC_EACH(action, &c->app->actions)
                if ((action->verb == FORECAST_RESTART || action->verb == FORECAST_STOP) &&
                    str_eq(action->name, name))
                        return true;

        return false;
}

/* True if a unit restarts or stops that it is bound to. Then systemd restarts it too. */
static bool is_dragged(const struct comparing *c, const struct upheld *u) {
        VEC_EACH(require, &c->app->after.record->requires)
                if (str_eq(require->unit, u->is.part->unit) && is_interrupted(c, require->name))
                        return true;

        return false;
}

static void compare_bound(struct comparing *c) {
        struct upheld_list after = { 0 };

        list_upheld(&c->app->after, &after);
        for (bool is_changed = true; is_changed;) {
                is_changed = false;
                VEC_EACH(u, &after.list) {
                        if (has_action(c, u->is.unit) || !is_dragged(c, u))
                                continue;
                        add_unit(c, FORECAST_RESTART, u);
                        is_changed = true;
                }
        }
}

static bool restarts_instance(const struct comparing *c, struct str unit) {
        VEC_EACH(action, &c->app->actions)
                if (action->verb == FORECAST_RESTART && action->kind == FORECAST_INSTANCE &&
                    str_eq(action->unit, unit))
                        return true;

        return false;
}

/* Tasks before and after instances change: only for a revision that is not accepted. */
static void compare_rollout(struct comparing *c, const struct state *s) {
        struct forecast_app *app = c->app;
        bool is_replaced = !str_is_absent(app->runs) && !str_eq(app->runs, app->wanted);

        if (app->change == FORECAST_GONE || app->is_stopped || str_is_absent(app->wanted) ||
            str_eq(app->accepted, app->wanted))
                return;

        for (size_t i = 0; i < c->plan->tasks.n; i++)
                if (!state_has_task(s, app->wanted, c->plan->tasks.at[i])) {
                        add(c, FORECAST_RUN, FORECAST_TASK, c->plan->tasks.at[i]);
                        app->actions.at[app->actions.n - 1].number = i;
                }
        for (size_t i = 0; i < c->plan->after.n; i++) {
                add(c, FORECAST_RUN, FORECAST_TASK, c->plan->after.at[i]);
                app->actions.at[app->actions.n - 1].number = i;
                app->actions.at[app->actions.n - 1].is_late = true;
        }
        VEC_EACH(service, &c->plan->services)
                if (is_replaced && !c->plan->is_recreate && service->has_spare &&
                    restarts_instance(c, service->unit))
                        add(c, FORECAST_TRY, FORECAST_SPARE,
                            arena_join(c->arena, service->unit, STR("@next.service")));
}

/* All parts that run an image have one platform. */
static struct platform platform_of(struct comparing *c, struct str reference) {
        struct app *app = c->app->defined;
        struct container_list all = app ? app_containers(c->arena, app) : (struct container_list){ 0 };

        VEC_EACH(one, &all.list)
                if (str_eq(app_pinned(app, one->container->image).text, reference))
                        return one->container->settings.platform;

        return (struct platform){ 0 };
}

/* An image that is here is not pulled, unless the definition requires it. */
static bool is_pulled(struct comparing *c, const struct record_image *image) {
        return !c->podman || image->is_asked_always ||
               !podman_has_image(c->arena, c->podman, image->reference, platform_of(c, image->reference));
}

static void compare_new_file(struct comparing *c, const struct tree_file *file) {
        const struct record_image *image;
        struct str name;

        /* "APP-HASH-build.service" and the like. */
        if (layout_is_unit(file->path, &name)) {
                if (str_has_suffix(name, STR("-build.service")))
                        add(c, FORECAST_BUILD, FORECAST_IMAGE, name);
                else if (str_has_suffix(name, STR("-setup.service")))
                        add(c, FORECAST_SET_UP, FORECAST_SETUP, name);
                return;
        }
        if (!layout_is_quadlet(file->path, &name))
                return;

        image = record_find_image(c->app->after.record, name);
        if (image && is_pulled(c, image))
                add(c, FORECAST_PULL, FORECAST_IMAGE, image->reference);
        else if (str_has_suffix(name, STR(".network")))
                add(c, FORECAST_MAKE, FORECAST_NETWORK, without(name, strlen(".network")));
        else if (str_has_suffix(name, STR(".volume")))
                add(c, FORECAST_MAKE, FORECAST_VOLUME, without(name, strlen(".volume")));
}

static void compare_proxy(struct comparing *c, enum forecast_verb verb, struct str path) {
        if (c->is_user)
                return;
        if (str_has_prefix(path, STR(LAYOUT_HAPROXY "/")))
                add(c, verb, FORECAST_HAPROXY, str_from(path, strlen(LAYOUT_HAPROXY)));
        else if (str_has_prefix(path, STR(LAYOUT_NGINX "/")))
                add(c, verb, FORECAST_NGINX, str_from(path, strlen(LAYOUT_NGINX "/")));
}

static void compare_files(struct comparing *c) {
        struct forecast_app *app = c->app;

        VEC_EACH(file, &app->after.files) {
                const struct tree_file *old = tree_find(&app->before, file->path);

                if (!old)
                        compare_new_file(c, file);
                if (!old || !str_eq(old->text, file->text)) {
                        compare_proxy(c, old ? FORECAST_CHANGE : FORECAST_ADD, file->path);
                        app->n_files++;
                }
        }
        VEC_EACH(file, &app->before.files) {
                if (tree_find(&app->after, file->path))
                        continue;
                compare_proxy(c, FORECAST_REMOVE, file->path);
                app->n_files++;
        }
}

/* Parts that start early come before the tasks; tasks at the end come last. */
static unsigned rank(const struct forecast_action *a) {
        return a->is_late ? UINT_MAX : a->is_early ? 2 * FORECAST_RUN - 1 : 2 * a->verb;
}

static int compare_actions(const void *x, const void *y) {
        const struct forecast_action *a = x, *b = y;
        int r = (rank(a) > rank(b)) - (rank(a) < rank(b));

        if (r == 0)
                r = (a->kind > b->kind) - (a->kind < b->kind);
        if (r == 0)
                r = str_cmp(a->unit, b->unit);
        if (r == 0)
                r = a->number < b->number ? -1 : a->number > b->number;
        return r != 0 ? r : str_cmp(a->name, b->name);
}

/* Adds the actions for an app that is not SAME, and n_files. `podman`: its program, or NULL if it must not be
 * queried. `is_user`: the machine's proxy is not concerned. */
static void find_actions(struct arena *a, struct forecast_app *app, const struct state *state,
                         const char *podman, bool is_user) {
        static const struct plan none;
        struct comparing c = {
                .arena = a,
                .app = app,
                .podman = podman,
                .is_user = is_user,
                .plan = app->after.plan ? app->after.plan : &none,
        };

        app->is_recreate = c.plan->is_recreate;
        compare_files(&c);
        if (!app->is_stopped)
                compare_units(&c);
        compare_rollout(&c, state);
        compare_bound(&c);
        if (app->actions.n > 1)
                qsort(app->actions.at, app->actions.n, sizeof(*app->actions.at), compare_actions);
}

#define SECOND 1000000

static bool is_restarted(const struct forecast_app *app, struct str unit) {
        VEC_EACH(action, &app->actions)
                if (action->verb == FORECAST_RESTART && str_eq(action->name, unit))
                        return true;

        return false;
}

/* " (about 5 s)", as the last start took; empty if that is not known. */
static struct str how_long(struct arena *a, struct bus *bus, struct str unit) {
        struct bus_detail detail = { 0 };
        const struct bus_question question = { unit, BUS_ABOUT_START, &detail };

        if (!bus || bus_ask(bus, a, &question, 1) < 0 || detail.start_began == 0 ||
            detail.start_done <= detail.start_began)
                return STR("");

        return arena_join(a, STR(" (about "),
                          arena_u64(a, (detail.start_done - detail.start_began + SECOND - 1) / SECOND),
                          STR(" s)"));
}

/* Adds a note about each service of the defined app that answers no requests while it restarts. `bus`: NULL
 * if systemd must not be queried. */
static void note_spares(struct arena *a, struct forecast_app *app, struct bus *bus) {
        if (app->is_recreate) /* the headline has it */
                return;

        APP_EACH_KEPT(s, app->defined) {
                struct str name = s->is_sidecar ? s->container.unit.text
                                                : arena_join(a, s->container.unit.text, STR("@0"));
                struct str unit = arena_join(a, name, STR(".service"));

                if (s->proxy && s->scale.n == 1 && !has_spare(app->defined, s) && is_restarted(app, unit))
                        *vec_push(a, &app->notes) =
                                arena_join(a, name, STR(" has no spare: requests fail while it restarts"),
                                           how_long(a, bus, unit));
        }
}

/* Adds a note about each volume and network that stays as it is, though its definition differs. Queries
 * Podman, once for all apps. */
static void note_objects(struct arena *a, struct forecast *f, const struct podman_objects *wanted) {
        struct podman_differences differences = { 0 };

        podman_compare(a, wanted, &differences);
        VEC_EACH(d, &differences.list)
                VEC_EACH(app, &f->apps)
                        if (str_eq(app->name, d->object->app))
                                *vec_push(a, &app->notes) =
                                        arena_join(a, d->text, STR("; "), podman_difference_advice(a, d));
}

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

        note_spares(m->arena, app, m->bus);
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
                find_actions(m->arena, app, &state, m->podman, m->trial->publisher.is_user);
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
                note_objects(m->arena, f, &m->objects);
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
