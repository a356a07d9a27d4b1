/* SPDX-License-Identifier: Apache-2.0 */

/* The meaning of the facts: whether an app is as declared, and the notes about it. */

#include <errno.h>

#include "balancer/acme.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "bundle/layout.h"
#include "ctl/session.h"
#include "hooks/start-record.h"
#include "model/facts-parts.h"

#define PYSERVICE_TARGET STR("pyservice.target")

enum {
        NAMED_MAX = 2,           /* units that notes name */
        SETTLED_USEC = 10000000, /* a unit that failed again and again is well once it ran for this long */
};

static void note(struct facts *f, struct fact_app *app, struct str text) {
        app->notes = str_is_absent(app->notes) ? text : arena_join(&f->c->arena, app->notes, STR("; "), text);
}

/* Adds a note, and marks the app as not as declared. */
static void blame(struct facts *f, struct fact_app *app, struct str text) {
        note(f, app, text);
        app->standing = FACT_NOT_AS_DECLARED;
}

/* The reason why HAProxy sends requests to none of its instances; absent if it does, or if that is
 * unknown. */
static struct str find_gap(const struct facts *f, const struct fact_part *part) {
        if (part->balancer != &balancer_haproxy)
                return (struct str){ 0 };
        if (!str_is_absent(f->haproxy_gap))
                return f->haproxy_gap;
        if (facts_has_backend(f, part->backend))
                return (struct str){ 0 };

        return arena_join(&f->c->arena, STR("HAProxy does not know '"), part->backend,
                          STR("'; see 'pyservicectl doctor'"));
}

/* systemd resets the number of restarts only when a start is requested. It counts a failure once the wait for
 * the restart is over, and that may have happened after the units were listed. If the clock was set back
 * meanwhile, the difference of the times is huge: then the unit is not failing. */
static bool is_failing(const struct fact_unit *u) {
        uint64_t n = u->detail.n_restarts + bus_waits_for_restart(u->detail.sub);

        if (!u->is_kept || n < BUS_FAILING)
                return false;

        return u->state == FACT_RESTARTING || u->state == FACT_STARTING ||
               (u->state == FACT_STOPPING && !str_is(u->job, "stop")) ||
               (u->state == FACT_READY && u->detail.since > 0 &&
                clock_usec(CLOCK_REALTIME) - u->detail.since < SETTLED_USEC);
}

static void judge_unit(const struct fact_part *part, struct fact_unit *u, bool has_gap) {
        if (is_failing(u))
                u->state = FACT_FAILING;
        else if (u->state == FACT_READY && str_is(u->health, "unhealthy"))
                u->state = FACT_UNHEALTHY;
        else if (u->state == FACT_READY && u->is_declared && (has_gap || u->server.is_out))
                u->state = has_gap ? FACT_UNREACHED : FACT_UNHEALTHY;
        if (u->state == FACT_STOPPED && part->may_end && u->detail.ended > 0 &&
            str_is(u->detail.result, "success"))
                u->state = FACT_DONE;
}

/* The error in it; absent if there is none. */
static struct str complain(const struct fact_unit *u) {
        if (u->state == FACT_FAILED)
                return STR(" failed");
        if (u->state == FACT_FAILING)
                return STR(" fails repeatedly");
        if (u->state == FACT_RESTARTING)
                return STR(" failed, and is about to be restarted");
        if (u->state != FACT_UNHEALTHY)
                return (struct str){ 0 };

        return str_is(u->health, "unhealthy") ? STR(" is unhealthy") : STR(" gets no requests");
}

/* Its reason is a line of its own. */
static bool has_reason(const struct fact_app *app, const struct fact_unit *u) {
        VEC_EACH(reason, &app->reasons.list)
                if (str_has_prefix(u->name, reason->unit) &&
                    str_eq(str_from(u->name, reason->unit.n), STR(".service")))
                        return true;

        return false;
}

static void name_unit(struct facts *f, struct fact_app *app, const struct fact_unit *u) {
        struct str complaint = complain(u);

        /* A first start may need a second try. */
        if (str_is_absent(complaint) || (u->state == FACT_RESTARTING && app->standing == FACT_CHANGING))
                return;
        if (has_reason(app, u))
                app->standing = FACT_NOT_AS_DECLARED;
        else if (app->n_named++ < NAMED_MAX)
                blame(f, app, arena_join(&f->c->arena, u->name, complaint));
        else
                app->standing = FACT_NOT_AS_DECLARED;
}

