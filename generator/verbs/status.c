/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl status: all applications, one line each, or one application with everything about it. */

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/utf8.h"
#include "bundle/layout.h"
#include "change/amount.h"
#include "ctl/target.h"
#include "model/facts.h"
#include "terminal/table.h"
#include "verbs/verbs.h"

/* --- one application as JSON --- */

static void emit_time(struct json_writer *e, const char *key, uint64_t usec) {
        if (usec != 0 && usec != UINT64_MAX)
                json_text(e, key, clock_utc(e->out->arena, usec));
        else
                json_null(e, key);
}

/* The result of its last run; absent if it never ran. */
static struct str result_of(const struct fact_unit *u) {
        return u->detail.started > 0 ? u->detail.result : (struct str){ 0 };
}

static void emit_unit(struct json_writer *e, const struct facts *f, const struct fact_part *part,
                      const struct fact_unit *u) {
        json_open(e, NULL, '{');
        json_text(e, "unit", u->name);
        json_count(e, "instance", u->is_instance ? u->number : PORTS_NEXT);
        json_bool(e, "spare", u->is_instance && u->number == PORTS_NEXT);
        json_bool(e, "declared", u->is_declared);
        json_text(e, "state", str_of(fact_state_name(u->state)));
        json_text(e, "active", u->active);
        json_text(e, "sub", u->sub);
        json_text(e, "result", u->detail.result);
        emit_time(e, "since", u->detail.since);
        json_count(e, "restarts", f->now.has_units ? u->detail.n_restarts : UINT64_MAX);
        json_count(e, "port", u->port > 0 ? u->port : UINT64_MAX);
        json_text(e, "health", u->health);
        json_text(e, "revision", u->revision);
        json_text(e, "label", u->label);
        json_text(e, "commit", u->commit);
        json_count(e, "memory_bytes", u->memory);
        json_count(e, "cpu_usec", u->cpu);
        json_text(e, "proxy", u->server.text);
        json_count(e, "sessions", u->server.n_sessions);
        json_count(e, "requests", u->server.n_requests);
        json_close(e, '}');
}

static void emit_kept(struct json_writer *e, const struct facts *f, const struct fact_part *part) {
        json_open(e, NULL, '{');
        json_text(e, "name", part->name);
        json_text(e, "unit", part->unit);
        json_text(e, "image", part->image);
        json_bool(e, "declared", part->is_declared);
        json_number(e, "scale", part->scale);
        json_text(e, "backend", part->balancer == &balancer_haproxy ? part->backend : (struct str){ 0 });
        json_open(e, "instances", '[');
        VEC_EACH(u, &part->units)
                emit_unit(e, f, part, u);
        json_close(e, ']');
        json_close(e, '}');
}

static void emit_timer(struct json_writer *e, const struct facts *f, const struct fact_part *part) {
        json_open(e, NULL, '{');
        json_text(e, "name", part->name);
        json_text(e, "unit", part->timer);
        json_text(e, "schedule", part->schedule);
        json_maybe(e, "active", f->now.has_units, part->is_timer_active);
        emit_time(e, "next", part->times.next);
        emit_time(e, "last", facts_last_run(part));
        json_text(e, "result", result_of(&part->units.at[0]));
        json_close(e, '}');
}

static void emit_task(struct json_writer *e, const struct facts *f, const struct fact_part *part) {
        const struct fact_unit *u = part->units.at;

        json_open(e, NULL, '{');
        json_text(e, "name", part->name);
        json_text(e, "unit", u->name);
        json_text(e, "active", u->active);
        emit_time(e, "last", u->detail.started);
        json_text(e, "result", result_of(u));
        json_bool(e, "done", part->is_task_done);
        json_close(e, '}');
}

static void emit_parts(struct json_writer *e, const struct facts *f, const struct fact_app *app) {
        static const struct {
                const char *key;
                enum record_kind kind;
                void (*emit)(struct json_writer *e, const struct facts *f, const struct fact_part *part);
        } lists[] = {
                { "services", RECORD_SERVICE, emit_kept },
                { "sidecars", RECORD_SIDECAR, emit_kept },
                { "timers", RECORD_TIMER, emit_timer },
                { "tasks", RECORD_TASK, emit_task },
        };

        for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
                json_open(e, lists[i].key, '[');
                VEC_EACH(part, &app->parts)
                        if (part->kind == lists[i].kind)
                                lists[i].emit(e, f, part);
                json_close(e, ']');
        }
}

