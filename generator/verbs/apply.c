/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl apply: shows the plan, prompts, reloads, and reports the result. */

#include <errno.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "model/waiting.h"
#include "podman/room.h"
#include "rollout/describe.h"
#include "terminal/ask.h"
#include "verbs/apply.h"
#include "verbs/verbs.h"

static struct { bool has_diff; } options;

const struct option_row apply_options[] = {
        { "diff", NULL, "Show how the generated files would change", .flag = &options.has_diff },
        { 0 },
};

/* --- units that start and stop at once, without a rollout: another scale, a removed app --- */

enum { TURN_MS = 200 };

enum standing { WAITS, GOOD, BAD };

/* A unit on its way. */
struct pending {
        struct str app, unit;
        bool is_start;
        enum standing state;
};

/* An app that has such units. */
struct waited {
        struct str app;
        struct waiting waiting;
};

struct units {
        struct apply *ap;
        struct bus *bus;
        struct view_places places;
        VEC(struct pending) list;
        VEC(struct waited) apps;
};

static void collect(struct units *u) {
        VEC_EACH(app, &u->ap->foreseen.forecast.apps) {
                const struct apply_result *result = apply_find(u->ap, app->name);

                if (result && result->outcome != VIEW_DONE)
                        continue;
                VEC_EACH(action, &app->actions) {
                        bool is_unit = action->kind == FORECAST_INSTANCE || action->kind == FORECAST_SIDECAR;

                        if (is_unit && (action->verb == FORECAST_START || action->verb == FORECAST_STOP))
                                *vec_push(&u->ap->ctl->arena, &u->list) =
                                        (struct pending){ app->name, action->name,
                                                          action->verb == FORECAST_START, WAITS };
                }
        }
}

/* A unit that systemd does not restart (restart: no) may have run and ended well. A unit that waits for its
 * next attempt did not start. */
static enum standing judge(const struct units *u, const struct pending *p, const struct bus_unit *unit) {
        bool is_down = str_is(unit->active, "inactive") || str_is(unit->active, "failed");

        if (!p->is_start)
                return is_down && !unit->has_job ? GOOD : WAITS;
        if (str_is(unit->active, "active"))
                return GOOD;
        if (str_is(unit->active, "failed") || bus_waits_for_restart(unit->sub))
                return BAD;

        return is_down && !unit->has_job && unit->starting_since >= u->ap->since &&
                               str_is(unit->result, "success")
                       ? GOOD
                       : WAITS;
}

static void complain(struct units *u, const struct pending *p) {
        struct arena *a = &u->ap->ctl->arena;
        const struct describing d = { a, u->bus, u->ap->ctl->is_user, u->ap->since, p->unit };
        struct str reason = describe_failure(&d, (struct str){ 0 }), rest = describe_log(&d), line;

        (void) fprintf(stderr, "pyservicectl: %.*s: %.*s\n", STR_ARG(p->app), STR_ARG(reason));
        while (str_split(&rest, '\n', &line))
                (void) fprintf(stderr, "  %.*s\n", STR_ARG(line));
        *vec_push(a, &u->ap->results) = (struct apply_result){ p->app, VIEW_FAILED, reason };
}

static void tell(struct units *u, const struct pending *p) {
        if (p->state == BAD)
                complain(u, p);
        else if (!u->ap->ctl->is_json)
                (void) printf("%.*s: %.*s: %s\n", STR_ARG(p->app), STR_ARG(p->unit),
                              p->is_start ? "started" : "stopped");
}

static void explain(struct units *u, struct str app) {
        struct waited *found = NULL;

        VEC_EACH(known, &u->apps)
                if (str_eq(known->app, app))
                        found = known;
        if (!found) {
                found = vec_push(&u->ap->ctl->arena, &u->apps);
                *found = (struct waited){ app, { .ctl = u->ap->ctl, .places = &u->places, .bus = u->bus } };
        }
        (void) ctl_write(stdout, waiting_look(&found->waiting, app, false));
}

/* *ret: does any still wait? */
static int look(struct units *u, bool *ret) {
        *ret = false;
        VEC_EACH(p, &u->list) {
                struct arena scratch = { 0 };
                struct bus_unit unit = { 0 };
                int r = p->state == WAITS ? bus_get_unit(u->bus, &scratch, p->unit, &unit) : 0;

                if (r >= 0 && p->state == WAITS) {
                        p->state = judge(u, p, &unit);
                        *ret |= p->state == WAITS;
                        if (p->state != WAITS)
                                tell(u, p);
                        else if (p->is_start && !u->ap->ctl->is_json)
                                explain(u, p->app);
                }
                arena_done(&scratch);
                if (r < 0)
                        return ctl_fail("cannot query systemd", r);
        }

        (void) fflush(stdout);
        return 0;
}

