/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl run: the tasks that an app has, one of them, or a command in a container of its own. */

#include "control/run.h"
#include "terminal/table.h"
#include "verbs/verbs.h"

static bool is_work(const struct fact_part *part) {
        return part->kind == RECORD_TASK || part->kind == RECORD_TIMER;
}

static int add_line(struct table *t, const struct fact_part *part) {
        const struct fact_unit *unit = part->units.n > 0 ? &part->units.at[0] : NULL;
        struct str cells[] = {
                part->name,
                str_of(record_kind_name(part->kind)),
                unit ? unit->name : (struct str){ 0 },
                unit ? str_of(fact_state_name(unit->state)) : (struct str){ 0 },
        };

        return table_add(t, cells);
}

static int print_tasks(struct ctl *c, const struct aim *aim) {
        static const struct table_column columns[] = {
                { "TASK", "task", 0 }, { "KIND", "kind", 0 }, { "UNIT", "unit", 0 }, { "STATE", "state", 0 }
        };
        CLEANUP(table_free) struct table *t = NULL;
        int r = table_new(c, "tasks", columns, ARRAY_SIZE(columns), &t);
        size_t n = 0;

        VEC_EACH(part, &aim->app->parts)
                if (r == 0 && is_work(part)) {
                        r = add_line(t, part);
                        n++;
                }
        if (r < 0)
                return ctl_fail("cannot make the table", r);
        if (n > 0 || c->is_json)
                return table_print(c, t);

        (void) fprintf(stderr,
                       "pyservicectl: %.*s has no tasks; 'pyservicectl run %.*s -- COMMAND' runs a command "
                       "in a new container\n",
                       STR_ARG(aim->app->name), STR_ARG(aim->app->name));
        return CTL_GOOD;
}

static int complain_task(struct ctl *c, const struct fact_app *app, const char *word) {
        struct str *names = arena_array(&c->arena, app->parts.n + 1, struct str), hint;
        size_t n = 0;

        VEC_EACH(part, &app->parts)
                if (is_work(part))
                        names[n++] = part->name;

        hint = diag_hint(&c->arena, str_of(word), names, n,
                         arena_join(&c->arena, STR("'pyservicectl run "), app->name,
                                    STR("' lists its tasks; write a command after '--'")));
        (void) fprintf(stderr, "pyservicectl: %.*s has no task '%s'; %.*s\n", STR_ARG(app->name), word,
                       STR_ARG(hint));
        return CTL_ERROR;
}

static int pick_task(struct ctl *c, struct aim *aim) {
        VEC_EACH(part, &aim->app->parts)
                if (is_work(part) && str_is(part->name, c->argv[1])) {
                        aim->part = part;
                        return run_task(c, aim);
                }

        return complain_task(c, aim->app, c->argv[1]);
}

static int complain_usage(const struct ctl *c) {
        return ctl_usage(c, "give APP, APP TASK or APP[/SERVICE][@N] -- COMMAND");
}

int ctl_run(struct ctl *c) {
        CLEANUP(aim_close) struct aim aim = { 0 };
        int n_words = c->argc - (c->n_tail > 0 ? c->n_tail : 0), r;

        if (n_words < 1 || n_words > 2 || (c->n_tail >= 0 && (n_words > 1 || c->n_tail == 0)))
                return complain_usage(c);
        if (strcmp(c->root, "/") != 0 && c->argc > 1)
                return ctl_usage(c, "--root is not supported: tasks and commands run on this machine");

        r = c->argc > 1 ? run_check_root(c, "run") : 0;
        if (r == 0)
                r = aim_open(c, c->argv[0], &aim);
        if (r != 0)
                return r;
        if (c->n_tail > 0)
                return run_once(c, &aim);
        if (!str_is_absent(aim.target.part) || !str_is_absent(aim.target.instance))
                return complain_usage(c);

        return c->argc == 1 ? print_tasks(c, &aim) : pick_task(c, &aim);
}