static void emit_rollout(struct json_writer *e, const struct fact_app *app) {
        const struct progress *p = &app->view.progress;

        if (!app->view.is_published) {
                json_null(e, "rollout");
                return;
        }

        json_open(e, "rollout", '{');
        json_text(e, "outcome", view_outcome_name(app->outcome));
        json_text(e, "revision", p->revision);
        json_text(e, "phase", p->phase);
        json_text(e, "message", p->message);
        json_text(e, "reason", app->reason.n > 0 ? app->reason : (struct str){ 0 });
        emit_time(e, "started", p->started);
        emit_time(e, "since", p->since);
        json_close(e, '}');
}

static void emit_app(struct json_writer *e, const struct facts *f, const struct fact_app *app) {
        const struct view *v = &app->view;

        json_text(e, "app", app->name);
        json_text(e, "state", app->word);
        json_bool(e, "as_declared", app->standing == FACT_AS_DECLARED);
        json_number(e, "declared", app->n_declared);
        json_count(e, "running", f->now.has_units ? app->n_running : UINT64_MAX);
        json_count(e, "ready", f->now.has_units ? app->n_ready : UINT64_MAX);
        json_count(e, "failed", f->now.has_units ? app->n_failed : UINT64_MAX);
        emit_time(e, "since", app->n_running > 0 ? app->target.since : 0);
        json_text(e, "file", app->definition ? app->definition->path : (struct str){ 0 });
        json_maybe(e, "broken", !app->definition || !app->definition->is_hidden,
                   app->definition && app->definition->is_broken);
        json_text(e, "image", app->image);
        json_text(e, "revision", v->runs);
        json_text(e, "wanted", v->wanted);
        json_text(e, "pinned", v->knows_state ? v->state.pinned : (struct str){ 0 });
        json_maybe(e, "paused", v->knows_state, v->state.is_paused);
        json_maybe(e, "maintenance", v->knows_state, v->maintenance.since > 0);
        emit_time(e, "next", app->next);
        json_text(e, "note", fact_all_notes(e->out->arena, app));
}

static void emit_reasons(struct json_writer *e, const struct fact_app *app) {
        json_open(e, "reasons", '[');
        VEC_EACH(reason, &app->reasons.list) {
                json_open(e, NULL, '{');
                json_text(e, "unit", reason->unit);
                json_text(e, "reason", reason->text);
                json_number(e, "failed_starts", reason->n_failed);
                json_text(e, "last_line", reason->printed);
                json_close(e, '}');
        }
        json_close(e, ']');
}

static int status_show_json(struct facts *f, const struct fact_app *app) {
        struct buf out = buf_in(&f->c->arena);
        struct json_writer e = { .out = &out };

        json_open(&e, NULL, '{');
        emit_app(&e, f, app);
        emit_rollout(&e, app);
        emit_reasons(&e, app);
        emit_parts(&e, f, app);
        diag_sort(&f->session.ds);
        diag_put_json(&e, &f->session.ds, app->name);
        json_close(&e, '}');
        buf_put_char(&out, '\n');
        return ctl_write(stdout, buf_str(&out));
}

/* --- one application as text: its state, its instances as a tree, timers, tasks, errors in its file --- */

enum { ERRORS_MAX = 1 << 20, LABEL_WIDTH = 9 };

static void put_line(struct buf *out, const char *label, struct str text) {
        if (text.n == 0)
                return;

        for (size_t n = strlen(label); n < LABEL_WIDTH; n++)
                buf_put_char(out, ' ');
        buf_put(out, label);
        buf_put(out, label[0] != '\0' ? ": " : "  ");
        buf_put_str(out, text);
        buf_put_char(out, '\n');
}

