/* SPDX-License-Identifier: Apache-2.0 */
#include "model/facts.h"

#include <errno.h>
#include <stdlib.h>

#include "app/machine.h"
#include "base/fs.h"
#include "bundle/layout.h"
#include "bundle/plan.h"
#include "ctl/session.h"
#include "ctl/target.h"
#include "model/check-machine.h"
#include "model/facts-parts.h"
#include "state/stored.h"

#define SERVICE_SUFFIX STR(".service")

static enum fact_state state_of(const struct fact_unit *u) {
        if (str_is_absent(u->active))
                return FACT_UNKNOWN;
        if (str_is(u->active, "active") || str_is(u->active, "reloading"))
                return FACT_READY;
        if (str_is(u->active, "inactive") && u->job.n > 0)
                return FACT_STARTING;
        if (str_is(u->active, "activating"))
                return bus_waits_for_restart(u->sub) ? FACT_RESTARTING : FACT_STARTING;
        if (str_is(u->active, "deactivating"))
                return FACT_STOPPING;

        return str_is(u->active, "failed") ? FACT_FAILED : FACT_STOPPED;
}

static struct fact_unit *add_unit(struct facts *f, struct fact_part *part, struct str name) {
        struct fact_unit *u = vec_push(&f->c->arena, &part->units);
        const struct bus_listed *listed = snapshot_find_unit(&f->now, name);

        *u = (struct fact_unit){ .name = name,
                                 .container = part->unit,
                                 .is_declared = part->is_declared,
                                 .is_kept = fact_is_kept(part),
                                 .server.n_sessions = FACT_NOT_KNOWN,
                                 .server.n_requests = FACT_NOT_KNOWN,
                                 .memory = FACT_NOT_KNOWN,
                                 .cpu = FACT_NOT_KNOWN };
        if (f->now.has_units) {
                u->active = listed ? listed->active : STR("inactive");
                u->sub = listed ? listed->sub : STR("dead");
        }
        u->job = listed ? listed->job : STR("");
        u->state = state_of(u);
        return u;
}

static void add_instance(struct facts *f, const struct fact_app *app, struct fact_part *part,
                         struct str number) {
        struct fact_unit *u =
                add_unit(f, part, arena_join(&f->c->arena, part->unit, STR("@"), number, SERVICE_SUFFIX));

        if (!str_to_u64(number, INSTANCES_MAX, &u->number))
                u->number = PORTS_NEXT;
        u->is_instance = true;
        u->is_declared = u->number < part->scale;
        u->container = arena_join(&f->c->arena, part->unit, STR("-"), number);
        u->port = ports_find(&f->ports, (struct name){ app->name, NOWHERE },
                             (struct name){ part->unit, NOWHERE }, (uint32_t) u->number);
}

static bool is_idle(const struct bus_listed *l) {
        return str_is(l->active, "inactive") && l->job.n == 0;
}

/* The spare, and instances that should no longer run. */
static void add_further(struct facts *f, const struct fact_app *app, struct fact_part *part) {
        struct str prefix = arena_join(&f->c->arena, part->unit, STR("@"));

        for (size_t i = snapshot_lower_bound(&f->now, prefix);
             i < f->now.units.list.n && str_has_prefix(f->now.units.list.at[i].name, prefix); i++) {
                const struct bus_listed *listed = &f->now.units.list.at[i];
                struct str number = str_from(listed->name, prefix.n);
                uint64_t n = 0;

                if (!str_has_suffix(number, SERVICE_SUFFIX) || is_idle(listed))
                        continue;
                number.n -= SERVICE_SUFFIX.n;
                if (str_is(number, "next") || (str_to_u64(number, INSTANCES_MAX, &n) && n >= part->scale))
                        add_instance(f, app, part, number);
        }
}

static int compare_units(const void *left, const void *right) {
        const struct fact_unit *a = left, *b = right;

        return a->number < b->number ? -1 : a->number > b->number;
}

static void find_units(struct facts *f, const struct fact_app *app, struct fact_part *part) {
        const struct bus_listed *timer = part->timer.n > 0 ? snapshot_find_unit(&f->now, part->timer) : NULL;

        part->is_timer_active = timer && str_is(timer->active, "active");
        if (part->kind != RECORD_SERVICE) {
                struct fact_unit *u = add_unit(f, part, arena_join(&f->c->arena, part->unit, SERVICE_SUFFIX));

                u->is_declared = part->is_declared && part->scale > 0;
                u->port = ports_find(&f->ports, (struct name){ app->name, NOWHERE },
                                     (struct name){ part->unit, NOWHERE }, 0);
                return;
        }

        for (uint64_t i = 0; i < part->scale; i++)
                add_instance(f, app, part, arena_u64(&f->c->arena, i));
        add_further(f, app, part);
        if (part->units.n > 1)
                qsort(part->units.at, part->units.n, sizeof(struct fact_unit), compare_units);
}

