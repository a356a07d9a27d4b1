/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl restart: one instance after another (rollout: max_unavailable at a time), each drained
 * before and ready again before the next. Where one does not come back the rest stays as it is. Where all
 * instances of a service would be away at a time, its spare answers for them. */

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fs.h"
#include "bundle/layout.h"
#include "bundle/plan.h"
#include "bundle/wanted.h"
#include "control/power.h"
#include "runtime/spawn.h"
#include "verbs/verbs.h"

struct restarting {
        struct powers *ps;
        struct power *p;
        struct plan plan;
        bool is_settled;         /* what runs is what is wanted: the spare would be the same */
        struct power_unit spare; /* that we started; without a unit if there is none */
        bool is_first;           /* the first batch of a part: it has to stay up, too */
        struct power_jobs jobs;  /* of the batch */
        uint64_t n_left;         /* units whose turn has not come */
};

/* True if no other instance of the service can answer meanwhile. */
static bool is_needed(const struct restarting *r, const struct power_unit *u, size_t n) {
        size_t n_upheld = 0;

        VEC_EACH(other, &r->p->units)
                n_upheld += str_eq(other->part, u->part) && !hold_find(&r->p->holds, other->unit);
        if (!u->is_instance || !r->is_settled || n < n_upheld || n > r->plan.max_unavailable)
                return false;

        VEC_EACH(service, &r->plan.services)
                if (str_eq(service->unit, u->part))
                        return service->has_spare;

        return false;
}

static struct power_unit spare_of(const struct restarting *r, const struct power_unit *u) {
        struct str unit = arena_join(&r->p->ctl->arena, u->part, STR("@next.service"));

        return (struct power_unit){ .part = u->part, .upheld = unit, .unit = unit };
}

/* One job for the spare. */
static int work(struct restarting *r, enum bus_verb verb) {
        struct power_jobs jobs = { 0 };
        int q = power_add_job(r->ps, &jobs, verb, r->spare.unit);

        return q < 0 ? q : power_wait(r->ps, &jobs);
}

/* If all `n` instances of the service of `u` would be away at a time: starts its spare, and takes it into
 * HAProxy. Negative errno; -ENOTRECOVERABLE if it does not start, after reporting it. */
static int begin_spare(struct restarting *r, const struct power_unit *u, size_t n) {
        uint64_t since = bus_now();
        bool is_up = false;
        int q;

        if (!is_needed(r, u, n))
                return 0;

        (void) printf("%s: starting a spare, which answers in the meantime\n", power_unit_word(r->p, u).p);
        (void) fflush(stdout);
        r->spare = spare_of(r, u);
        q = work(r, BUS_START);
        if (q >= 0)
                q = power_is_up(r->ps, &r->spare, &is_up);
        if (q >= 0 && is_up)
                q = work(r, BUS_RELOAD);
        if (q < 0 || is_up)
                return q;

        power_complain(r->ps, &r->spare, since);
        return -ENOTRECOVERABLE;
}

/* Stops it, with its drain, if there is one. */
static int end_spare(struct restarting *r) {
        int q;

        if (str_is_absent(r->spare.unit))
                return 0;

        q = work(r, BUS_STOP);
        if (q >= 0)
                q = power_forget_failure(r->ps, r->spare.unit);
        r->spare = (struct power_unit){ 0 };
        return q;
}

enum { TICK_MS = 500 };

static size_t batch_size(const struct restarting *r, size_t n_left) {
        return n_left < r->plan.max_unavailable ? n_left : r->plan.max_unavailable;
}

static void tell(const struct restarting *r, const struct power_unit *u, const char *text) {
        (void) printf("%s: %s\n", power_unit_word(r->p, u).p, text);
        (void) fflush(stdout);
}

/* The state after its job is over: another program's job may have taken its place. */
static int settle(struct restarting *r, const struct power_unit *u, bool *ret_is_up) {
        for (;;) {
                struct bus_unit now;
                int q = power_is_up(r->ps, u, ret_is_up);

                if (q >= 0 && !*ret_is_up)
                        q = bus_get_unit(r->ps->bus, &r->ps->ctl->arena, u->unit, &now);
                if (q < 0 || *ret_is_up)
                        return q;
                if (!now.has_job && !str_is(now.active, "deactivating") &&
                    (!str_is(now.active, "activating") || bus_waits_for_restart(now.sub)))
                        return 0;
                q = bus_wait(r->ps->bus, TICK_MS);
                if (q < 0)
                        return q;
        }
}