/* "Fri 2026-11-20 14:03:12 UTC; 3h ago" */
static struct str describe_time(struct arena *a, uint64_t usec) {
        return usec == 0
                       ? STR("")
                       : arena_join(a, view_time(a, usec), STR("; "), amount_distance(a, usec), STR(" ago"));
}

static struct str describe_state(const struct facts *f, const struct fact_app *app) {
        struct arena *a = &f->c->arena;
        bool is_rejected = app->outcome == VIEW_FAILED && !view_is_stalled(&app->view) &&
                           !str_is_absent(app->view.runs) &&
                           !str_eq(app->view.runs, view_failed_revision(&app->view));
        struct str declared =
                arena_join(a, app->word, STR(", "), arena_u64(a, app->n_declared), STR(" declared"));

        if (is_rejected)
                declared = arena_join(a, app->word, STR(" (revision "), view_failed_revision(&app->view),
                                      STR(" rejected), "), arena_u64(a, app->n_declared), STR(" declared"));

        if (!f->now.has_units)
                return declared;

        return arena_join(a, declared, STR(", "), arena_u64(a, app->n_running), STR(" running, "),
                          arena_u64(a, app->n_ready), STR(" ready"));
}

static struct str describe_revision(struct arena *a, const struct view *v) {
        struct str runs = str_is_absent(v->runs) ? STR("none") : v->runs;

        if (str_is_absent(v->wanted) || str_eq(v->wanted, v->runs))
                return v->is_published ? runs : STR("");

        return arena_join(a, runs, STR("; desired: "), v->wanted);
}

static struct str describe_rollout(struct arena *a, const struct fact_app *app) {
        const struct progress *p = &app->view.progress;
        struct str text = view_outcome_name(app->outcome),
                   what = app->outcome == VIEW_UNDER_WAY ? view_phase(a, &app->view) : app->reason;

        if (!app->view.is_published || (str_is_absent(p->revision) && app->outcome == VIEW_UNDER_WAY))
                return STR("");
        if (app->outcome != VIEW_DONE && what.n > 0)
                text = arena_join(a, text, STR(": "), what);
        if (app->outcome == VIEW_FAILED && !view_is_stalled(&app->view))
                text = arena_join(a, STR("revision "), view_failed_revision(&app->view), STR(" "), text,
                                  STR("; 'pyservicectl rollout status "), app->name,
                                  STR("' shows what to do"));
        else if (!str_is_absent(p->revision))
                text = arena_join(a, STR("revision "), p->revision, STR(" "), text);
        return p->started > 0
                       ? arena_join(a, text, STR("; started "), amount_distance(a, p->started), STR(" ago"))
                       : text;
}

/* The commits that the images of its services were built from; during a rollout these are two. */
static struct str describe_commits(struct arena *a, const struct fact_app *app) {
        struct str text = STR("");

        VEC_EACH(part, &app->parts)
                VEC_EACH(u, &part->units) {
                        bool is_new = part->kind == RECORD_SERVICE && !str_is_absent(u->commit) &&
                                      str_find_str(text, u->commit) == text.n;

                        if (is_new)
                                text = arena_join(a, text, text.n > 0 ? STR(", ") : STR(""), u->commit);
                }

        return text;
}

/* Why instances that are well again were restarted: who looks after a night asks that first. */
static void put_restarts(const struct facts *f, struct buf *out, const struct fact_app *app) {
        struct arena *a = &f->c->arena;
        const char *title = "Restart";

        VEC_EACH(part, &app->parts)
                VEC_EACH(u, &part->units) {
                        const struct describing d = { .arena = a, .is_user = f->c->is_user, .unit = u->name };
                        struct str name = { u->name.p, u->name.n - strlen(".service") }, text;
                        uint64_t time;

                        if (u->state != FACT_READY || u->detail.n_restarts == 0 ||
                            !describe_restart(&d, &text, &time))
                                continue;
                        put_line(out, title,
                                 arena_join(a, name, STR(": "), amount_distance(a, time), STR(" ago, "),
                                            text));
                        title = "";
                }
}