static int wait(struct units *u) {
        bool has_pending = true;
        int r = 0;

        while (r == 0 && has_pending) {
                r = look(u, &has_pending);
                if (r == 0 && has_pending && bus_wait(u->bus, TURN_MS) < 0)
                        r = ctl_fail("cannot wait for systemd", -ECONNRESET);
                if (r == 0 && has_pending && u->ap->turn)
                        r = u->ap->turn(u->ap->userdata);
        }
        return r;
}

static void close_units(struct units *u) {
        bus_close(&u->bus);
        view_close(&u->places);
}

/* Waits until the instances that the plan starts and stops have done so. Returns an exit status. */
static int apply_follow_units(struct apply *ap) {
        CLEANUP(close_units) struct units u = { .ap = ap, .places = { -1, -1, { 0 } } };
        int r;

        collect(&u);
        if (u.list.n == 0)
                return CTL_GOOD;

        r = view_open(ap->ctl, &u.places);
        if (r != 0)
                return r;
        r = bus_open(&ap->ctl->arena, ap->ctl->is_user, -1, &u.bus);
        if (r < 0)
                return ctl_fail("cannot query systemd", r);

        r = wait(&u);
        VEC_EACH(p, &u.list)
                if (r == 0 && p->state == BAD)
                        r = CTL_ERROR;
        return r;
}

static int take_names(struct apply *ap) {
        struct ctl *c = ap->ctl;
        struct str *names = arena_array(&c->arena, (size_t) c->argc + 1, struct str);
        int r = 0;

        ap->placing = (struct changing){ .ctl = c, .before.world.root = -1 };
        for (int i = 0; i < c->argc && r == 0; i++)
                r = ap->takes_files ? place_take_word(&ap->placing, c->argv[i], &names[i])
                                    : foresee_name(c->argv[i], &names[i]);
        if (r == 0 && ap->placing.files.n > 0)
                r = place_look(&ap->placing);
        ap->shown = (struct forecast_shown){
                .apps = names,
                .n = (size_t) c->argc,
                .has_diff = ap->has_diff,
                .is_colored = log_is_colored(STDOUT_FILENO),
        };
        return r;
}

static int show_plan(struct apply *ap) {
        const struct foreseeing *f = &ap->foreseen;
        struct buf out = buf_in(&ap->ctl->arena);
        int r = forecast_show(&out, &f->trial, &f->forecast, &ap->shown);

        return r < 0 ? ctl_fail("cannot show the plan", r) : ctl_write(stdout, buf_str(&out));
}

/* The object stays open for the outcome: show_json(). */
static int begin_json(struct apply *ap) {
        const struct foreseeing *f = &ap->foreseen;
        int r;

        ap->json = buf_in(&ap->ctl->arena);
        ap->writer = (struct json_writer){ .out = &ap->json };
        json_open(&ap->writer, NULL, '{');
        json_open(&ap->writer, "plan", '{');
        r = forecast_put_json(&ap->writer, &f->trial, &f->forecast, &ap->shown);
        json_close(&ap->writer, '}');
        return r < 0 ? ctl_fail("cannot show the plan", r) : 0;
}

static int show(struct apply *ap) {
        return ap->ctl->is_json ? begin_json(ap) : show_plan(ap);
}

int apply_prepare(struct ctl *c, const char *verb, struct apply *ap) {
        struct forecast_totals totals;
        struct str full = { 0 };
        int r;

        ap->ctl = c;
        ap->verb = verb;
        r = take_names(ap);
        if (r == 0)
                r = foresee_open(c, place_propose(&ap->placing), ap->placing.files.n, &ap->foreseen);
        if (r == 0)
                r = foresee_check_names(&ap->foreseen, &ap->shown);
        if (r == 0)
                r = show(ap);
        if (r == 0)
                full = room_find_full(&c->arena, &ap->foreseen.session.world);
        foresee_close(&ap->foreseen);
        if (r != 0)
                return r;

        forecast_count(&ap->foreseen.forecast, &ap->shown, &totals);
        ap->is_nothing = totals.n_changed == 0;
        if (!foresee_has_errors(&ap->foreseen, &ap->shown)) {
                /* A change that only stops parts may make room. */
                if (str_is_absent(full) || totals.n_start + totals.n_restart + totals.n_tasks == 0)
                        return 0;

                (void) fprintf(stderr, "pyservicectl %s: nothing done: %.*s\n", verb, STR_ARG(full));
                return CTL_ERROR;
        }

        (void) fprintf(stderr, "pyservicectl %s: nothing done; fix the errors%s\n", verb,
                       c->argc > 0 ? "" : ", or name only the applications to apply");
        return CTL_ERROR;
}

const struct apply_result *apply_find(const struct apply *ap, struct str app) {
        VEC_EACH(result, &ap->results)
                if (str_eq(result->app, app))
                        return result;

        return NULL;
}