/* Reported once, not for each instance. HAProxy gets the servers of a rollout while that is under way. */
static void name_gap(struct facts *f, struct fact_app *app, struct str gap) {
        bool is_told = !str_is_absent(app->notes) && str_find_str(app->notes, gap) < app->notes.n;

        if (!is_told && (!str_is_absent(f->haproxy_gap) || app->standing != FACT_CHANGING))
                blame(f, app, gap);
}

static bool is_spare(const struct fact_unit *u) {
        return u->is_instance && u->number == PORTS_NEXT;
}

/* The spare of a rollout, whose outcome is described as such. */
static bool is_rollouts(const struct fact_app *app, const struct fact_unit *u) {
        return is_spare(u) && (app->outcome == VIEW_FAILED || app->outcome == VIEW_UNDER_WAY);
}

static void count_unit(struct fact_app *app, const struct fact_part *part, const struct fact_unit *u) {
        bool is_good = u->state == FACT_READY || u->state == FACT_DONE;

        if (is_rollouts(app, u))
                return;
        app->n_failed += u->state == FACT_FAILED || u->state == FACT_RESTARTING || u->state == FACT_FAILING;
        if (!fact_is_kept(part) || is_spare(u))
                return;

        app->n_running += fact_is_running(u) || u->state == FACT_DONE;
        app->n_ready += u->is_declared && is_good;
        app->n_unhealthy += u->state == FACT_UNHEALTHY || u->state == FACT_UNREACHED;
        app->n_failing += u->state == FACT_FAILING;
}

/* The file has another number of instances than the one that systemd got. */
static bool is_scale_old(const struct fact_app *app) {
        if (!app->definition->app || str_is_absent(app->view.runs) || str_is_absent(app->view.file) ||
            app->holds.list.n > 0)
                return false;

        VEC_EACH(part, &app->parts)
                if (fact_is_kept(part) && part->n_upheld != part->scale)
                        return true;

        return false;
}

/* Parts that are stopped on purpose. */
static void judge_holds(struct facts *f, struct fact_app *app) {
        struct arena *a = &f->c->arena;

        if (hold_has_all(&app->holds)) {
                blame(f, app,
                      arena_join(a, STR("stopped; 'pyservicectl start "), app->name, STR("' starts it")));
                return;
        }

        VEC_EACH(hold, &app->holds.list)
                if (hold->now > 0)
                        blame(f, app,
                              hold->has_number ? arena_join(a, STR("stopped: "), hold->unit, STR("@"),
                                                            arena_u64(a, hold->number))
                                               : arena_join(a, STR("stopped: "), hold->unit));
}

/* Its instances are as declared, so this is only a note. */
static void note_maintenance(struct facts *f, struct fact_app *app) {
        struct arena *a = &f->c->arena;
        uint64_t since = app->view.maintenance.since;

        if (since > 0)
                note(f, app,
                     arena_join(a, STR("in maintenance since "), view_time(a, since),
                                STR("; 'pyservicectl maintenance --off "), app->name, STR("' ends it")));
}

static uint64_t count_errors(const struct facts *f, const struct fact_app *app) {
        uint64_t n = 0;

        VEC_EACH(d, &f->session.ds.list)
                n += str_eq(d->owner, app->name) && d->severity == SEVERITY_ERROR;
        return n;
}

/* Its work would not be done. */
static void judge_timers(struct facts *f, struct fact_app *app) {
        bool is_to_run = f->now.has_units && !str_is_absent(app->view.runs) && app->holds.list.n == 0 &&
                         app->standing == FACT_AS_DECLARED;

        VEC_EACH(part, &app->parts)
                if (is_to_run && part->kind == RECORD_TIMER && part->scale > 0 && !part->is_timer_active)
                        blame(f, app, arena_join(&f->c->arena, part->timer, STR(" is not active")));
}

static void judge_file(struct facts *f, struct fact_app *app) {
        struct arena *a = &f->c->arena;

        if (app->definition->is_broken && !app->definition->is_hidden) {
                uint64_t n = count_errors(f, app);
                struct str errors = arena_join(
                        a, arena_u64(a, n), n == 1 ? STR(" error in its file") : STR(" errors in its file"));

                blame(f, app,
                      app->view.is_published ? arena_join(a, errors, STR(", the last good version is in use"))
                                             : errors);
        } else if (!app->view.is_published)
                blame(f, app,
                      app->view.has_errors ? STR("refused by the last reload")
                                           : STR("new; reload to publish it"));
        else if (app->target.is_outdated || (app->bundle_error == 0 && is_scale_old(app)))
                blame(f, app, STR("edited; reload to apply it"));
        else if (app->view.has_errors && app->outcome != VIEW_FAILED)
                blame(f, app, STR("refused by the last reload, the last good version is in use"));
}

