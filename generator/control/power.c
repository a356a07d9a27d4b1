/* SPDX-License-Identifier: Apache-2.0 */
#include "control/power.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fs.h"
#include "bundle/layout.h"
#include "bundle/wanted.h"
#include "ctl/target.h"
#include "rollout/describe.h"
#include "state/stored.h"

int power_read_units(struct power *p) {
        struct arena *a = &p->ctl->arena;
        CLEANUP(close_fd) int bundle = fs_open_dir(p->places->runtime, layout_app(a, p->app).p);
        struct record record = { 0 };
        struct record_units units;
        int r = bundle < 0 ? bundle : stored_record(a, bundle, &record);

        p->units.n = 0;
        if (r < 0 && r != -ENOENT)
                return r;

        record_list(a, &record, &units);
        VEC_EACH(u, &units.list)
                *vec_push(a, &p->units) = (struct power_unit){
                        .part = u->part->unit,
                        .upheld = u->upheld,
                        .unit = u->unit,
                        .number = u->number,
                        .is_instance = u->part->kind == RECORD_SERVICE,
                        .is_once = u->part->runs_once,
                };
        return 0;
}

struct str power_word(const struct power *p, const struct hold *hold) {
        struct arena *a = &p->ctl->arena;
        struct str word = p->app, prefix = arena_join(a, p->app, STR("-"));

        if (!str_is_absent(hold->unit) && str_has_prefix(hold->unit, prefix))
                word = arena_join(a, word, STR("/"), str_from(hold->unit, prefix.n));
        else if (!str_is_absent(hold->unit) && !hold->has_number)
                word = arena_join(a, word, STR("/"), p->app);

        return hold->has_number ? arena_join(a, word, STR("@"), arena_u64(a, hold->number)) : word;
}

struct str power_unit_word(const struct power *p, const struct power_unit *u) {
        return power_word(
                p, &(struct hold){ .unit = u->part, .has_number = u->is_instance, .number = u->number });
}

enum { TICK_MS = 500 };

int power_fail(struct power *p, int r) {
        if (r != -EACCES && r != -EPERM && r != -EROFS)
                return view_fail(p->ctl, p->places, p->app, r);

        (void) fprintf(stderr, "pyservicectl: %s: %s; this needs root\n", p->app.p, strerror(-r));
        return CTL_ERROR;
}

int power_read_holds(struct power *p) {
        int r = hold_read(&p->ctl->arena, p->places->runtime, p->app, &p->holds);
        struct places places;

        if (r != -EBADMSG && r != -EPERM)
                return r < 0 ? power_fail(p, r) : 0;

        if (ctl_places(p->ctl, &places) == 0)
                (void) fprintf(stderr,
                               "pyservicectl: %s/" LAYOUT_STOPPED
                               "/%s: %s; remove it, and run 'pyservicectl stop' again\n",
                               places.runtime.p, p->app.p,
                               r == -EBADMSG ? "it is damaged" : "others may write it");
        return EXIT_SYSTEM;
}

/* The names of what there is, without the app's own before them. */
static void list_parts(const struct power *p, struct fs_names *ret) {
        struct arena *a = &p->ctl->arena;

        VEC_EACH(u, &p->units) {
                struct str word = power_word(p, &(struct hold){ .unit = u->part });

                word = str_from(word, p->app.n + 1);
                if (ret->list.n == 0 || !str_eq(ret->list.at[ret->list.n - 1], word))
                        *vec_push(a, &ret->list) = word;
        }
}

static int complain_unknown(struct powers *ps, struct str app) {
        struct arena *a = &ps->ctl->arena;
        struct fs_names names = { 0 };
        struct str hint;

        if (ps->places.runtime >= 0)
                (void) fs_list(a, ps->places.runtime, LAYOUT_APPS, &names);
        hint = diag_hint(a, app, names.list.at, names.list.n,
                         STR("if its definition is new, 'systemctl daemon-reload' publishes it"));
        (void) fprintf(stderr, "pyservicectl: unknown application '%.*s'; %.*s\n", STR_ARG(app),
                       STR_ARG(hint));
        return CTL_ERROR;
}

static int complain_of_part(const struct power *p, struct str part) {
        struct arena *a = &p->ctl->arena;
        struct fs_names names = { 0 };
        struct str all = STR(""), hint;

        list_parts(p, &names);
        VEC_EACH(name, &names.list)
                all = arena_join(a, all, all.n > 0 ? STR(", ") : STR("it has "), *name);
        hint = diag_hint(a, part, names.list.at, names.list.n,
                         all.n > 0 ? all : STR("none of its parts may run yet"));
        (void) fprintf(stderr, "pyservicectl: %s: no service, sidecar or timer is called '%.*s'; %.*s\n",
                       p->app.p, STR_ARG(part), STR_ARG(hint));
        return CTL_ERROR;
}

