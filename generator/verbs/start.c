/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl stop and start. A stopped unit must not be upheld, or systemd starts it again: so a mark is
 * made first (state/hold.h), the generator then leaves it out, and only then the units are stopped, each with
 * its drain. */

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fs.h"
#include "bundle/wanted.h"
#include "control/close.h"
#include "control/power.h"
#include "verbs/verbs.h"

#define PYSERVICE_TARGET "pyservice.target"

static struct { bool is_lasting, is_now; } options;

const struct option_row stop_options[] = {
        { "lasting", NULL, "Stay stopped across reboots, until started again", .flag = &options.is_lasting },
        { "now", NULL, "With --lasting: also stop now", .flag = &options.is_now },
        { 0 },
};

typedef void change_fn(struct power *p);

static bool is_whole(const struct hold *wish) {
        return str_is_absent(wish->unit);
}

static void mark(struct power *p) {
        struct ctl *c = p->ctl;
        uint64_t now = clock_usec(CLOCK_REALTIME);

        VEC_EACH(wish, &p->wishes.list) {
                struct hold *hold = hold_take(&c->arena, &p->holds, wish);

                if (hold->now == 0 && (options.is_now || !options.is_lasting))
                        hold->now = now;
                if (hold->lasting == 0 && options.is_lasting)
                        hold->lasting = now;
        }
}

/* True if the one is part of the other, or equal. */
static bool is_within(const struct hold *hold, const struct hold *wish) {
        return is_whole(wish) || (!is_whole(hold) && str_eq(hold->unit, wish->unit) &&
                                  (!wish->has_number || (hold->has_number && hold->number == wish->number)));
}

static void unmark(struct power *p) {
        struct holds left = { 0 };

        VEC_EACH(hold, &p->holds.list) {
                bool is_started = false;

                VEC_EACH(wish, &p->wishes.list)
                        is_started |= is_within(hold, wish);
                if (!is_started)
                        *vec_push(&p->ctl->arena, &left.list) = *hold;
        }

        p->holds = left;
}

/* Reads the marks again under the app's lock, changes them and writes them. Returns 0 or an exit status. */
static int change(struct power *p, change_fn *fn) {
        CLEANUP(close_fd) int lock = -1;
        struct arena *a = &p->ctl->arena;
        int r = p->places->state < 0 ? -ENOENT : state_lock(p->places->state, p->app, &lock);

        if (r < 0)
                return power_fail(p, r);
        r = power_read_holds(p);
        if (r != 0)
                return r;

        fn(p);
        r = hold_write_lasting(a, p->places->state, p->app, &p->holds);
        if (r >= 0)
                r = hold_write(a, p->places->runtime, p->app, &p->holds);
        return r < 0 ? power_fail(p, r) : 0;
}

/* Writes all marks; then HAProxy and systemd read them, once. If HAProxy does not answer, close_apply()
 * reports it, and the applications are started or stopped all the same. */
static int change_all(struct powers *ps, change_fn *fn, bool acts_now) {
        VEC_EACH(p, &ps->list) {
                int r = change(p, fn);

                if (r != 0)
                        return r;
        }
        VEC_EACH(p, &ps->list)
                if (acts_now)
                        (void) close_apply(ps->ctl, p->app);
        if (!acts_now || strcmp(ps->ctl->root, "/") != 0)
                return 0;

        return ctl_reload(ps->ctl);
}

/* The generator may have had reasons not to publish it. */
static int check_left_out(struct powers *ps, struct power *p) {
        struct arena *a = &ps->ctl->arena;
        struct str target = arena_join(a, p->app, STR(".target"));
        struct bus_names apps, units;
        bool is_upheld;
        int r = bus_get_dependencies(ps->bus, a, STR(PYSERVICE_TARGET), "Upholds", &apps);

        if (r >= 0)
                r = bus_get_dependencies(ps->bus, a, target, "Upholds", &units);
        if (r < 0)
                return ctl_fail_systemd(r);

        is_upheld = hold_has_all(&p->wishes) && VEC_HAS(&apps.list, target);
        VEC_EACH(u, &p->units)
                is_upheld |=
                        !hold_has_all(&p->wishes) && power_is_wished(p, u) && VEC_HAS(&units.list, u->upheld);
        if (!is_upheld)
                return 0;

        (void) fprintf(stderr,
                       "pyservicectl: %s: it is marked as stopped, but its units could not be "
                       "generated again, so systemd keeps starting it; 'systemctl --failed' and "
                       "'pyservicectl check' show why\n",
                       p->app.p);
        return EXIT_SYSTEM;
}