static void put_header(const struct facts *f, struct buf *out, const struct fact_app *app) {
        const struct app *from = app->definition ? app->definition->app : NULL;
        struct arena *a = &f->c->arena;

        buf_put_str(out, app->name);
        if (from && !str_is_absent(from->description.text)) {
                buf_put(out, " - ");
                buf_put_str(out, from->description.text);
        }
        buf_put_char(out, '\n');
        put_line(out, "File",
                 app->definition ? app->definition->path
                                 : arena_join(a, STR("none; "), facts_why_undefined(f, app)));
        put_line(out, "State", describe_state(f, app));
        put_line(out, "Since", app->n_running > 0 ? describe_time(a, app->target.since) : STR(""));
        put_line(out, "Image", app->image);
        put_line(out, "Commit", describe_commits(a, app));
        put_line(out, "Revision", describe_revision(a, &app->view));
        put_line(out, "Rollout", describe_rollout(a, app));
        put_line(out, "Note", app->notes);
        for (size_t i = 0; i < app->reasons.list.n; i++)
                put_line(out, i == 0 ? "Reason" : "", reason_line(a, &app->reasons.list.at[i]));
        put_restarts(f, out, app);
}

/* The lines below the header of a part: what it is, and how many of its instances are ready. */
static struct str describe_part(struct arena *a, const struct fact_part *part) {
        uint64_t n_ready = 0;

        VEC_EACH(u, &part->units)
                n_ready += u->is_declared && u->state == FACT_READY;
        return part->kind == RECORD_SIDECAR
                       ? STR("")
                       : arena_join(a, arena_u64(a, n_ready), STR("/"), arena_u64(a, part->scale));
}

static int add_unit(const struct facts *f, struct table *t, size_t parent, const struct fact_unit *u) {
        struct arena *a = &f->c->arena;
        const struct str cells[] = {
                (struct str){ u->name.p, u->name.n - strlen(".service") },
                str_of(fact_state_name(u->state)),
                u->port > 0 ? arena_u64(a, u->port) : (struct str){ 0 },
                u->health,
                str_is_absent(u->revision) ? (u->label.n > 0 ? STR("another") : (struct str){ 0 })
                                           : u->revision,
                amount_bytes(a, u->memory),
                amount_cpu(a, u->cpu),
                u->detail.n_restarts > 0 ? arena_u64(a, u->detail.n_restarts) : (struct str){ 0 },
                amount_distance(a, u->detail.since),
                u->server.text,
                amount_count(a, u->server.n_sessions),
        };

        return table_add_below(t, parent, cells);
}

static int show_tree(struct facts *f, const struct fact_app *app) {
        static const struct table_column columns[] = {
                { "PART", "part", TABLE_TREE },      { "STATE", "state", 0 },
                { "PORT", "port", TABLE_RIGHT },     { "HEALTH", "health", TABLE_CUT },
                { "REVISION", "revision", 0 },       { "MEM", "memory", TABLE_RIGHT },
                { "CPU", "cpu", TABLE_RIGHT },       { "RST", "restarts", TABLE_RIGHT },
                { "SINCE", "since", TABLE_RIGHT },   { "PROXY", "proxy", TABLE_CUT },
                { "SESS", "sessions", TABLE_RIGHT },
        };
        CLEANUP(table_free) struct table *t = NULL;
        size_t n = 0;
        int r = table_new(f->c, "parts", columns, ARRAY_SIZE(columns), &t);

        VEC_EACH(part, &app->parts) {
                size_t parent = n;

                if (r < 0 || !fact_is_kept(part))
                        continue;
                r = table_add(t, (const struct str[ARRAY_SIZE(columns)]){
                                         part->name, describe_part(&f->c->arena, part) });
                n++;
                VEC_EACH(u, &part->units) {
                        if (r == 0)
                                r = add_unit(f, t, parent, u);
                        n++;
                }
        }

        return r < 0 ? ctl_fail("cannot make the table", r) : table_print(f->c, t);
}

static struct str describe_run(const struct fact_unit *u) {
        if (u->state == FACT_STARTING)
                return STR("runs now");
        if (u->detail.started == 0 || u->detail.result.n == 0)
                return (struct str){ 0 };

