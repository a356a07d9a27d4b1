/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdlib.h>

#include "app/resolve.h"
#include "bundle/layout.h"
#include "bundle/plan.h"
#include "podman/podman.h"
#include "preview/forecast.h"
#include "publish/stamp.h"

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

static bool is_restarted(const struct comparing *c, struct str unit) {
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
                    is_restarted(c, service->unit))
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

void forecast_compare(struct arena *a, struct forecast_app *app, const struct state *state,
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
