/* SPDX-License-Identifier: Apache-2.0 */
#include "model/facts.h"

#include <stdlib.h>

#include "base/fs.h"
#include "bundle/layout.h"
#include "ctl/session.h"
#include "ctl/target.h"
#include "model/check-machine.h"
#include "model/facts-parts.h"

static const char *const states[] = {
        [FACT_UNKNOWN] = "unknown",   [FACT_STOPPED] = "stopped",       [FACT_HELD] = "held",
        [FACT_STARTING] = "starting", [FACT_READY] = "ready",           [FACT_UNHEALTHY] = "unhealthy",
        [FACT_STOPPING] = "stopping", [FACT_RESTARTING] = "restarting", [FACT_FAILED] = "failed",
        [FACT_FAILING] = "failing",   [FACT_UNREACHED] = "unreached",   [FACT_DONE] = "done",
};

const char *fact_state_name(enum fact_state state) {
        return states[state];
}

struct str fact_all_notes(struct arena *a, const struct fact_app *app) {
        if (str_is_absent(app->rollout_note) || str_is_absent(app->notes))
                return str_is_absent(app->notes) ? app->rollout_note : app->notes;

        return arena_join(a, app->rollout_note, STR("; "), app->notes);
}

void facts_hide(struct facts *f, struct str what) {
        f->hidden = str_is_absent(f->hidden) ? what : arena_join(&f->c->arena, f->hidden, STR(", "), what);
}

void facts_tell_hidden(const struct facts *f) {
        if (!str_is_absent(f->hidden))
                (void) fprintf(stderr, "pyservicectl: not shown without root privileges: %.*s\n",
                               STR_ARG(f->hidden));
}

static bool is_app_meant(const struct facts *f, struct str app) {
        if (!f->targets || f->targets->list.n == 0)
                return true;

        VEC_EACH(t, &f->targets->list)
                if (str_eq(t->app, app))
                        return true;

        return false;
}

static bool is_target(const struct target *t, const struct fact_place *p) {
        uint64_t number;

        if (!str_eq(t->app, p->app->name) || (!str_is_absent(t->part) && !str_eq(t->part, p->part->name)))
                return false;

        return str_is_absent(t->instance) ||
               (p->unit->is_instance && str_to_u64(t->instance, UINT64_MAX, &number) &&
                number == p->unit->number);
}

bool facts_is_meant(const struct facts *f, const struct fact_place *place) {
        if (!f->targets || f->targets->list.n == 0)
                return true;

        VEC_EACH(t, &f->targets->list)
                if (is_target(t, place))
                        return true;

        return false;
}

static int compare_apps(const void *left, const void *right) {
        const struct fact_app *a = left, *b = right;

        return str_cmp(a->name, b->name);
}

/* Apps that are defined, and apps that were published and are no longer defined. */
static void find_apps(struct facts *f) {
        struct arena *a = &f->c->arena;
        struct fs_names names = { 0 };
        size_t n;

        VEC_EACH(d, &f->session.world.definitions)
                if (!str_is_absent(d->name.text) && is_app_meant(f, d->name.text)) {
                        *vec_push(a, &f->apps) = (struct fact_app){ .name = d->name.text, .definition = d };
                        if (d->is_hidden)
                                facts_hide(f, arena_join(a, STR("the content of "), d->path));
                }
        if (f->places.runtime >= 0)
                (void) fs_list(a, f->places.runtime, LAYOUT_APPS, &names);

        n = f->apps.n;
        VEC_EACH(name, &names.list) {
                struct fact_app app = { .name = *name };

                if (!is_app_meant(f, *name) ||
                    (n > 0 && bsearch(&app, f->apps.at, n, sizeof(app), compare_apps)))
                        continue;
                *vec_push(a, &f->apps) = app;
        }
        if (f->apps.n > 1)
                qsort(f->apps.at, f->apps.n, sizeof(struct fact_app), compare_apps);
}

static int complain_unknown(struct facts *f, struct str app) {
        struct arena *a = &f->c->arena;
        struct str *names = arena_array(a, f->session.world.definitions.n + 1, struct str), hint;
        size_t n = 0;

        if (!str_is_absent(session_find_mask(&f->session, app)))
                return session_no_definition(f->c, &f->session, app);

        VEC_EACH(d, &f->session.world.definitions)
                if (!str_is_absent(d->name.text))
                        names[n++] = d->name.text;
        hint = diag_hint(a, app, names, n, STR("'pyservicectl status' lists all applications"));
        (void) fprintf(stderr, "pyservicectl: unknown application '%.*s'; %.*s\n", STR_ARG(app),
                       STR_ARG(hint));
        return CTL_ERROR;
}

static int check_part(struct facts *f, const struct target *t, const struct fact_app *app) {
        struct arena *a = &f->c->arena;
        struct str *names = arena_array(a, app->parts.n + 1, struct str), hint;
        size_t n = 0;

        VEC_EACH(part, &app->parts) {
                if (str_is_absent(t->part) || str_eq(part->name, t->part))
                        return 0;
                names[n++] = part->name;
        }
        if (str_is_absent(t->part))
                return 0;

        hint = diag_hint(a, t->part, names, n,
                         arena_join(a, STR("'pyservicectl status "), app->name, STR("' lists what it has")));
        (void) fprintf(stderr, "pyservicectl: %.*s has no part '%.*s'; %.*s\n", STR_ARG(app->name),
                       STR_ARG(t->part), STR_ARG(hint));
        return CTL_ERROR;
}