        return u->detail.result;
}

static bool has_kind(const struct fact_app *app, enum record_kind kind) {
        VEC_EACH(part, &app->parts)
                if (part->kind == kind)
                        return true;

        return false;
}

static int show_timers(struct facts *f, const struct fact_app *app) {
        static const struct table_column columns[] = {
                { "TIMER", "timer", 0 },   { "SCHEDULE", "schedule", TABLE_WRAP },
                { "NEXT", "next", 0 },     { "LAST", "last", 0 },
                { "RESULT", "result", 0 },
        };
        CLEANUP(table_free) struct table *t = NULL;
        struct arena *a = &f->c->arena;
        int r = table_new(f->c, "timers", columns, ARRAY_SIZE(columns), &t);

        VEC_EACH(part, &app->parts) {
                struct str next = amount_distance(a, part->times.next),
                           last = amount_distance(a, facts_last_run(part));
                const struct str cells[] = {
                        part->name,
                        part->schedule,
                        !str_is_absent(next)                         ? arena_join(a, STR("in "), next)
                        : part->is_timer_active || !f->now.has_units ? next
                                                                     : STR("not active"),
                        str_is_absent(last) ? last : arena_join(a, last, STR(" ago")),
                        describe_run(&part->units.at[0]),
                };

                if (r == 0 && part->kind == RECORD_TIMER)
                        r = table_add(t, cells);
        }

        return r < 0 ? ctl_fail("cannot make the table", r) : table_print(f->c, t);
}

static int show_tasks(struct facts *f, const struct fact_app *app) {
        static const struct table_column columns[] = {
                { "TASK", "task", 0 },
                { "UNIT", "unit", 0 },
                { "LAST", "last", 0 },
                { "RESULT", "result", 0 },
        };
        CLEANUP(table_free) struct table *t = NULL;
        struct arena *a = &f->c->arena;
        int r = table_new(f->c, "tasks", columns, ARRAY_SIZE(columns), &t);

        VEC_EACH(part, &app->parts) {
                const struct fact_unit *u = part->units.at;
                struct str last =
                        part->kind == RECORD_TASK ? amount_distance(a, u->detail.started) : (struct str){ 0 };

                if (r < 0 || part->kind != RECORD_TASK)
                        continue;
                r = table_add(t,
                              (const struct str[]){
                                      part->name, u->name,
                                      str_is_absent(last) ? last : arena_join(a, last, STR(" ago")),
                                      part->is_task_done ? STR("done for this revision") : describe_run(u) });
        }

        return r < 0 ? ctl_fail("cannot make the table", r) : table_print(f->c, t);
}

static bool has_errors(const struct diags *ds, struct str app) {
        VEC_EACH(d, &ds->list)
                if (d->severity == SEVERITY_ERROR && str_eq(d->owner, app))
                        return true;

        return false;
}

/* The errors of the current file; if it has none, also those of the last reload, which ran Quadlet and
 * assigned ports. */
static void put_errors(struct facts *f, struct buf *out, const struct fact_app *app) {
        struct str path = arena_join(&f->c->arena, STR(LAYOUT_ERRORS "/"), app->name), text;
        size_t before = out->n;

        buf_put_char(out, '\n');
        diag_sort(&f->session.ds);
        diag_print(out, &f->session.ds, app->name, log_is_colored(STDOUT_FILENO) ? DIAG_COLOR : 0);
        /* The header describes a revision that failed. */
        if (has_errors(&f->session.ds, app->name) || f->places.runtime < 0 || app->outcome == VIEW_FAILED) {
                out->n = out->n == before + 1 ? before : out->n;
                return;
        }
        if (fs_read(&f->c->arena, f->places.runtime, path.p, ERRORS_MAX, &text) >= 0 && text.n > 0) {
                buf_put(out, "At the last reload:\n");
                buf_put_str(out, text);
        } else if (out->n == before + 1)
                out->n = before;
}

