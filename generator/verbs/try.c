/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl try: like apply, but rolls back unless the user confirms in time. A timer of systemd's rolls
 * back if this program is killed. */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "runtime/spawn.h"
#include "schema/type.h"
#include "systemd/bus.h"
#include "terminal/ask.h"
#include "verbs/apply.h"
#include "verbs/verbs.h"

static struct {
        const char *timeout;
        bool has_diff;
} options;

const struct option_row try_options[] = {
        { "timeout", "TIME", "Time to wait for a confirmation (120s)", .text = &options.timeout },
        { "diff", NULL, "Show how the generated files would change", .flag = &options.has_diff },
        { 0 },
};

struct try {
        struct ctl *ctl;
        struct apply apply;
        uint64_t timeout;                      /* microseconds */
        uint64_t armed;                        /* bus_now() */
        VEC(const struct forecast_app *) apps; /* that can go back, each to what is accepted */
};

/* The dead man's switch: systemd rolls back if this program is killed, or the session is lost so that no
 * answer arrives. */

enum { MARGIN_SEC = 2, SECOND = 1000000 };

static struct str timer_of(const struct try *t, const struct forecast_app *app) {
        return arena_join(&t->ctl->arena, STR("pyservice-try-"), app->name, STR(".timer"));
}

static int arm(struct try *t, const struct forecast_app *app) {
        struct arena *a = &t->ctl->arena;
        struct str delay = arena_join(a, STR("--on-active="), arena_u64(a, t->timeout / SECOND + MARGIN_SEC));
        struct str unit = arena_join(a, STR("--unit=pyservice-try-"), app->name);
        struct str description = arena_join(a, STR("--description=Rollback of a try of "), app->name);
        const char *argv[20] = { spawn_find(a, "systemd-run").p }, *user = t->ctl->is_user ? "--user" : NULL;
        struct spawn_result result;
        size_t n = 1;
        int r;

        if (!argv[0])
                return ctl_fail("systemd-run", -ENOENT);
        if (user)
                argv[n++] = user;
        argv[n++] = "--quiet";
        argv[n++] = "--collect";
        argv[n++] = "--timer-property=AccuracySec=100ms";
        argv[n++] = "--timer-property=StartLimitIntervalSec=0"; /* it may be started any number of times */
        argv[n++] = unit.p;
        argv[n++] = description.p;
        argv[n++] = delay.p;
        argv[n++] = ctl_self(t->ctl).p;
        if (user)
                argv[n++] = user;
        argv[n++] = "rollout";
        argv[n++] = "undo";
        argv[n++] = app->name.p;
        argv[n] = app->accepted.p;

        r = spawn_run(a, argv, &result);
        if (r < 0)
                return ctl_fail(argv[0], r);
        if (result.status == 0)
                return 0;

        (void) fprintf(stderr, "pyservicectl: %.*s: %.*s; is another 'pyservicectl try' running?\n",
                       STR_ARG(app->name), STR_ARG(str_trim(result.err)));
        return CTL_ERROR;
}

/* A timer that has elapsed meanwhile no longer exists; systemctl ignores it. */
static int each(struct try *t, const char *verb) {
        int status = 0;

        VEC_EACH(app, &t->apps) {
                int r = ctl_systemctl(t->ctl, (const char *const[]){ verb, timer_of(t, *app).p, NULL });

                status = r != 0 ? r : status;
        }
        return status;
}

/* Cancels the timers. */
static int try_disarm(struct try *t) {
        return each(t, "stop");
}

/* A timer of systemd's for each app, pyservice-try-APP.timer, that undoes it a little after `timeout`; either
 * for all or for none. Returns 0, or an exit status after reporting why. */
static int try_arm(struct try *t) {
        size_t n = t->apps.n;

        for (size_t i = 0; i < n; i++) {
                int r = arm(t, t->apps.at[i]);

                if (r == 0)
                        continue;
                t->apps.n = i; /* those of others are theirs */
                (void) try_disarm(t);
                return r;
        }

        t->armed = bus_now();
        return 0;
}