/* Facts of its published bundle. */
static void judge_record(struct facts *f, struct fact_app *app) {
        if (app->bundle_error == -EPROTONOSUPPORT)
                blame(f, app, STR("another version of pyservice published it; reload to publish it again"));
        else if (app->bundle_error == -EBADMSG)
                blame(f, app,
                      arena_join(&f->c->arena, STR("its record is damaged; remove "),
                                 f->session.world.places.runtime, STR("/"),
                                 layout_app_file(&f->c->arena, app->name, STR(LAYOUT_STAMP)),
                                 STR(", and reload to publish it again")));
        else if (app->bundle_error < 0)
                blame(f, app,
                      arena_join(&f->c->arena, STR("its record cannot be read: "),
                                 str_of(strerror(-app->bundle_error))));
}

static void judge_rollout(struct facts *f, struct fact_app *app) {
        const struct view *v = &app->view;
        struct arena *a = &f->c->arena;
        bool is_pinned = v->knows_state && !str_is_absent(v->state.pinned);
        struct str phase;

        if (is_pinned)
                blame(f, app, arena_join(a, STR("pinned to "), v->state.pinned));
        switch (app->outcome) {
        case VIEW_FAILED:
                app->standing = FACT_NOT_AS_DECLARED;
                app->rollout_note = app->reason.n > 0 ? arena_join(a, STR("rollout failed: "), app->reason)
                                    : v->knows_state  ? STR("rollout failed")
                                                      : STR("rollout failed, or pinned");
                break;
        case VIEW_PAUSED:
                if (!v->is_stopped)
                        blame(f, app, STR("rollout paused"));
                break;
        case VIEW_UNDER_WAY:
                /* After a boot there is no note about a rollout before it begins. */
                if (str_is_absent(v->progress.phase) && str_eq(v->runs, v->wanted))
                        break;
                phase = view_phase(a, v);
                app->rollout_note = phase.n > 0 ? arena_join(a, STR("rollout under way: "), phase)
                                                : STR("rollout under way");
                if (app->standing == FACT_AS_DECLARED)
                        app->standing = FACT_CHANGING;
                break;
        case VIEW_DONE:
                break;
        }
}

/* True if systemd starts its units by itself. */
static bool is_kept_up(const struct facts *f, const struct fact_app *app) {
        return app->definition && !app->definition->is_broken && app->holds.list.n == 0 &&
               snapshot_is_active(&f->now, PYSERVICE_TARGET);
}

/* After a reload or a boot, until its rollout has begun. */
static bool is_beginning(const struct facts *f, const struct fact_app *app) {
        const struct view *v = &app->view;
        struct str rollout = str_is_absent(v->wanted) ? STR("")
                                                      : arena_join(&f->c->arena, app->name, STR("-rollout@"),
                                                                   v->wanted, STR(".service"));

        return app->outcome == VIEW_UNDER_WAY && v->is_published && is_kept_up(f, app) &&
               !str_is(snapshot_unit_state(&f->now, rollout), "failed");
}

/* True if another revision is to take the place of one that runs. */
static bool is_replacing(const struct view *v) {
        return !str_is_absent(v->runs) && !str_eq(v->runs, v->wanted);
}

static struct str choose_word(const struct facts *f, const struct fact_app *app) {
        bool is_whole = app->n_ready == app->n_declared && app->n_running == app->n_declared;
        bool is_broken = app->definition && app->definition->is_broken && !app->definition->is_hidden;

        if (!app->definition)
                return str_is_absent(session_find_mask(&f->session, app->name)) ? STR("gone") : STR("masked");
        if (!app->view.is_published)
                return is_broken ? STR("broken") : STR("new");
        if (!f->now.has_units)
                return is_broken ? STR("broken") : STR("unknown");
        if (app->standing == FACT_CHANGING)
                return app->n_declared > 0 && app->n_ready == 0 && !is_replacing(&app->view)
                               ? STR("starting")
                               : STR("changing");
        if (is_whole)
                return app->n_failed > 0 ? STR("failed") : app->n_declared > 0 ? STR("running") : STR("idle");
        if (app->n_ready > 0)
                return STR("degraded");