/* One app, for people and for programs. They give an exit status. */
static int status_show_app(struct facts *f, const struct fact_app *app) {
        struct buf header = buf_in(&f->c->arena), errors = buf_in(&f->c->arena);
        int r;

        put_header(f, &header, app);
        r = ctl_write(stdout, buf_str(&header));
        if (r == CTL_GOOD && (has_kind(app, RECORD_SERVICE) || has_kind(app, RECORD_SIDECAR))) {
                (void) fputs("\n", stdout);
                r = show_tree(f, app);
        }
        if (r == CTL_GOOD && has_kind(app, RECORD_TIMER)) {
                (void) fputs("\n", stdout);
                r = show_timers(f, app);
        }
        if (r == CTL_GOOD && has_kind(app, RECORD_TASK)) {
                (void) fputs("\n", stdout);
                r = show_tasks(f, app);
        }
        if (r != CTL_GOOD)
                return r;

        put_errors(f, &errors, app);
        return ctl_write(stdout, buf_str(&errors));
}

/* 0 if all is as declared, or on its way there; CTL_NOT_AS_DECLARED if it is not. */
static int status_judge(const struct facts *f) {
        VEC_EACH(app, &f->apps)
                if (app->standing == FACT_NOT_AS_DECLARED)
                        return CTL_NOT_AS_DECLARED;

        return f->session.world.is_host_broken ? CTL_NOT_AS_DECLARED : CTL_GOOD;
}

static struct str truth(bool yes) {
        return yes ? STR("true") : STR("false");
}

static struct str show_time(struct ctl *c, uint64_t usec) {
        if (usec == 0 || usec == UINT64_MAX)
                return (struct str){ 0 };

        return c->is_json ? clock_utc(&c->arena, usec) : amount_distance(&c->arena, usec);
}

/* Since when it is in the state that it is in; nothing runs of what is not loaded. */
static struct str show_since(struct ctl *c, const struct fact_app *app) {
        return show_time(c, app->n_running > 0 ? app->target.since : 0);
}

/* For programs: all in one line, with the reasons. */
static struct str describe_notes(struct arena *a, const struct fact_app *app) {
        struct str text = fact_all_notes(a, app);

        VEC_EACH(reason, &app->reasons.list)
                text = str_is_absent(text) ? reason_line(a, reason)
                                           : arena_join(a, text, STR("; "), reason_line(a, reason));
        return text;
}

static int add_app(const struct facts *f, struct table *t, const struct fact_app *app) {
        struct ctl *c = f->c;
        struct arena *a = &c->arena;
        const struct view *v = &app->view;
        bool is_pinned = v->knows_state && !str_is_absent(v->state.pinned),
             is_hidden = app->definition && app->definition->is_hidden;
        const struct str cells[] = {
                app->name,
                app->word,
                arena_u64(a, app->n_declared),
                amount_count(a, f->now.has_units ? app->n_running : UINT64_MAX),
                amount_count(a, f->now.has_units ? app->n_ready : UINT64_MAX),
                v->runs,
                app->image,
                show_since(c, app),
                show_time(c, app->next),
                describe_notes(a, app),
                v->wanted,
                amount_count(a, f->now.has_units ? app->n_failed : UINT64_MAX),
                truth(app->standing == FACT_AS_DECLARED),
                is_pinned ? v->state.pinned : (struct str){ 0 },
                is_hidden ? (struct str){ 0 } : truth(app->definition && app->definition->is_broken),
        };

        return table_add(t, cells);
}

/* The files of a removed app that no longer runs stay until the next boot; they are not shown. */
static bool is_shown(const struct facts *f, const struct fact_app *app) {
        return app->definition || (f->now.has_units && app->n_running > 0);
}

static bool has_shown(const struct facts *f) {
        VEC_EACH(app, &f->apps)
                if (is_shown(f, app))
                        return true;

        return false;
}

static void put_note(struct buf *out, const struct fact_app *app, struct str text) {
        if (text.n == 0)
                return;

        if (out->n == 0)
                buf_put_char(out, '\n');
        buf_put_str(out, app->name);
        buf_put(out, ": ");
        buf_put_str(out, text);
        buf_put_char(out, '\n');
}