static int stop_matching(struct powers *ps, struct power_jobs *jobs, struct str pattern) {
        struct bus_list units;
        int r = bus_list_units(ps->bus, &ps->ctl->arena, pattern, &units);

        VEC_EACH(u, &units.list)
                if (r >= 0 && !str_is(u->active, "inactive") && !str_is(u->active, "failed"))
                        r = power_add_job(ps, jobs, BUS_STOP, u->name);
        return r;
}

/* systemd stops by itself what is active and upheld no more, but not what is just being started, or waits
 * for its restart. */
static int stop_units(struct powers *ps, const struct power *p, struct power_jobs *jobs) {
        struct arena *a = &ps->ctl->arena;
        int r = 0;

        if (hold_has_all(&p->wishes)) {
                r = power_add_job(ps, jobs, BUS_STOP, arena_join(a, p->app, STR(".target")));
                if (r >= 0)
                        r = stop_matching(ps, jobs, arena_join(a, p->app, STR("-rollout@*.service")));
        }
        VEC_EACH(u, &p->units) {
                if (r < 0 || !power_is_wished(p, u))
                        continue;
                r = power_add_job(ps, jobs, BUS_STOP, u->unit);
                if (r >= 0 && u->is_once)
                        r = power_add_job(ps, jobs, BUS_STOP, u->upheld);
                /* The spare, and instances that still run although the scale is lower now. */
                if (r >= 0 && u->is_instance &&
                    hold_find(&p->wishes, arena_join(a, u->part, STR("@next.service"))))
                        r = stop_matching(ps, jobs, arena_join(a, u->part, STR("@*.service")));
        }

        return r;
}

static void say_stopped(const struct power *p) {
        VEC_EACH(wish, &p->wishes.list) {
                struct str word = power_word(p, wish);
                const struct hold *hold = NULL;

                VEC_EACH(h, &p->holds.list)
                        if (is_within(h, wish) && is_within(wish, h))
                                hold = h;
                if (!hold)
                        continue;
                (void) printf("%s %s until 'pyservicectl start %s'%s\n", word.p,
                              hold->now == 0      ? "keeps running, and is stopped from the next boot on,"
                              : p->ctl->no_follow ? "is being stopped,"
                                                  : "is stopped",
                              word.p,
                              hold->now == 0      ? ""
                              : hold->lasting > 0 ? ", also after a boot"
                                                  : " or the next boot");
        }
}

static int stop(struct powers *ps) {
        bool is_real = strcmp(ps->ctl->root, "/") == 0, acts_now = options.is_now || !options.is_lasting;
        struct power_jobs jobs = { 0 };
        int r = change_all(ps, mark, acts_now), q;

        if (r == 0 && acts_now && is_real) {
                q = bus_open(&ps->ctl->arena, ps->ctl->is_user, -1, &ps->bus);
                if (q < 0)
                        return ctl_fail_systemd(q);
                VEC_EACH(p, &ps->list) {
                        r = r != 0 ? r : check_left_out(ps, p);
                        q = q < 0 || r != 0 ? q : stop_units(ps, p, &jobs);
                }
                if (q >= 0 && r == 0 && !ps->ctl->no_follow)
                        q = power_wait(ps, &jobs);
                VEC_EACH(job, &jobs.list)
                        if (q >= 0 && str_has_suffix((*job)->unit, STR("@next.service")))
                                q = power_forget_failure(ps, (*job)->unit);
                if (q < 0)
                        return ctl_fail_systemd(q);
        }

        VEC_EACH(p, &ps->list)
                if (r == 0)
                        say_stopped(p);
        return r;
}

int ctl_stop(struct ctl *c) {
        CLEANUP(power_close) struct powers ps;
        int r;

        if (options.is_now && !options.is_lasting) {
                ps = (struct powers){ .places = { -1, -1, { 0 } } };
                return ctl_usage(
                        c, "--now needs --lasting; without both, it is stopped now, until the next boot");
        }

        r = power_open(c, &ps);
        return r != 0 ? r : stop(&ps);
}

/* A part of an app that is stopped as a whole can't be started alone: the other parts would have to be
 * marked, one by one. */