/* plan.ready_timeout, if there is one: systemd has a limit of its own. */
static int wait_job(struct restarting *r, const struct power_unit *u, struct bus_job *job) {
        uint64_t limit = r->plan.ready_timeout * 1000;

        while (str_is_absent(job->result)) {
                struct bus_unit now;
                int q = bus_wait(r->ps->bus, TICK_MS);

                if (q >= 0)
                        q = bus_look_at_job(r->ps->bus, job);
                if (q >= 0)
                        q = bus_get_unit(r->ps->bus, &r->ps->ctl->arena, u->unit, &now);
                if (q < 0)
                        return q;
                power_explain(r->ps, r->p);
                if (limit > 0 && str_is(now.active, "activating") && bus_now() - now.starting_since > limit)
                        return -ETIME;
        }

        return 0;
}

/* For min_ready it stays as it was started. A part that is started once may end. */
static int watch(struct restarting *r, const struct power_unit *u, bool *ret_is_up) {
        struct arena *a = &r->ps->ctl->arena;
        uint64_t end = bus_now() + r->plan.min_ready * 1000;
        struct bus_unit then, now;
        int q = bus_get_unit(r->ps->bus, a, u->unit, &then);

        while (q >= 0 && *ret_is_up && !u->is_once && bus_now() < end) {
                q = bus_wait(r->ps->bus, TICK_MS);
                if (q >= 0)
                        q = bus_get_unit(r->ps->bus, a, u->unit, &now);
                *ret_is_up = q >= 0 && str_eq(then.invocation, now.invocation) &&
                             (str_is(now.active, "active") || str_is(now.active, "reloading"));
        }

        return q;
}

static int bring_back(struct restarting *r, struct power_unit *const *batch, size_t n, uint64_t since) {
        for (size_t i = 0; i < n; i++) {
                bool is_up = false;
                int q = wait_job(r, batch[i], r->jobs.list.at[i]);

                if (q >= 0)
                        q = settle(r, batch[i], &is_up);
                if (q >= 0 && is_up && r->is_first)
                        q = watch(r, batch[i], &is_up);
                if (q < 0 && q != -ETIME)
                        return q;
                if (!is_up) {
                        power_complain(r->ps, batch[i], since);
                        return -ENOTRECOVERABLE;
                }
                tell(r, batch[i], "is back");
        }

        return 0;
}

static int restart_batch(struct restarting *r, struct power_unit *const *batch, size_t n) {
        uint64_t since = bus_now();
        int q = 0;

        r->jobs.list.n = 0;
        for (size_t i = 0; i < n && q >= 0; i++) {
                tell(r, batch[i], "restarting");
                r->n_left--;
                q = power_add_job(r->ps, &r->jobs, BUS_RESTART, batch[i]->unit);
        }

        return q < 0 ? q : bring_back(r, batch, n, since);
}

static int rest(struct restarting *r) {
        uint64_t end = bus_now() + r->plan.pause * 1000;
        int q = 0;

        while (q >= 0 && bus_now() < end)
                q = bus_wait(r->ps->bus, TICK_MS);
        return q;
}

/* The units of one part. */
static int restart_part(struct restarting *r, struct power_unit *const *units, size_t n) {
        int q = begin_spare(r, units[0], n), end;

        r->is_first = true;
        for (size_t i = 0, size; i < n && q >= 0; i += size) {
                size = batch_size(r, n - i);
                q = i > 0 ? rest(r) : 0;
                if (q >= 0)
                        q = restart_batch(r, units + i, size);
                r->is_first = false;
        }

        end = q == -ECANCELED ? 0 : end_spare(r);
        return q < 0 ? q : end;
}

/* Services with clients come first, as in a rollout; then parts that only the accepted revision has, and
 * parts without a number. */
static size_t rank_of(const struct restarting *r, const struct power_unit *u) {
        for (size_t i = 0; i < r->plan.services.n; i++)
                if (str_eq(r->plan.services.at[i].unit, u->part))
                        return i;

        return r->plan.services.n + (u->is_instance ? 0 : 1);
}