        return app->n_failing > 0                         ? STR("failing")
               : app->n_failed > 0                        ? STR("failed")
               : app->n_unhealthy > 0                     ? STR("degraded")
               : app->n_running > 0 || is_kept_up(f, app) ? STR("starting")
                                                          : STR("stopped");
}

static void summarize(struct fact_app *app) {
        VEC_EACH(part, &app->parts) {
                uint64_t next = part->times.next;

                if (str_is_absent(app->image) && fact_is_kept(part))
                        app->image = part->image;
                app->n_declared += fact_is_kept(part) ? part->scale : 0;
                if (part->is_timer_active && next > 0 && next != UINT64_MAX &&
                    (app->next == 0 || next < app->next))
                        app->next = next;
        }
        if (str_is_absent(app->image) && app->parts.n > 0)
                app->image = app->parts.at[0].image;
}

static void find_done(struct fact_app *app) {
        const struct view *v = &app->view;

        VEC_EACH(part, &app->parts)
                if (part->kind == RECORD_TASK && v->knows_state && !str_is_absent(v->wanted))
                        part->is_task_done = state_has_task(&v->state, v->wanted, part->units.at[0].name);
}

struct str facts_why_undefined(const struct facts *f, const struct fact_app *app) {
        struct str mask = session_find_mask(&f->session, app->name);

        return str_is_absent(mask) ? STR("its definition was removed")
                                   : arena_join(&f->c->arena, STR("masked by "), mask);
}

/* Its record is of the revision that it runs, or ran last: a start of another one begins a new record. */
static bool was_killed(const struct facts *f, const struct fact_unit *u) {
        struct start_record record;

        return f->places.runtime >= 0 &&
               start_record_read(&f->c->arena, f->places.runtime,
                                 arena_join(&f->c->arena, STR(START_RECORDS "/"), u->name).p, &record) >= 0 &&
               record.was_killed;
}

/* One of each part is enough: all of them run the same. */
static void note_killed(struct facts *f, struct fact_app *app, const struct fact_part *part) {
        VEC_EACH(u, &part->units)
                if (fact_is_kept(part) && was_killed(f, u)) {
                        note(f, app,
                             arena_join(&f->c->arena, STR("the last stop of "), u->name,
                                        STR(" ended with SIGKILL")));
                        return;
                }
}

/* HAProxy continues with the previous certificate, or a self-signed one. */
static void note_orders(struct facts *f, struct fact_app *app) {
        const char *root = strcmp(f->c->root, "/") == 0 ? "" : f->c->root;

        APP_EACH_KEPT(s, app->definition->app) {
                if (!s->proxy || !has_auto_tls(s->proxy))
                        continue;
                LIST_EACH(domain, &s->proxy->domains) {
                        struct acme_record record;

                        if (acme_record_read(&f->c->arena, root, domain->text, &record) == 0 &&
                            record.failed > 0)
                                note(f, app,
                                     arena_join(&f->c->arena, STR("no new certificate for "), domain->text,
                                                STR(": "), utf8_clean(&f->c->arena, record.reason)));
                }
        }
}

static void judge_part(struct facts *f, struct fact_app *app, const struct fact_part *part) {
        struct str gap = find_gap(f, part);

        note_killed(f, app, part);
        VEC_EACH(u, &part->units) {
                judge_unit(part, u, !str_is_absent(gap));
                if (u->state == FACT_UNREACHED)
                        name_gap(f, app, gap);
                else if (!is_rollouts(app, u))
                        name_unit(f, app, u);
                count_unit(app, part, u);
        }
}

void facts_judge(struct facts *f, struct fact_app *app) {
        summarize(app);
        find_done(app);
        if (app->view.is_published)
                app->outcome = view_judge(&app->view, &app->reason);
        judge_record(f, app);
        if (app->definition) {
                judge_file(f, app);
                judge_holds(f, app);
                if (app->view.is_published)
                        judge_rollout(f, app);
                judge_timers(f, app);
        } else
                note(f, app, facts_why_undefined(f, app));
        note_maintenance(f, app);

        if (app->definition && app->definition->app)
                note_orders(f, app);
        VEC_EACH(part, &app->parts)
                judge_part(f, app, part);
        if (f->now.has_units && app->standing == FACT_AS_DECLARED &&
            (app->n_ready != app->n_declared || app->n_running != app->n_declared))
                app->standing = is_beginning(f, app) ? FACT_CHANGING : FACT_NOT_AS_DECLARED;
        app->word = choose_word(f, app);
}
