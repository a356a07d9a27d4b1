/* SPDX-License-Identifier: Apache-2.0 */

/* One app for programs. What is not known is not there. */

#include "base/fs.h"
#include "base/utf8.h"
#include "schema/export-parts.h"
#include "verbs/status.h"

static void emit_count(struct emitter *e, const char *key, uint64_t n) {
        if (n != FACT_NOT_KNOWN)
                emit_number(e, key, n);
}

static void emit_time(struct emitter *e, const char *key, uint64_t usec) {
        if (usec != 0 && usec != UINT64_MAX)
                emit_text(e, key, view_time_utc(e->out->arena, usec));
}

static void emit_unit(struct emitter *e, const struct facts *f, const struct fact_part *part, const struct fact_unit *u) {
        emit_open(e, NULL, '{');
        emit_text(e, "unit", u->name);
        if (u->is_instance && u->number != PORTS_NEXT)
                emit_number(e, "instance", u->number);
        emit_bool(e, "spare", u->is_instance && u->number == PORTS_NEXT);
        emit_bool(e, "declared", u->is_declared);
        emit_text(e, "state", str_of(fact_state_name(u->state)));
        if (f->has_units) {
                emit_text(e, "active", u->active);
                emit_text(e, "sub", u->sub);
                emit_known(e, "result", u->detail.result);
                emit_time(e, "since", u->detail.since);
                emit_number(e, "restarts", u->detail.n_restarts);
        }
        if (u->port > 0)
                emit_number(e, "port", u->port);
        emit_known(e, "health", u->health);
        emit_known(e, "revision", u->revision);
        emit_known(e, "label", u->label);
        emit_known(e, "commit", u->commit);
        emit_count(e, "memory_bytes", u->memory);
        emit_count(e, "cpu_usec", u->cpu);
        emit_known(e, part->has_nginx ? "nginx" : "haproxy", u->balancer);
        emit_count(e, "sessions", u->n_sessions);
        emit_count(e, "requests", u->n_requests);
        emit_close(e, '}');
}

static void emit_kept(struct emitter *e, const struct facts *f, const struct fact_part *part) {
        emit_open(e, NULL, '{');
        emit_text(e, "name", part->name);
        emit_text(e, "unit", part->unit);
        emit_known(e, "image", part->image);
        emit_bool(e, "declared", part->is_declared);
        emit_number(e, "scale", part->scale);
        if (part->has_haproxy)
                emit_known(e, "backend", part->backend);
        emit_open(e, "instances", '[');
        VEC_EACH(u, &part->units)
                emit_unit(e, f, part, u);
        emit_close(e, ']');
        emit_close(e, '}');
}

static void emit_timer(struct emitter *e, const struct facts *f, const struct fact_part *part) {
        emit_open(e, NULL, '{');
        emit_text(e, "name", part->name);
        emit_text(e, "unit", part->timer);
        emit_known(e, "schedule", part->schedule);
        if (f->has_units)
                emit_bool(e, "active", part->is_timer_active);
        emit_time(e, "next", part->times.next);
        emit_time(e, "last", facts_last_run(part));
        if (part->units.at[0].detail.started > 0)
                emit_known(e, "result", part->units.at[0].detail.result);
        emit_close(e, '}');
}

static void emit_task(struct emitter *e, const struct facts *f, const struct fact_part *part) {
        const struct fact_unit *u = part->units.at;

        emit_open(e, NULL, '{');
        emit_text(e, "name", part->name);
        emit_text(e, "unit", u->name);
        if (f->has_units)
                emit_text(e, "active", u->active);
        emit_time(e, "last", u->detail.started);
        if (u->detail.started > 0)
                emit_known(e, "result", u->detail.result);
        emit_bool(e, "done", part->is_task_done);
        emit_close(e, '}');
}