/* Not the times of a timer, unless it is named. */
static bool is_meant(const struct power *p, const struct power_unit *u) {
        return power_is_wished(p, u) && !hold_find(&p->holds, u->unit) &&
               (!hold_has_all(&p->wishes) || !str_has_suffix(u->unit, STR(".timer")));
}

/* The parts of that rank. Their units stand together. */
static int restart_rank(struct restarting *r, size_t rank) {
        struct power *p = r->p;
        int q = 0;

        for (size_t i = 0, end; i < p->units.n && q >= 0; i = end) {
                VEC(struct power_unit *) part = { 0 };

                for (end = i; end < p->units.n && str_eq(p->units.at[i].part, p->units.at[end].part); end++)
                        if (is_meant(p, &p->units.at[end]))
                                *vec_push(&p->ctl->arena, &part) = &p->units.at[end];
                if (part.n > 0 && rank_of(r, part.at[0]) == rank)
                        q = restart_part(r, part.at, part.n);
        }

        return q;
}

static int restart_all(struct restarting *r) {
        int q = 0;

        for (size_t rank = 0; rank < r->plan.services.n + 2 && q >= 0; rank++)
                q = restart_rank(r, rank);

        return q;
}

static int read_plan(struct restarting *r) {
        struct arena *a = &r->p->ctl->arena;
        struct wanted wanted;
        int q = plan_read(a, r->p->places->runtime, r->p->app, &r->plan);

        if (q >= 0)
                q = wanted_read(a, r->p->places->runtime, r->p->app, &wanted);
        r->is_settled = q >= 0 && str_eq(wanted.runs, wanted.wanted);
        return q;
}

/* Held until the end: a rollout that comes meanwhile waits. */
static int take_lock(struct restarting *r, int *ret) {
        int fd = progress_open_lock(&r->p->ctl->arena, r->p->places->runtime, r->p->app);

        if (fd < 0)
                return power_fail(r->p, fd);

        *ret = fd;
        if (flock(fd, LOCK_EX | LOCK_NB) >= 0)
                return 0;
        if (errno != EWOULDBLOCK)
                return power_fail(r->p, -errno);

        (void) fprintf(stderr,
                       "pyservicectl: %s: a rollout or a restart is under way; 'pyservicectl rollout status "
                       "%s' shows it. Restart it afterwards\n",
                       r->p->app.p, r->p->app.p);
        return CTL_ERROR;
}

/* Interrupted: the spare is stopped nevertheless. A second interrupt ends the wait; systemd then continues
 * alone. */
static int leave_well(struct restarting *r) {
        struct powers *ps = r->ps;
        struct signalfd_siginfo taken;
        sigset_t signals;
        int q = 0;

        if (str_is_absent(r->spare.unit))
                return 0;

        (void) sigfillset(&signals);
        if (read(ps->stop, &taken, sizeof(taken)) < 0 || sigprocmask(SIG_UNBLOCK, &signals, NULL) < 0)
                return -errno;

        bus_close(&ps->bus);
        q = bus_open(&ps->ctl->arena, ps->ctl->is_user, -1, &ps->bus);
        return q < 0 ? q : end_spare(r);
}

static int restart_app(struct powers *ps, struct power *p) {
        CLEANUP(close_fd) int lock = -1;
        struct restarting r = { .ps = ps, .p = p };
        int q = take_lock(&r, &lock);

        if (q != 0)
                return q;
        VEC_EACH(u, &p->units)
                r.n_left += is_meant(p, u);
        if (r.n_left == 0) {
                (void) fprintf(stderr,
                               "pyservicectl: %s: it has no running instances or sidecars to restart\n",
                               p->app.p);
                return CTL_ERROR;
        }

        q = read_plan(&r);
        if (q < 0)
                return power_fail(p, q);

        q = restart_all(&r);
        if (q == -ECANCELED && leave_well(&r) < 0)
                q = -ENOTCONN;
        if (q >= 0)
                return CTL_GOOD;
        if (q != -ENOTRECOVERABLE && q != -ECANCELED)
                return ctl_fail_systemd(q);

        if (q == -ECANCELED)
                (void) fprintf(stderr, "pyservicectl: %s: interrupted; %ju were not restarted\n", p->app.p,
                               (uintmax_t) r.n_left);
        else
                (void) fprintf(stderr,
                               "pyservicectl: %s: it did not come back, so %ju more were not restarted\n",
                               p->app.p, (uintmax_t) r.n_left);
        return CTL_ERROR;
}