static int complain_of_number(const struct power *p, const struct hold *what) {
        struct str part = power_word(p, &(struct hold){ .unit = what->unit });
        uint64_t n = 0;

        VEC_EACH(u, &p->units)
                n += str_eq(u->part, what->unit) && u->is_instance;
        if (n == 0)
                (void) fprintf(stderr, "pyservicectl: %s has no instances; omit '@%ju'\n", part.p,
                               (uintmax_t) what->number);
        else
                (void) fprintf(stderr, "pyservicectl: %s has no instance %ju; it has %ju, counted from 0\n",
                               part.p, (uintmax_t) what->number, (uintmax_t) n);
        return CTL_ERROR;
}

/* The parts that it names must exist. */
static int resolve(struct power *p, const struct target *t) {
        struct arena *a = &p->ctl->arena;
        struct str part = str_is_absent(t->part) ? p->app : t->part;
        struct hold what = { .has_number = !str_is_absent(t->instance) };
        bool has_part = false, has_unit = false;

        if (str_is_absent(t->part) && !what.has_number) {
                hold_take(a, &p->wishes, &what)->now = 1;
                return 0;
        }

        (void) str_to_u64(what.has_number ? t->instance : STR("0"), UINT32_MAX, &what.number);
        what.unit = str_eq(part, p->app) ? p->app : arena_join(a, p->app, STR("-"), part);
        VEC_EACH(u, &p->units) {
                has_part |= str_eq(u->part, what.unit);
                has_unit |= str_eq(u->part, what.unit) &&
                            (!what.has_number || (u->is_instance && u->number == what.number));
        }
        if (!has_part)
                return complain_of_part(p, part);
        if (!has_unit)
                return complain_of_number(p, &what);

        hold_take(a, &p->wishes, &what)->now = 1;
        return 0;
}

static int read_app(struct powers *ps, struct str app, struct power *p) {
        struct arena *a = &ps->ctl->arena;
        struct wanted wanted = { 0 };
        int r;

        *p = (struct power){ .ctl = ps->ctl,
                             .places = &ps->places,
                             .app = arena_str(a, app),
                             .waiting = { .ctl = ps->ctl, .places = &ps->places } };
        r = ps->places.runtime < 0 ? 0 : wanted_read(a, ps->places.runtime, app, &wanted);
        if (r >= 0 && !wanted.is_alive)
                return complain_unknown(ps, app);
        if (r >= 0)
                r = power_read_units(p);
        return r < 0 ? power_fail(p, r) : power_read_holds(p);
}

static struct power *find(struct powers *ps, struct str app) {
        VEC_EACH(p, &ps->list)
                if (str_eq(p->app, app))
                        return p;

        return NULL;
}

int power_open(struct ctl *c, struct powers *ret) {
        struct targets targets;
        int r = targets_parse(c, &targets);

        *ret = (struct powers){ .ctl = c, .places = { -1, -1, { 0 } } };
        if (r == 0)
                r = view_open(c, &ret->places);
        if (r != 0)
                return r;

        VEC_EACH(t, &targets.list) {
                struct power *p = find(ret, t->app);

                if (!p) {
                        p = vec_push(&c->arena, &ret->list);
                        r = read_app(ret, t->app, p);
                }
                if (r == 0)
                        r = resolve(p, t);
                if (r != 0)
                        return r;
        }

        return 0;
}

void power_close(struct powers *ps) {
        bus_close(&ps->bus);
        view_close(&ps->places);
}

int power_add_job(struct powers *ps, struct power_jobs *jobs, enum bus_verb verb, struct str unit) {
        struct bus_job *job;
        int r = bus_start_job(ps->bus, verb, unit, &job);

        if (r >= 0)
                *vec_push(&ps->ctl->arena, &jobs->list) = job;
        return r;
}

void power_explain(struct powers *ps, struct power *p) {
        p->waiting.bus = ps->bus;
        (void) ctl_write(stderr, waiting_look(&p->waiting, p->app, true));
}

int power_wait(struct powers *ps, const struct power_jobs *jobs) {
        VEC_EACH(job, &jobs->list)
                while (str_is_absent((*job)->result)) {
                        int r = bus_wait(ps->bus, TICK_MS);

                        VEC_EACH(p, &ps->list)
                                power_explain(ps, p);

                        if (r >= 0)
                                r = bus_look_at_job(ps->bus, *job);
                        if (r < 0)
                                return r;
                }

        return 0;
}

int power_is_up(struct powers *ps, const struct power_unit *u, bool *ret) {
        struct bus_unit now = { 0 };
        int r = bus_get_unit(ps->bus, &ps->ctl->arena, u->unit, &now);

        *ret = str_is(now.active, "active") || str_is(now.active, "reloading") ||
               (u->is_once && str_is(now.active, "inactive") && str_is(now.result, "success"));
        return r;
}

int power_forget_failure(struct powers *ps, struct str unit) {
        struct bus_unit u = { 0 };
        int r = bus_get_unit(ps->bus, &ps->ctl->arena, unit, &u);

        if (r >= 0 && str_is(u.active, "failed"))
                (void) bus_reset_failed(ps->bus, unit);
        return r;
}

void power_complain(struct powers *ps, const struct power_unit *u, uint64_t since) {
        const struct describing d = { &ps->ctl->arena, ps->bus, ps->ctl->is_user, since, u->unit };

        (void) fprintf(stderr, "pyservicectl: %s\n", describe_failure(&d, (struct str){ 0 }).p);
}