static void list_units(struct facts *f, struct fact_app *app, struct fact_part *part) {
        VEC_EACH(u, &part->units) {
                if ((u->state == FACT_STOPPED || u->state == FACT_UNKNOWN) && hold_find(&app->holds, u->name))
                        u->state = FACT_HELD;
                *vec_push(&f->c->arena, &f->all) = (struct fact_place){ app, part, u };
        }
}

struct questions {
        VEC(struct bus_question) list;
};

/* How its last run went matters once it is over. */
static unsigned choose_questions(const struct facts *f, const struct fact_unit *u, bool knows_cgroup) {
        unsigned about = fact_is_running(u) ? 0 : BUS_ABOUT_RUN;

        /* One that fails again and again is active in between. */
        if (u->is_kept && !f->before)
                about |= BUS_ABOUT_STATE | BUS_ABOUT_USE;
        if (u->state == FACT_RESTARTING)
                about |= BUS_ABOUT_SUB;
        if (f->about & FACTS_EACH)
                return about | BUS_ABOUT_STATE | BUS_ABOUT_USE | (u->is_kept ? 0 : BUS_ABOUT_RUN);
        if ((f->about & FACTS_USE) && fact_is_running(u) && !knows_cgroup)
                about |= BUS_ABOUT_USE;

        return about;
}

/* A cgroup stays as long as the unit runs. */
static void ask_unit(struct facts *f, struct questions *q, struct fact_unit *u) {
        const struct fact_sample *known = f->before ? facts_find_sample(f->before, u->name) : NULL;
        unsigned about = choose_questions(f, u, known);

        if (known)
                u->detail.cgroup = arena_str(&f->c->arena, known->cgroup);
        if (about != 0 && snapshot_find_unit(&f->now, u->name))
                *vec_push(&f->c->arena, &q->list) = (struct bus_question){ u->name, about, &u->detail };
}

static void ask_app(struct facts *f, struct fact_app *app, struct questions *q) {
        struct arena *a = &f->c->arena;
        struct str target = arena_join(a, app->name, STR(".target"));

        app->is_loaded = snapshot_find_unit(&f->now, target);
        if (app->is_loaded && (f->about & FACTS_TIMES))
                *vec_push(a, &q->list) =
                        (struct bus_question){ target, BUS_ABOUT_STATE | BUS_ABOUT_FILES, &app->target };
        VEC_EACH(part, &app->parts)
                if (part->is_timer_active && (f->about & FACTS_TIMES))
                        *vec_push(a, &q->list) =
                                (struct bus_question){ part->timer, BUS_ABOUT_TIMES, &part->times };
}

/* The units of all parts, as systemd has them: one list of all units, then all queries of single units at
 * once. Negative errno. */
static int ask_systemd(struct facts *f) {
        struct questions questions = { 0 };
        int r = snapshot_take_units(&f->now);

        if (r < 0)
                return r;

        VEC_EACH(app, &f->apps)
                VEC_EACH(part, &app->parts) {
                        find_units(f, app, part);
                        list_units(f, app, part);
                }
        if (!f->now.bus)
                return 0;

        VEC_EACH(app, &f->apps)
                ask_app(f, app, &questions);
        VEC_EACH(place, &f->all)
                ask_unit(f, &questions, place->unit);
        return bus_ask(f->now.bus, &f->c->arena, questions.list.at, questions.list.n);
}

static struct fact_part *find_part(struct fact_app *app, struct str unit) {
        VEC_EACH(part, &app->parts)
                if (str_eq(part->unit, unit))
                        return part;

        return NULL;
}

static struct fact_part *add_part(struct facts *f, struct fact_app *app, enum record_kind kind,
                                  struct str unit) {
        struct fact_part *part = find_part(app, unit);

        if (part)
                return part;

        part = vec_push(&f->c->arena, &app->parts);
        *part = (struct fact_part){ .kind = kind,
                                    .unit = unit,
                                    .may_end = kind == RECORD_TIMER || kind == RECORD_TASK,
                                    .n_oom_kills = FACT_NOT_KNOWN };
        /* "shop-web" of "shop" is its "web". */
        part->name = unit.n > app->name.n + 1 && str_has_prefix(unit, app->name)
                             ? str_from(unit, app->name.n + 1)
                             : unit;
        if (kind == RECORD_TIMER)
                part->timer = arena_join(&f->c->arena, unit, STR(".timer"));
        return part;
}

