/* SPDX-License-Identifier: Apache-2.0 */

/* One app for people: what it is, its instances as a tree, timers, tasks, and the mistakes in its file. */

#include <stdio.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "bundle/layout.h"
#include "change/amount.h"
#include "terminal/table.h"
#include "verbs/status.h"

enum { ERRORS_MAX = 1 << 20, LABEL_WIDTH = 9 };

static void put_line(struct buf *out, const char *label, struct str text) {
        if (text.n == 0)
                return;

        for (size_t n = strlen(label); n < LABEL_WIDTH; n++)
                buf_put_char(out, ' ');
        buf_put(out, label);
        buf_put(out, ": ");
        buf_put_str(out, text);
        buf_put_char(out, '\n');
}

/* "Fri 2026-11-20 14:03:12 UTC; 3h ago" */
static struct str describe_time(struct arena *a, uint64_t usec) {
        return usec == 0 ? STR("") : arena_join(a, view_time(a, usec), STR("; "), amount_distance(a, usec), STR(" ago"));
}

static struct str describe_state(const struct facts *f, const struct fact_app *app) {
        struct arena *a = &f->c->arena;
        struct str declared = arena_join(a, app->word, STR(", "), arena_u64(a, app->n_declared), STR(" declared"));

        if (!f->has_units)
                return declared;

        return arena_join(a, declared, STR(", "), arena_u64(a, app->n_running), STR(" running, "), arena_u64(a, app->n_ready), STR(" ready"));
}

static struct str describe_revision(struct arena *a, const struct view *v) {
        struct str runs = str_is_absent(v->runs) ? STR("none") : v->runs;

        if (str_is_absent(v->wanted) || str_eq(v->wanted, v->runs))
                return v->is_published ? runs : STR("");

        return arena_join(a, runs, STR("; desired: "), v->wanted);
}

static struct str describe_rollout(struct arena *a, const struct fact_app *app) {
        const struct progress *p = &app->view.progress;
        struct str text = view_outcome_name(app->outcome), what = app->outcome == VIEW_UNDER_WAY ? view_phase(a, &app->view) : app->reason;

        if (!app->view.is_published || (str_is_absent(p->revision) && app->outcome == VIEW_UNDER_WAY))
                return STR("");
        if (app->outcome != VIEW_DONE && what.n > 0)
                text = arena_join(a, text, STR(": "), what);
        if (!str_is_absent(p->revision))
                text = arena_join(a, STR("revision "), p->revision, STR(" "), text);
        return p->started > 0 ? arena_join(a, text, STR(
                        "; started "), amount_distance(a, p->started), STR(" ago")) : text;
}

/* What the images of its services were built from; during a rollout these are two. */
static struct str describe_commits(struct arena *a, const struct fact_app *app) {
        struct str text = STR("");

        VEC_EACH(part, &app->parts)
                VEC_EACH(u, &part->units) {
                        bool is_new = part->kind == FACT_SERVICE && !str_is_absent(u->commit) &&
                                      str_find_str(text, u->commit) == text.n;

                        if (is_new)
                                text = arena_join(a, text, text.n > 0 ? STR(", ") : STR(""), u->commit);
                }

        return text;
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
        put_line(out, "File", app->definition ? app->definition->path : arena_join(a, STR("none; "), facts_why_undefined(f, app)));
        put_line(out, "State", describe_state(f, app));
        put_line(out, "Since", app->n_running > 0 ? describe_time(a, app->target.since) : STR(""));
        put_line(out, "Image", app->image);
        put_line(out, "Commit", describe_commits(a, app));
        put_line(out, "Revision", describe_revision(a, &app->view));
        put_line(out, "Rollout", describe_rollout(a, app));
        put_line(out, "Note", app->notes);
}

/* The lines below the header of a part: what it is, and how many of its instances are ready. */
static struct str describe_part(struct arena *a, const struct fact_part *part) {
        uint64_t n_ready = 0;

        VEC_EACH(u, &part->units)
                n_ready += u->is_declared && u->state == FACT_READY;
        return part->kind == FACT_SIDECAR ? STR("") : arena_join(a, arena_u64(a, n_ready), STR("/"), arena_u64(a, part->scale));
}

static int add_unit(const struct facts *f, struct table *t, size_t parent, const struct fact_unit *u) {
        struct arena *a = &f->c->arena;
        const struct str cells[] = {
                (struct str) { u->name.p, u->name.n - strlen(".service") }, str_of(fact_state_name(u->state)), u->port > 0 ? arena_u64(a, u->port) : (struct str) { 0 },
                u->health, str_is_absent(u->revision) ? (u->label.n > 0 ? STR("another") : (struct str) { 0 }) : u->revision,
                amount_bytes(a, u->memory), amount_cpu(a, u->cpu), u->detail.n_restarts > 0 ? arena_u64(a, u->detail.n_restarts) : (struct str) { 0 },
                amount_distance(a, u->detail.since), u->balancer, amount_count(a, u->n_sessions),
        };

        return table_add_below(t, parent, cells);
}

