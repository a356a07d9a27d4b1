/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl status: which verb's form, and the overview. */

#include "change/amount.h"
#include "ctl/target.h"
#include "terminal/table.h"
#include "verbs/status.h"
#include "verbs/verbs.h"

int status_judge(const struct facts *f) {
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
                return (struct str) { 0 };

        return c->is_json ? view_time_utc(&c->arena, usec) : amount_distance(&c->arena, usec);
}

/* Since when it is in the state that it is in; nothing runs of what is not loaded. */
static struct str show_since(struct ctl *c, const struct fact_app *app) {
        return show_time(c, app->n_running > 0 ? app->target.since : 0);
}

static int add_app(const struct facts *f, struct table *t, const struct fact_app *app) {
        struct ctl *c = f->c;
        struct arena *a = &c->arena;
        const struct view *v = &app->view;
        bool is_pinned = v->knows_state && !str_is_absent(v->state.pinned), is_hidden = app->definition && app->definition->is_hidden;
        const struct str cells[] = {
                app->name, app->word, arena_u64(a, app->n_declared),
                amount_count(a, f->has_units ? app->n_running : UINT64_MAX), amount_count(a, f->has_units ? app->n_ready : UINT64_MAX),
                v->runs, app->image, show_since(c, app), show_time(c, app->next), app->notes,
                v->wanted, amount_count(a, f->has_units ? app->n_failed : UINT64_MAX), truth(app->standing == FACT_AS_DECLARED),
                v->knows_state ? truth(is_pinned) : (struct str) { 0 }, is_hidden ? (struct str) { 0 } : truth(app->definition && app->definition->is_broken),
        };

        return table_add(t, cells);
}

/* What no longer is defined and no longer runs leaves its files until the next boot; that is nothing to show. */
static bool is_shown(const struct facts *f, const struct fact_app *app) {
        return app->definition || (f->has_units && app->n_running > 0);
}

static bool has_shown(const struct facts *f) {
        VEC_EACH(app, &f->apps)
                if (is_shown(f, app))
                        return true;

        return false;
}

/* Sentences: they have no room in a column. */
static int show_notes(const struct facts *f) {
        struct buf out = buf_in(&f->c->arena);

        VEC_EACH(app, &f->apps) {
                if (app->notes.n == 0 || !is_shown(f, app))
                        continue;
                if (out.n == 0)
                        buf_put_char(&out, '\n');
                buf_put_str(&out, app->name);
                buf_put(&out, ": ");
                buf_put_str(&out, app->notes);
                buf_put_char(&out, '\n');
        }

        return ctl_write(stdout, buf_str(&out));
}

static int show_overview(struct facts *f) {
        static const struct table_column columns[] = {
                { "APP", "app", 0 }, { "STATE", "state", 0 }, { "WANT", "declared", TABLE_RIGHT | TABLE_NUMBER },
                { "RUN", "running", TABLE_RIGHT | TABLE_NUMBER }, { "READY", "ready", TABLE_RIGHT | TABLE_NUMBER }, { "REVISION", "revision", 0 },
                { "IMAGE", "image", TABLE_CUT }, { "SINCE", "since", TABLE_RIGHT }, { "NEXT", "next", TABLE_RIGHT }, { "NOTE", "note", TABLE_JSON_ONLY },
                { "WANTED", "wanted", TABLE_JSON_ONLY }, { "FAILED", "failed", TABLE_JSON_ONLY | TABLE_NUMBER },
                { "AS DECLARED", "as_declared", TABLE_JSON_ONLY | TABLE_NUMBER }, { "PINNED", "pinned", TABLE_JSON_ONLY | TABLE_NUMBER },
                { "BROKEN", "broken", TABLE_JSON_ONLY | TABLE_NUMBER },
        };
        CLEANUP(table_free) struct table *t = NULL;
        int r;

        if (!has_shown(f) && !f->c->is_json) {
                (void) fprintf(stderr, "pyservicectl: there are no applications; each .yaml file in %.*s "
                                       "defines one\n",
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

/* Mistakes that no app's line can show: in host.yaml, in the name of a file. */
static void tell_others(struct facts *f) {
        VEC_EACH(d, &f->session.ds.list)
                if (d->owner.n == 0 && d->severity == SEVERITY_ERROR) {
                        (void) fputs("pyservicectl: there are errors that do not belong to any application; "
                                     "run 'pyservicectl check'\n", stderr);
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
        int r = c->argc > 0 ? targets_parse(c, "status", &targets) : 0;

        if (r != 0)
                return r;
        if (targets.list.n > 1 || (targets.list.n == 1 && !(str_is_absent(targets.list.at[0].part) && str_is_absent(targets.list.at[0].instance)))) {
                (void) fputs("pyservicectl status: give the name of one application, or none\n", stderr);
                return CTL_USAGE;
        }

        f.targets = &targets;
        f.about = targets.list.n > 0 ? FACTS_TIMES | FACTS_EACH | FACTS_USE | FACTS_CONTAINERS | FACTS_BALANCER : FACTS_TIMES | FACTS_BALANCER;
        r = facts_open(&f);
        return r == 0 ? show(&f) : r;
}