/* Restarts the timers. */
static int try_rearm(struct try *t) {
        t->armed = bus_now();
        return each(t, "restart");
}

#define TIMEOUT_DEFAULT "120s"

enum { TIMEOUT_MIN = SECOND, GONE_BACK = 64 };

static volatile sig_atomic_t caught;

static void catch (int number) {
        caught = number;
}

/* The first signal ends the try; a second one does not, because the rollback is already under way. */
static void on_signals(void (*handler)(int)) {
        const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
        struct sigaction action = { .sa_handler = handler };

        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
                (void) sigaction(numbers[i], &action, NULL);
        (void) signal(SIGPIPE, SIG_IGN);
}

static int parse_timeout(const struct ctl *c, uint64_t *ret) {
        const char *text = options.timeout ? options.timeout : TIMEOUT_DEFAULT;

        if (type_parse_duration(str_of(text), ret) && *ret >= TIMEOUT_MIN && *ret / SECOND <= UINT32_MAX)
                return 0;

        return ctl_usage(c, "invalid time '%s'; write one of at least a second, such as 120s or 5min", text);
}

static bool can_go_back(const struct forecast_app *app) {
        return app->change == FORECAST_CHANGED && app->is_kept && !app->is_stopped &&
               !str_eq(app->accepted, app->wanted);
}

static void choose(struct try *t) {
        VEC_EACH(app, &t->apply.foreseen.forecast.apps)
                if (can_go_back(app))
                        *vec_push(&t->ctl->arena, &t->apps) = app;
}

static size_t warn(const struct forecast_app *app, const char *text) {
        (void) printf("%.*s: %s\n", STR_ARG(app->name), text);
        return 1;
}

static bool has_task(const struct forecast_app *app) {
        VEC_EACH(action, &app->actions)
                if (action->kind == FORECAST_TASK)
                        return true;

        return false;
}

static bool acts_at_once(const struct forecast_app *app) {
        VEC_EACH(action, &app->actions) {
                bool is_unit = action->kind == FORECAST_INSTANCE || action->kind == FORECAST_SIDECAR ||
                               action->kind == FORECAST_TIMER;

                if (is_unit && action->verb != FORECAST_RESTART)
                        return true;
        }

        return false;
}

/* Prints the changes that cannot be rolled back on standard output. Gives the number of lines. */
static size_t try_warn(const struct try *t) {
        size_t n = 0;

        VEC_EACH(app, &t->apply.foreseen.forecast.apps) {
                if (app->change == FORECAST_NEW)
                        n += warn(app, "it is new, and would stay: it has no earlier revision");
                else if (app->change == FORECAST_GONE)
                        n += warn(app, "its definition was removed, and it would stay removed");
                else if (app->change == FORECAST_CHANGED && !can_go_back(app))
                        n += warn(app, "this change makes no new revision; it takes effect immediately, and "
                                       "would stay");
                else if (can_go_back(app) && acts_at_once(app))
                        n += warn(app, "only the revision is rolled back; its scale and times stay as in "
                                       "its file");
                if (can_go_back(app) && has_task(app))
                        n += warn(app, "the effects of its tasks are not undone");
        }
        (void) fflush(stdout);
        return n;
}

/* Called again and again; anything except 0 ends the try. */
static int turn(void *userdata) {
        struct try *t = userdata;

        if (caught)
                return GONE_BACK;
        /* Without a switch nothing is tried. */
        return bus_now() - t->armed > t->timeout / 2 && try_rearm(t) != 0 ? GONE_BACK : 0;
}

/* A revision that the rollout itself gave up needs no undo. */
static bool needs_undo(const struct try *t, const struct forecast_app *app) {
        const struct apply_result *result = apply_find(&t->apply, app->name);

        return !result || result->outcome != VIEW_FAILED;
}