/* Sentences: they have no room in a column. */
static int show_notes(const struct facts *f) {
        struct buf out = buf_in(&f->c->arena);

        VEC_EACH(app, &f->apps) {
                if (!is_shown(f, app))
                        continue;
                put_note(&out, app, fact_all_notes(&f->c->arena, app));
                VEC_EACH(reason, &app->reasons.list)
                        put_note(&out, app, reason_line(&f->c->arena, reason));
        }

        return ctl_write(stdout, buf_str(&out));
}

static int show_overview(struct facts *f) {
        static const struct table_column columns[] = {
                { "APP", "app", 0 },
                { "STATE", "state", 0 },
                { "WANT", "declared", TABLE_RIGHT | TABLE_NUMBER },
                { "RUN", "running", TABLE_RIGHT | TABLE_NUMBER },
                { "READY", "ready", TABLE_RIGHT | TABLE_NUMBER },
                { "REVISION", "revision", 0 },
                { "IMAGE", "image", TABLE_CUT },
                { "SINCE", "since", TABLE_RIGHT },
                { "NEXT", "next", TABLE_RIGHT },
                { "NOTE", "note", TABLE_JSON_ONLY },
                { "WANTED", "wanted", TABLE_JSON_ONLY },
                { "FAILED", "failed", TABLE_JSON_ONLY | TABLE_NUMBER },
                { "AS DECLARED", "as_declared", TABLE_JSON_ONLY | TABLE_NUMBER },
                { "PINNED", "pinned", TABLE_JSON_ONLY },
                { "BROKEN", "broken", TABLE_JSON_ONLY | TABLE_NUMBER },
        };
        CLEANUP(table_free) struct table *t = NULL;
        int r;

        if (!has_shown(f) && !f->c->is_json) {
                (void) fprintf(stderr,
                               "pyservicectl: there are no applications; each .yaml file in %.*s "
                               "defines one, and 'pyservicectl new NAME' writes a first one\n",
                               STR_ARG(f->session.world.places.definitions[0]));
                return CTL_GOOD;
        }

        r = table_new(f->c, "apps", columns, ARRAY_SIZE(columns), &t);
        VEC_EACH(app, &f->apps)
                if (r == 0 && is_shown(f, app))
                        r = add_app(f, t, app);
        r = r < 0 ? ctl_fail("cannot make the table", r) : table_print(f->c, t);
        return r == CTL_GOOD && !f->c->is_json ? show_notes(f) : r;
}

/* Errors that belong to no app's line: in host.yaml, in the name of a file. */
static void tell_others(struct facts *f) {
        VEC_EACH(d, &f->session.ds.list)
                if (d->owner.n == 0 && d->severity == SEVERITY_ERROR) {
                        (void) fputs("pyservicectl: there are errors that do not belong to any application; "
                                     "run 'pyservicectl check'\n",
                                     stderr);
                        return;
                }
}

static int show(struct facts *f) {
        int r;

        if (f->c->argc == 0)
                r = show_overview(f);
        else
                r = f->c->is_json ? status_show_json(f, &f->apps.at[0]) : status_show_app(f, &f->apps.at[0]);
        tell_others(f);
        facts_tell_hidden(f);
        return r == CTL_GOOD ? status_judge(f) : r;
}

int ctl_status(struct ctl *c) {
        CLEANUP(facts_close) struct facts f = { .c = c, .about = FACTS_TIMES };
        struct targets targets = { 0 };
        int r = c->argc > 0 ? targets_parse(c, &targets) : 0;

        if (r != 0)
                return r;
        if (targets.list.n > 1 || (targets.list.n == 1 && !(str_is_absent(targets.list.at[0].part) &&
                                                            str_is_absent(targets.list.at[0].instance))))
                return ctl_usage(c, "give the name of one application, or none");

        f.targets = &targets;
        f.about = targets.list.n > 0 ? FACTS_TIMES | FACTS_EACH | FACTS_USE | FACTS_CONTAINERS |
                                               FACTS_BALANCER | FACTS_REASONS
                                     : FACTS_TIMES | FACTS_BALANCER | FACTS_REASONS;
        r = facts_open(&f);
        return r == 0 ? show(&f) : r;
}