/* A stopped part stays stopped. Returns 1, after reporting it, if the command line names one. */
static int check_stopped(const struct power *p) {
        VEC_EACH(wish, &p->wishes.list) {
                struct str word = power_word(p, wish);
                const struct hold *hold = NULL;
                size_t n = 0;

                VEC_EACH(u, &p->units)
                        if (str_is_absent(wish->unit) || (str_eq(wish->unit, u->part) &&
                                                          (!wish->has_number || wish->number == u->number))) {
                                const struct hold *own = hold_find(&p->holds, u->unit);

                                hold = own ? own : hold;
                                n += !own;
                        }
                if (!hold && !hold_has_all(&p->holds))
                        continue;
                if (n == 0 || hold_has_all(&p->holds)) {
                        (void) fprintf(stderr,
                                       "pyservicectl: %s is stopped; 'pyservicectl start %s' starts it\n",
                                       word.p, word.p);
                        return CTL_ERROR;
                }
                VEC_EACH(u, &p->units)
                        if (power_is_wished(p, u) && hold_find(&p->holds, u->unit))
                                (void) printf("%s: is stopped, and stays stopped\n", power_unit_word(p, u).p);
        }

        return 0;
}

/* SIGINT and SIGTERM are read at safe points: the spare must be stopped with this program. */
static int open_signals(int *ret) {
        sigset_t signals;

        (void) sigemptyset(&signals);
        (void) sigaddset(&signals, SIGINT);
        (void) sigaddset(&signals, SIGTERM);
        if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
                return -errno;

        *ret = signalfd(-1, &signals, SFD_CLOEXEC);
        return *ret < 0 ? -errno : 0;
}

static int restart(struct powers *ps) {
        int r = open_signals(&ps->stop);

        if (r >= 0)
                r = bus_open(&ps->ctl->arena, ps->ctl->is_user, ps->stop, &ps->bus);
        if (r < 0)
                return ctl_fail_systemd(r);

        r = CTL_GOOD;
        VEC_EACH(p, &ps->list)
                r = r != CTL_GOOD ? r : restart_app(ps, p);
        bus_close(&ps->bus);
        close_fd(&ps->stop);
        return r;
}

static int check_permission(struct power *p) {
        CLEANUP(close_fd) int lock = progress_open_lock(&p->ctl->arena, p->places->runtime, p->app);

        return lock < 0 ? power_fail(p, lock) : 0;
}

/* A transient unit continues the work after this program. */
static int hand_over(struct ctl *c, struct powers *ps) {
        const char *program = spawn_find(&c->arena, "systemd-run").p;
        VEC(const char *) words = { 0 };
        struct spawn_result result;
        int r = 0;

        VEC_EACH(p, &ps->list)
                r = r != 0 ? r : check_permission(p);
        if (r != 0)
                return r;
        if (!program)
                return ctl_fail("systemd-run", -ENOENT);

        *vec_push(&c->arena, &words) = program;
        if (c->is_user)
                *vec_push(&c->arena, &words) = "--user";
        *vec_push(&c->arena, &words) = "--collect";
        *vec_push(&c->arena, &words) = "--no-block";
        *vec_push(&c->arena, &words) = "--";
        *vec_push(&c->arena, &words) = ctl_self(c).p;
        if (c->is_user)
                *vec_push(&c->arena, &words) = "--user";
        *vec_push(&c->arena, &words) = "restart";
        for (int i = 0; i < c->argc; i++)
                *vec_push(&c->arena, &words) = c->argv[i];
        *vec_push(&c->arena, &words) = NULL;

        r = spawn_run(&c->arena, words.at, &result);
        if (r < 0)
                return ctl_fail("systemd-run", r);
        if (result.status == 0)
                return CTL_GOOD;

        (void) fprintf(stderr, "pyservicectl: systemd-run: %.*s", STR_ARG(result.err));
        return EXIT_SYSTEM;
}

int ctl_restart(struct ctl *c) {
        CLEANUP(power_close) struct powers ps;
        int r = power_open(c, &ps);

        VEC_EACH(p, &ps.list)
                r = r != 0 ? r : check_stopped(p);
        if (r != 0)
                return r;

        return c->no_follow ? hand_over(c, &ps) : restart(&ps);
}