int apply_follow(struct apply *ap, struct str app) {
        CLEANUP(view_close) struct view_places places = { -1, -1, { 0 } };
        struct rollout_following following = {
                .has_bar = isatty(STDOUT_FILENO) && !ap->ctl->is_json,
                .is_silent = ap->ctl->is_json,
                .turn = ap->turn,
                .userdata = ap->userdata,
        };
        int r = view_open(ap->ctl, &places);

        if (r != 0)
                return r;

        r = rollout_follow(ap->ctl, &places, app, &following);
        *vec_push(&ap->ctl->arena, &ap->results) =
                (struct apply_result){ app, following.outcome, following.reason };
        return r;
}

/* True if its rollout has anything to do. */
static bool has_rollout(const struct forecast_app *app) {
        bool is_under_way = !str_eq(app->runs, app->wanted) || !str_eq(app->accepted, app->wanted);

        return (app->change == FORECAST_NEW || app->change == FORECAST_CHANGED) && !app->is_stopped &&
               !str_is_absent(app->wanted) && is_under_way;
}

int apply_go(struct apply *ap) {
        int status = CTL_GOOD, r;

        ap->since = bus_now();
        r = ctl_reload(ap->ctl);
        if (r != 0 || ap->ctl->no_follow)
                return r;

        VEC_EACH(app, &ap->foreseen.forecast.apps) {
                if (!has_rollout(app))
                        continue;
                r = apply_follow(ap, app->name);
                if (r != CTL_GOOD && r != CTL_ERROR)
                        return r;
                status = r == CTL_GOOD ? status : r;
        }

        r = apply_follow_units(ap);
        return r == CTL_GOOD ? status : r;
}

static int reload_changes(struct ctl *c, const struct changes *changes) {
        struct str before = { 0 };
        int r = ctl_reload(c);

        VEC_EACH(change, &changes->list) {
                if (r == 0 && (str_is_absent(before) || !str_eq(before, change->app)))
                        rollout_name_command(c, change->app);
                before = change->app;
        }
        return r;
}

int apply_changes(struct ctl *c, const struct changes *changes) {
        struct apply ap = { .ctl = c };
        int r;

        if (!rollout_is_followed(c))
                return reload_changes(c, changes);

        r = foresee_open(c, NULL, 0, &ap.foreseen);
        foresee_close(&ap.foreseen);
        return r != 0 ? r : apply_go(&ap);
}

static void emit_results(struct json_writer *e, const struct apply *ap) {
        json_open(e, "results", '[');
        VEC_EACH(result, &ap->results) {
                json_open(e, NULL, '{');
                json_text(e, "app", result->app);
                json_text(e, "outcome", view_outcome_name(result->outcome));
                json_text(e, "reason", result->reason);
                json_close(e, '}');
        }
        json_close(e, ']');
}

static int show_json(struct apply *ap, const char *outcome) {
        json_text(&ap->writer, "outcome", str_of(outcome));
        emit_results(&ap->writer, ap);
        json_close(&ap->writer, '}');
        buf_put_char(&ap->json, '\n');
        return ctl_write(stdout, buf_str(&ap->json));
}

/* Returns `status`, with the answer in JSON if requested. */
static int end(struct apply *ap, int status, const char *outcome) {
        if (!ap->ctl->is_json || !ap->writer.out)
                return status;

        return show_json(ap, outcome) == CTL_GOOD ? status : EXIT_SYSTEM;
}

static int put_files(struct apply *ap) {
        int r = ap->placing.files.n > 0 ? place_put(&ap->placing) : 0;

        VEC_EACH(f, &ap->placing.files)
                if (r == 0 && !ap->ctl->is_json)
                        (void) printf("%.*s: %.*s written\n", STR_ARG(f->app), STR_ARG(f->path));
        (void) fflush(stdout);
        return r;
}

static void close_files(struct apply *ap) {
        session_close(&ap->placing.before);
}

int ctl_apply(struct ctl *c) {
        CLEANUP(close_files)
        struct apply ap = { .has_diff = options.has_diff,
                            .takes_files = true,
                            .placing.before.world.root = -1 };
        int r;

        /* Below a root nothing runs. */
        if (strcmp(c->root, "/") != 0)
                return CTL_GOOD;

        r = apply_prepare(c, "apply", &ap);
        if (r != 0)
                return end(&ap, r, "refused");
        if (ap.is_nothing && !place_differs(&ap.placing))
                return end(&ap, CTL_GOOD, "unchanged");
        if (!c->is_sure && !ask_is_possible(c, "apply", "nothing done"))
                return end(&ap, CTL_USAGE, "refused");
        if (!c->is_sure && !ask_yes(&c->arena, "Do this? [y/N] ")) {
                (void) fputs("Nothing done.\n", stderr);
                return CTL_ERROR;
        }

        r = put_files(&ap);
        if (r == 0)
                r = apply_go(&ap);
        if (r == CTL_GOOD && !c->is_json)
                (void) puts(c->no_follow ? "Reloaded." : "Applied.");
        return end(&ap, r, r != CTL_GOOD ? "failed" : c->no_follow ? "reloaded" : "done");
}