static void emit_parts(struct emitter *e, const struct facts *f, const struct fact_app *app) {
        static const struct {
                const char *key;
                enum fact_kind kind;
                void (*emit)(struct emitter *e, const struct facts *f, const struct fact_part *part);
        } lists[] = {
                { "services", FACT_SERVICE, emit_kept }, { "sidecars", FACT_SIDECAR, emit_kept }, { "timers", FACT_TIMER, emit_timer },
                { "tasks", FACT_TASK, emit_task },
        };

        for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
                emit_open(e, lists[i].key, '[');
                VEC_EACH(part, &app->parts)
                        if (part->kind == lists[i].kind)
                                lists[i].emit(e, f, part);
                emit_close(e, ']');
        }
}

static void emit_rollout(struct emitter *e, const struct fact_app *app) {
        const struct progress *p = &app->view.progress;

        if (!app->view.is_published)
                return;

        emit_open(e, "rollout", '{');
        emit_text(e, "outcome", view_outcome_name(app->outcome));
        emit_known(e, "revision", p->revision);
        emit_known(e, "phase", p->phase);
        emit_known(e, "message", p->message);
        if (app->reason.n > 0)
                emit_text(e, "reason", app->reason);
        emit_time(e, "started", p->started);
        emit_time(e, "since", p->since);
        emit_close(e, '}');
}

static void emit_place(struct emitter *e, const struct facts *f, struct span at) {
        const struct source *s = at.file < f->session.sources.list.n ? &f->session.sources.list.at[at.file] : NULL;
        unsigned line, column;

        if (!s)
                return;

        emit_text(e, "file", s->path);
        if (s->text.n == 0 || diag_is_about_file(at))
                return;

        source_position(s, at.off, &line, &column);
        emit_number(e, "line", line);
        emit_number(e, "column", column);
}

static void emit_mistakes(struct emitter *e, struct facts *f, const struct fact_app *app) {
        diag_sort(&f->session.ds);
        emit_open(e, "mistakes", '[');
        VEC_EACH(d, &f->session.ds.list) {
                if (!str_eq(d->owner, app->name))
                        continue;
                emit_open(e, NULL, '{');
                emit_text(e, "id", str_of(diag_name(d->id)));
                emit_text(e, "severity", d->severity == SEVERITY_ERROR ? STR("error") : STR("warning"));
                emit_text(e, "message", utf8_clean(e->out->arena, d->text));
                emit_place(e, f, d->at);
                emit_close(e, '}');
        }
        emit_close(e, ']');
}

static void emit_app(struct emitter *e, const struct facts *f, const struct fact_app *app) {
        const struct view *v = &app->view;

        emit_text(e, "app", app->name);
        emit_text(e, "state", app->word);
        emit_bool(e, "as_declared", app->standing == FACT_AS_DECLARED);
        emit_number(e, "declared", app->n_declared);
        if (f->has_units) {
                emit_number(e, "running", app->n_running);
                emit_number(e, "ready", app->n_ready);
                emit_number(e, "failed", app->n_failed);
                emit_time(e, "since", app->n_running > 0 ? app->target.since : 0);
        }
        if (app->definition)
                emit_text(e, "file", app->definition->path);
        if (!app->definition || !app->definition->is_hidden)
                emit_bool(e, "broken", app->definition && app->definition->is_broken);
        emit_known(e, "image", app->image);
        emit_known(e, "revision", v->runs);
        emit_known(e, "wanted", v->wanted);
        if (v->knows_state) {
                emit_known(e, "pinned", v->state.pinned);
                emit_bool(e, "paused", v->state.is_paused);
        }
        emit_time(e, "next", app->next);
        emit_known(e, "note", app->notes);
}

int status_show_json(struct facts *f, const struct fact_app *app) {
        struct buf out = buf_in(&f->c->arena);
        struct emitter e = { .out = &out };

        emit_open(&e, NULL, '{');
        emit_app(&e, f, app);
        emit_rollout(&e, app);
        emit_parts(&e, f, app);
        emit_mistakes(&e, f, app);
        emit_close(&e, '}');
        buf_put_char(&out, '\n');
        return ctl_write(stdout, buf_str(&out));
}