static int check_whole(const struct power *p) {
        VEC_EACH(wish, &p->wishes.list)
                VEC_EACH(hold, &p->holds.list) {
                        struct str whole = power_word(p, hold);

                        if (hold->now == 0 || is_within(hold, wish) || !is_within(wish, hold))
                                continue;
                        (void) fprintf(
                                stderr,
                                "pyservicectl: %s: all of %s is stopped; 'pyservicectl start %s' starts it\n",
                                power_word(p, wish).p, whole.p, whole.p);
                        return CTL_ERROR;
                }

        return 0;
}

/* A target that does not run keeps up no unit. */
static int check_running(struct powers *ps) {
        struct bus_unit u = { 0 };
        int r = bus_get_unit(ps->bus, &ps->ctl->arena, STR(PYSERVICE_TARGET), &u);

        if (r < 0)
                return ctl_fail_systemd(r);
        if (str_is(u.active, "active"))
                return 0;

        (void) fprintf(stderr,
                       "pyservicectl: " PYSERVICE_TARGET " is not active, so no application is kept running; "
                       "'systemctl%s enable --now " PYSERVICE_TARGET "' starts it\n",
                       ps->ctl->is_user ? " --user" : "");
        return CTL_ERROR;
}

static int start_units(struct powers *ps, struct power *p, struct power_jobs *jobs) {
        int r = power_read_units(p);

        if (r >= 0)
                r = power_add_job(ps, jobs, BUS_START, arena_join(&ps->ctl->arena, p->app, STR(".target")));
        VEC_EACH(u, &p->units) {
                if (!power_is_wished(p, u) || hold_find(&p->holds, u->unit))
                        continue;
                if (r >= 0)
                        r = power_forget_failure(ps, u->unit); /* it may have had its max_starts */
                if (r >= 0)
                        r = power_add_job(ps, jobs, BUS_START, u->unit);
        }
        return r;
}

/* Reports the reason for each unit that did not start; returns the exit status. */
static int judge_started(struct powers *ps, struct power *p, uint64_t since) {
        int status = CTL_GOOD;

        VEC_EACH(u, &p->units) {
                bool is_up;
                int r;

                if (!power_is_wished(p, u) || hold_find(&p->holds, u->unit))
                        continue;
                r = power_is_up(ps, u, &is_up);
                if (r < 0)
                        return ctl_fail_systemd(r);
                if (is_up)
                        continue;
                power_complain(ps, u, since);
                status = CTL_ERROR;
        }

        return status;
}

static void say_started(struct powers *ps, const struct power *p) {
        struct wanted wanted = { 0 };

        VEC_EACH(wish, &p->wishes.list)
                (void) printf("%s is %s\n", power_word(p, wish).p,
                              ps->ctl->no_follow ? "being started" : "started");
        if (wanted_read(&ps->ctl->arena, p->places->runtime, p->app, &wanted) < 0 ||
            str_eq(wanted.runs, wanted.wanted))
                return;
        (void) printf("%s: its rollout is still to come; 'pyservicectl rollout status %s' follows it\n",
                      p->app.p, p->app.p);
}

static int start_all(struct powers *ps) {
        struct power_jobs jobs = { 0 };
        uint64_t since = bus_now();
        int q = bus_open(&ps->ctl->arena, ps->ctl->is_user, -1, &ps->bus), r;

        if (q < 0)
                return ctl_fail_systemd(q);
        r = check_running(ps);
        if (r != 0)
                return r;

        VEC_EACH(p, &ps->list)
                q = q < 0 ? q : start_units(ps, p, &jobs);
        if (q >= 0 && !ps->ctl->no_follow)
                q = power_wait(ps, &jobs);
        if (q < 0)
                return ctl_fail_systemd(q);

        VEC_EACH(p, &ps->list) {
                q = ps->ctl->no_follow ? CTL_GOOD : judge_started(ps, p, since);
                if (q == CTL_GOOD)
                        say_started(ps, p);
                r = r != 0 ? r : q;
        }
        return r;
}

static int start(struct powers *ps) {
        int r = 0;

        VEC_EACH(p, &ps->list)
                r = r != 0 ? r : check_whole(p);
        if (r == 0)
                r = change_all(ps, unmark, true);

        return r == 0 && strcmp(ps->ctl->root, "/") == 0 ? start_all(ps) : r;
}

int ctl_start(struct ctl *c) {
        CLEANUP(power_close) struct powers ps;
        int r = power_open(c, &ps);

        return r != 0 ? r : start(&ps);
}