static int show_tree(struct facts *f, const struct fact_app *app) {
        static const struct table_column columns[] = {
                { "PART", "part", TABLE_TREE }, { "STATE", "state", 0 }, { "PORT", "port", TABLE_RIGHT }, { "HEALTH", "health", TABLE_CUT },
                { "REVISION", "revision", 0 }, { "MEM", "memory", TABLE_RIGHT }, { "CPU", "cpu", TABLE_RIGHT }, { "RST", "restarts", TABLE_RIGHT },
                { "SINCE", "since", TABLE_RIGHT }, { "PROXY", "proxy", TABLE_CUT }, { "SESS", "sessions", TABLE_RIGHT },
        };
        CLEANUP(table_free) struct table *t = NULL;
        size_t n = 0;
        int r = table_new(f->c, "parts", columns, ARRAY_SIZE(columns), &t);

        VEC_EACH(part, &app->parts) {
                size_t parent = n;

                if (r < 0 || !fact_is_kept(part))
                        continue;
                r = table_add(t, (const struct str[ARRAY_SIZE(columns)]) { part->name, describe_part(&f->c->arena, part) });
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
                return (struct str) { 0 };

        return u->detail.result;
}

static bool has_kind(const struct fact_app *app, enum fact_kind kind) {
        VEC_EACH(part, &app->parts)
                if (part->kind == kind)
                        return true;

        return false;
}

static int show_timers(struct facts *f, const struct fact_app *app) {
        static const struct table_column columns[] = {
                { "TIMER", "timer", 0 }, { "SCHEDULE", "schedule", TABLE_WRAP }, { "NEXT", "next", 0 }, { "LAST", "last", 0 }, { "RESULT", "result", 0 },
        };
        CLEANUP(table_free) struct table *t = NULL;
        struct arena *a = &f->c->arena;
        int r = table_new(f->c, "timers", columns, ARRAY_SIZE(columns), &t);

        VEC_EACH(part, &app->parts) {
                struct str next = amount_distance(a, part->times.next), last = amount_distance(a, facts_last_run(part));
                const struct str cells[] = {
                        part->name, part->schedule, !str_is_absent(next) ? arena_join(a, STR("in "), next) : part->is_timer_active || !f->has_units ? next : STR("not active"),
                        str_is_absent(last) ? last : arena_join(a, last, STR(" ago")), describe_run(&part->units.at[0]),
                };

                if (r == 0 && part->kind == FACT_TIMER)
                        r = table_add(t, cells);
        }

        return r < 0 ? ctl_fail("cannot make the table", r) : table_print(f->c, t);
}

static int show_tasks(struct facts *f, const struct fact_app *app) {
        static const struct table_column columns[] = {
                { "TASK", "task", 0 }, { "UNIT", "unit", 0 }, { "LAST", "last", 0 }, { "RESULT", "result", 0 },
        };
        CLEANUP(table_free) struct table *t = NULL;
        struct arena *a = &f->c->arena;
        int r = table_new(f->c, "tasks", columns, ARRAY_SIZE(columns), &t);

        VEC_EACH(part, &app->parts) {
                const struct fact_unit *u = part->units.at;
                struct str last = part->kind == FACT_TASK ? amount_distance(a, u->detail.started) : (struct str) { 0 };

                if (r < 0 || part->kind != FACT_TASK)
                        continue;
                r = table_add(t, (const struct str[]) { part->name, u->name, str_is_absent(last) ? last : arena_join(a, last, STR(" ago")),
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

/* Of the file as it is now; without errors also of the last reload, which asked Quadlet and gave ports. */
static void put_mistakes(struct facts *f, struct buf *out, const struct fact_app *app) {
        struct str path = arena_join(&f->c->arena, STR(LAYOUT_ERRORS "/"), app->name), text;
        size_t before = out->n;

        buf_put_char(out, '\n');
        diag_sort(&f->session.ds);
        diag_print(out, &f->session.ds, app->name, log_is_colored(STDOUT_FILENO) ? DIAG_COLOR : 0);
        if (has_errors(&f->session.ds, app->name) || f->places.runtime < 0)
                return;
        if (fs_read(&f->c->arena, f->places.runtime, path.p, ERRORS_MAX, &text) >= 0 && text.n > 0) {
                buf_put(out, "At the last reload:\n");
                buf_put_str(out, text);
        } else if (out->n == before + 1)
                out->n = before;
}

int status_show_app(struct facts *f, const struct fact_app *app) {
        struct buf header = buf_in(&f->c->arena), mistakes = buf_in(&f->c->arena);
        int r;

        put_header(f, &header, app);
        r = ctl_write(stdout, buf_str(&header));
        if (r == CTL_GOOD && (has_kind(app, FACT_SERVICE) || has_kind(app, FACT_SIDECAR))) {
                (void) fputs("\n", stdout);
                r = show_tree(f, app);
        }
        if (r == CTL_GOOD && has_kind(app, FACT_TIMER)) {
                (void) fputs("\n", stdout);
                r = show_timers(f, app);
        }
        if (r == CTL_GOOD && has_kind(app, FACT_TASK)) {
                (void) fputs("\n", stdout);
                r = show_tasks(f, app);
        }
        if (r != CTL_GOOD)
                return r;

        put_mistakes(f, &mistakes, app);
        return ctl_write(stdout, buf_str(&mistakes));
}