static int check_targets(struct facts *f) {
        for (size_t i = 0; f->targets && i < f->targets->list.n; i++) {
                const struct target *t = &f->targets->list.at[i];
                struct fact_app key = { .name = t->app }, *app;
                int r;

                app = f->apps.n > 0 ? bsearch(&key, f->apps.at, f->apps.n, sizeof(key), compare_apps) : NULL;
                r = app ? check_part(f, t, app) : complain_unknown(f, t->app);
                if (r != 0)
                        return r;
        }

        return 0;
}

/* Reports an instance that is neither declared nor runs, which is an error of the user. */
static int check_instance(struct facts *f, const struct target *t) {
        struct target whole = { .app = t->app, .part = t->part };
        uint64_t highest = 0;
        size_t n = 0;

        VEC_EACH(place, &f->all) {
                if (is_target(t, place))
                        return 0;
                if (!is_target(&whole, place) || !place->unit->is_instance ||
                    place->unit->number == PORTS_NEXT)
                        continue;
                highest = place->unit->number > highest ? place->unit->number : highest;
                n++;
        }

        (void) fprintf(stderr, "pyservicectl: %.*s%s%.*s has no instance %.*s; ", STR_ARG(t->app),
                       str_is_absent(t->part) ? "" : "/", STR_ARG(t->part), STR_ARG(t->instance));
        if (n > 0)
                (void) fprintf(stderr, "the last one is %.*s\n", STR_ARG(arena_u64(&f->c->arena, highest)));
        else
                (void) fputs("it has none here\n", stderr);
        return CTL_ERROR;
}

static int check_instances(struct facts *f) {
        int r = 0;

        for (size_t i = 0; r == 0 && f->targets && !f->takes_gone && !f->before && i < f->targets->list.n;
             i++)
                if (!str_is_absent(f->targets->list.at[i].instance))
                        r = check_instance(f, &f->targets->list.at[i]);
        return r;
}

/* Only root can read the state; the rest of a view is for all. An app that was never published has no
 * state. */
static void read_views(struct facts *f) {
        bool knows_all = true;

        VEC_EACH(app, &f->apps) {
                (void) view_look(f->c, &f->places, app->name, &app->view);
                (void) hold_read(&f->c->arena, f->places.runtime, app->name, &app->holds);
                knows_all = knows_all && app->view.knows_state;
        }
        if (!knows_all)
                facts_hide(f, STR("pinned, paused and failed revisions"));
}

static int open_places(struct facts *f) {
        int r;

        f->is_open = true;
        f->places = (struct view_places){ -1, -1, { 0 } };
        r = session_open(f->c, &f->session);
        if (r == 0)
                check_machine(&f->session);
        return r == 0 ? view_open(f->c, &f->places) : r;
}

/* Most units are active: the others have a reason. */
static bool has_trouble(const struct fact_app *app) {
        VEC_EACH(part, &app->parts)
                VEC_EACH(u, &part->units)
                        if (u->is_kept && !str_is(u->active, "active") && u->state != FACT_STOPPED &&
                            u->state != FACT_HELD)
                                return true;

        return false;
}

/* A reason that cannot be queried is left out: the states are known without it. */
static void find_reasons(struct facts *f) {
        VEC_EACH(app, &f->apps) {
                struct str reason;
                struct reasons_query q = {
                        .arena = &f->c->arena,
                        .bus = f->now.bus,
                        .listed = &f->now.units,
                        .is_user = f->c->is_user,
                        .runtime = f->places.runtime,
                        .app = app->name,
                        .is_changing = view_judge(&app->view, &reason) == VIEW_UNDER_WAY,
                };

                if ((f->about & FACTS_REASONS) && q.bus && has_trouble(app))
                        (void) reasons_find(&q, &app->reasons);
        }
}

int facts_open(struct facts *f) {
        int r = open_places(f);

        if (r != 0)
                return r;

        snapshot_begin(&f->now, f->c);
        find_apps(f);
        (void) ports_read(&f->c->arena, f->places.runtime, &f->ports);
        read_views(f);
        VEC_EACH(app, &f->apps)
                facts_find_parts(f, app);
        r = check_targets(f);
        if (r != 0)
                return r;

        r = facts_ask_systemd(f);
        if (r < 0)
                return ctl_fail_systemd(r);
        r = check_instances(f);
        if (r != 0)
                return r;

        facts_ask_podman(f);
        facts_ask_balancer(f);
        facts_read_use(f);
        find_reasons(f);
        snapshot_close(&f->now); /* a verb may keep the facts for hours, and not read the bus */
        VEC_EACH(app, &f->apps)
                facts_judge(f, app);
        return 0;
}

void facts_close(struct facts *f) {
        if (!f->is_open)
                return;

        snapshot_close(&f->now);
        session_close(&f->session);
        view_close(&f->places);
}