static struct fact_part *declare(struct facts *f, struct fact_app *app, enum record_kind kind,
                                 const struct container *c) {
        struct fact_part *part = add_part(f, app, kind, c->unit.text);

        part->is_declared = true;
        part->image = c->image.text;
        part->scale = machine_is_among(&f->session.world, c->hosts.at, c->hosts.n);
        return part;
}

static void declare_kept(struct facts *f, struct fact_app *app, const struct service *s) {
        struct fact_part *part =
                declare(f, app, s->is_sidecar ? RECORD_SIDECAR : RECORD_SERVICE, &s->container);

        part->name = s->name.text;
        part->scale *= s->scale.n;
        part->may_end = s->restart.index != RESTART_ALWAYS;
        if (!s->proxy)
                return;

        part->balancer = balancers[s->proxy->kind.index];
        part->backend =
                str_is_absent(s->proxy->backend.text) ? s->container.unit.text : s->proxy->backend.text;
}

static struct str join_schedule(struct arena *a, const struct timer *t) {
        struct str text = STR("");

        LIST_EACH(time, &t->schedule)
                text = arena_join(a, text, text.n > 0 ? STR("; ") : STR(""), time->text);
        return text;
}

static void declare_all(struct facts *f, struct fact_app *app, const struct app *from) {
        APP_EACH_KEPT(s, from)
                declare_kept(f, app, s);
        LIST_EACH(t, &from->timers) {
                struct fact_part *part = declare(f, app, RECORD_TIMER, &t->task.container);

                part->name = t->task.name.text;
                part->schedule = join_schedule(&f->c->arena, t);
        }
        LIST_EACH(t, &from->tasks)
                declare(f, app, RECORD_TASK, &t->container)->name = t->name.text;
}

/* The labels that the containers of the wanted revision have, from the plan. */
static void add_plan(struct facts *f, struct fact_app *app) {
        struct plan plan;

        if (plan_read(&f->c->arena, f->places.runtime, app->name, &plan) < 0)
                return;

        VEC_EACH(s, &plan.services)
                add_part(f, app, RECORD_SERVICE, s->unit)->label_wanted = s->label;
        VEC_EACH(s, &plan.sidecars)
                add_part(f, app, RECORD_SIDECAR, s->unit)->label_wanted = s->label;
        VEC_EACH(unit, &plan.tasks)
                if (str_has_suffix(*unit, STR(".service")))
                        add_part(f, app, RECORD_TASK,
                                 arena_str(&f->c->arena,
                                           (struct str){ unit->p, unit->n - strlen(".service") }));
}

static void add_record(struct facts *f, struct fact_app *app, int bundle) {
        struct record record = { 0 };
        int r = stored_record(&f->c->arena, bundle, &record);

        if (r == -EACCES)
                facts_hide(f, arena_join(&f->c->arena, STR("what was published of "), app->name));
        else if (r < 0 && r != -ENOENT)
                app->bundle_error = r;
        VEC_EACH(p, &record.parts) {
                struct fact_part *part = add_part(f, app, (enum record_kind) p->kind, p->unit);

                part->image = p->image;
                part->label = p->label;
                part->n_upheld = p->scale;
        }
}

/* The parts of an app, from its definition and from what was published. */
static void find_parts(struct facts *f, struct fact_app *app) {
        struct str path = layout_app(&f->c->arena, app->name);
        CLEANUP(close_fd) int bundle = f->places.runtime < 0 ? -1 : fs_open_dir(f->places.runtime, path.p);
        bool has_app = app->definition && app->definition->app;

        if (has_app)
                declare_all(f, app, app->definition->app);
        if (bundle < 0)
                return;

        add_plan(f, app);
        add_record(f, app, bundle);
        if (has_app)
                return;

        VEC_EACH(part, &app->parts) {
                /* Broken: what was published is what is to be. Gone: nothing is. */
                part->is_declared = app->definition;
                part->scale = app->definition ? part->n_upheld : 0;
                part->balancer = part->kind == RECORD_SERVICE ? &balancer_haproxy : NULL;
        }
}

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
                find_parts(f, app);
        r = check_targets(f);
        if (r != 0)
                return r;

        r = ask_systemd(f);
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