static int go_back(struct try *t) {
        size_t n_undone = 0;
        int status = CTL_GOOD;

        on_signals(SIG_IGN);
        VEC_EACH(app, &t->apps) {
                int r = needs_undo(t, *app) ? rollout_undo(t->ctl, (*app)->name, (*app)->accepted) : CTL_GOOD;

                status = r != CTL_GOOD ? r : status;
        }
        if (status != CTL_GOOD) {
                (void) fputs("pyservicectl try: the rollback failed; systemd tries it again in a moment "
                             "(pyservice-try-*.timer)\n",
                             stderr);
                return status;
        }

        (void) try_disarm(t);
        t->apply.turn = NULL;
        VEC_EACH(app, &t->apps)
                if (needs_undo(t, *app)) {
                        n_undone++;
                        (void) apply_follow(&t->apply, (*app)->name);
                }
        if (n_undone > 0)
                (void) puts("Rolled back. The files are unchanged: fix them, or run 'pyservicectl rollout "
                            "resume APP' to roll out their revision.");
        return CTL_ERROR;
}

static void show_question(const struct try *t) {
        time_t end = time(NULL) + (time_t) (t->timeout / SECOND);
        struct tm tm;
        char clock[16] = "";

        if (localtime_r(&end, &tm))
                (void) strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
        (void) fprintf(stderr,
                       "Press ENTER to keep the change, or anything else to roll back now "
                       "(automatic rollback at %s): ",
                       clock);
        (void) fflush(stderr);
}

/* ENTER or "y" within the time. */
static bool is_confirmed(struct try *t) {
        uint64_t end = bus_now() + t->timeout, now;
        struct str answer;

        /* Input that was typed during the rollout is not an answer. */
        (void) tcflush(STDIN_FILENO, TCIFLUSH);
        show_question(t);
        while (!caught && (now = bus_now()) < end) {
                struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
                uint64_t ms = (end - now) / 1000 + 1;
                int r = poll(&p, 1, ms > INT32_MAX ? INT32_MAX : (int) ms);

                if (r > 0)
                        return ask_line(&t->ctl->arena, "", &answer) &&
                               (answer.n == 0 || str_is(answer, "y") || str_is(answer, "yes"));
                if (r < 0 && errno != EINTR)
                        return false;
        }

        (void) fputc('\n', stderr);
        return false;
}

/* From the moment on when something may happen. */
static int run(struct try *t) {
        int r;

        on_signals(catch);
        r = try_arm(t);
        if (r != 0)
                return r;

        r = apply_go(&t->apply);
        if (r != CTL_GOOD || caught || try_rearm(t) != 0 || !is_confirmed(t))
                return go_back(t);

        r = try_disarm(t);
        (void) puts(r == 0 ? "Kept."
                           : "Confirmed, but the rollback timer could not be cancelled: see "
                             "'systemctl list-timers pyservice-try-*'.");
        return r;
}

static int prepare(struct try *t) {
        int r = parse_timeout(t->ctl, &t->timeout);

        if (r == 0 && !ask_can()) {
                (void) fputs("pyservicectl try: this needs a terminal, because it waits for a confirmation\n",
                             stderr);
                r = CTL_USAGE;
        }
        if (r == 0)
                r = apply_prepare(t->ctl, "try", &t->apply);
        if (r != 0 || t->apply.is_nothing)
                return r;

        choose(t);
        if (try_warn(t) > 0 && t->apps.n > 0 && !ask_yes(&t->ctl->arena, "Do this? [y/N] ")) {
                (void) fputs("Nothing done.\n", stderr);
                return CTL_ERROR;
        }
        if (t->apps.n > 0)
                return 0;

        (void) fputs("pyservicectl try: nothing done, because nothing of this change could be rolled back; "
                     "use 'pyservicectl apply'\n",
                     stderr);
        return CTL_ERROR;
}

int ctl_try(struct ctl *c) {
        struct try t = { .ctl = c };
        int r;

        t.apply.has_diff = options.has_diff;
        t.apply.turn = turn;
        t.apply.userdata = &t;
        r = prepare(&t);
        return r != 0 || t.apply.is_nothing ? r : run(&t);
}
