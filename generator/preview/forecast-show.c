/* SPDX-License-Identifier: Apache-2.0 */
#include "preview/forecast.h"

#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

static const char *const verb_names[] = {
#define X(symbol, name) [FORECAST_##symbol] = name,
        FORECAST_VERBS(X)
#undef X
};

static const char *const kind_names[] = {
#define X(symbol, name) [FORECAST_##symbol] = name,
        FORECAST_KINDS(X)
#undef X
};

const char *forecast_verb_name(enum forecast_verb verb) {
        return verb_names[verb];
}

const char *forecast_kind_name(enum forecast_kind kind) {
        return kind_names[kind];
}

bool forecast_is_shown(const struct forecast_app *app, const struct forecast_shown *shown) {
        for (size_t i = 0; i < shown->n; i++)
                if (str_eq(shown->apps[i], app->name))
                        return true;

        return shown->n == 0;
}

static void count_action(const struct forecast_action *action, struct forecast_totals *ret) {
        bool is_unit = action->kind == FORECAST_INSTANCE || action->kind == FORECAST_SIDECAR;

        ret->n_start += is_unit && action->verb == FORECAST_START;
        ret->n_restart += is_unit && action->verb == FORECAST_RESTART;
        ret->n_stop += is_unit && action->verb == FORECAST_STOP;
        ret->n_tasks += action->kind == FORECAST_TASK;
}

void forecast_count(const struct forecast *f, const struct forecast_shown *shown,
                    struct forecast_totals *ret) {
        *ret = (struct forecast_totals){ 0 };
        VEC_EACH(app, &f->apps) {
                if (!forecast_is_shown(app, shown))
                        continue;
                ret->n_held_back += app->is_held_back;
                ret->n_changed += app->change != FORECAST_SAME;
                VEC_EACH(action, &app->actions)
                        count_action(action, ret);
        }
}

/* Prints the errors of one app, or those without an app (""), with their excerpts. */
static void put_errors(struct buf *out, const struct diags *ds, struct str app, bool is_colored) {
        struct diags own = *ds;

        own.list.n = own.list.room = 0;
        own.list.at = NULL;
        VEC_EACH(d, &ds->list)
                if (str_eq(d->owner, app))
                        *vec_push(ds->arena, &own.list) = *d;
        diag_print(out, &own, (struct str){ NULL, 0 }, is_colored ? DIAG_COLOR : 0);
}

static void put_all(struct buf *out, const struct str *parts, size_t n) {
        for (size_t i = 0; i < n; i++)
                buf_put_str(out, parts[i]);
}

#define PUT(out, ...) \
        put_all((out), (const struct str[]){ __VA_ARGS__ }, ARRAY_SIZE(((const struct str[]){ __VA_ARGS__ })))

static void put_replaced(struct buf *out, const struct forecast_app *app) {
        PUT(out, STR(": revision "), app->wanted, STR(" replaces "), app->runs);
        buf_put(out, app->is_stopped    ? " when it is started"
                     : app->is_recreate ? ", all instances at once"
                                        : ", one after another");
        if (app->is_paused)
                PUT(out, STR("; but it is paused until 'pyservicectl rollout resume "), app->name, STR("'"));
}

/* Held back, and nothing else is done to it either. */
static bool is_at_rest(const struct forecast_app *app) {
        return app->change == FORECAST_CHANGED && app->is_held_back && app->actions.n == 0;
}

static void put_headline(struct buf *out, const struct forecast_app *app) {
        buf_put_str(out, app->name);
        if (app->is_stopped)
                buf_put(out, " (stopped)");
        switch (is_at_rest(app) ? FORECAST_SAME : app->change) {
        case FORECAST_NEW:
                PUT(out, STR(" is new: revision "), app->wanted);
                break;
        case FORECAST_GONE:
                buf_put(out, " was removed: all its parts stop");
                break;
        case FORECAST_CHANGED:
                if (!str_is_absent(app->runs) && !str_is_absent(app->wanted) &&
                    !str_eq(app->runs, app->wanted))
                        put_replaced(out, app);
                else
                        PUT(out, STR(": revision "), app->wanted, STR(" stays"));
                break;
        case FORECAST_SAME:
                buf_put(out, app->is_held_back ? " is held back, and stays as it is:"
                             : app->has_errors ? " has errors:"
                                               : ": nothing changes");
                break;
        }
        buf_put_char(out, '\n');
}

static struct str short_name(const struct forecast_action *action) {
        struct str name = action->name, suffix = STR(".service");

        if (str_has_suffix(name, suffix))
                name.n -= suffix.n;
        return name;
}

/* Details that a name alone does not show. */
static const char *kind_word(const struct forecast_action *action) {
        switch (action->kind) {
        case FORECAST_HAPROXY:
                return "HAProxy's ";
        case FORECAST_NGINX:
                return "nginx's ";
        case FORECAST_NETWORK:
                return "network ";
        case FORECAST_VOLUME:
                return "volume ";
        case FORECAST_TASK:
                return "task ";
        case FORECAST_SPARE:
                return "spare ";
        case FORECAST_IMAGE:
        case FORECAST_SETUP:
        case FORECAST_INSTANCE:
        case FORECAST_SIDECAR:
        case FORECAST_TIMER:
                break;
        }
        return "";
}

static char sign_of(enum forecast_verb verb) {
        switch (verb) {
        case FORECAST_START:
        case FORECAST_ADD:
                return '+';
        case FORECAST_STOP:
        case FORECAST_REMOVE:
                return '-';
        case FORECAST_RESTART:
        case FORECAST_CHANGE:
                return '~';
        case FORECAST_PULL:
        case FORECAST_BUILD:
        case FORECAST_SET_UP:
        case FORECAST_MAKE:
        case FORECAST_RUN:
        case FORECAST_TRY:
                break;
        }
        return '>';
}

static void put_sign(struct buf *out, enum forecast_verb verb, bool is_colored) {
        char sign = sign_of(verb);
        struct str name = str_of(verb_names[verb]);

        buf_put(out, "  ");
        if (is_colored)
                buf_put(out, sign == '+' ? GREEN : sign == '-' ? RED : sign == '~' ? YELLOW : BOLD);
        buf_put_char(out, sign);
        if (is_colored)
                buf_put(out, PLAIN);
        PUT(out, STR(" "), name, (struct str){ "         ", 9 - name.n });
}

static bool goes_on(const struct forecast_action *a, const struct forecast_action *b) {
        return a->kind == FORECAST_INSTANCE && b->kind == FORECAST_INSTANCE && a->verb == b->verb &&
               str_eq(a->unit, b->unit) && b->number == a->number + 1;
}

/* Instances with consecutive numbers take one line. */
static void put_actions(struct buf *out, const struct forecast_app *app, bool is_colored) {
        const struct forecast_action *end = app->actions.at + app->actions.n;

        for (const struct forecast_action *first = app->actions.at; first < end;) {
                const struct forecast_action *last = first;

                while (last + 1 < end && goes_on(last, last + 1))
                        last++;
                put_sign(out, first->verb, is_colored);
                PUT(out, str_of(kind_word(first)), short_name(first));
                if (last > first) {
                        PUT(out, last == first + 1 ? STR(", ") : STR(" … "), short_name(last));
                }
                buf_put_char(out, '\n');
                first = last + 1;
        }
        VEC_EACH(note, &app->notes)
                PUT(out, STR("  ! "), *note, STR("\n"));
        if (app->change == FORECAST_CHANGED && app->actions.n == 0 && !app->is_held_back && !app->is_stopped)
                buf_put(out, "  its files change; nothing is started, stopped or restarted\n");
}

static int put_app(struct buf *out, const struct trial *t, const struct forecast_app *app,
                   const struct forecast_shown *shown) {
        struct str diff = STR("");
        int r = 0;

        put_headline(out, app);
        if (app->change != FORECAST_SAME && app->is_held_back && !is_at_rest(app))
                PUT(out, STR("  errors hold back the changes of its file\n"));
        put_actions(out, app, shown->is_colored);
        put_errors(out, t->publisher.ds, app->name, shown->is_colored);
        if (shown->has_diff && app->change != FORECAST_SAME)
                r = forecast_diff(out->arena, t, app, &diff);
        buf_put_str(out, diff);
        buf_put_char(out, '\n');
        return r;
}

static void put_number(struct buf *out, size_t n, const char *text) {
        buf_put_u64(out, n);
        buf_put(out, text);
}

static void put_totals(struct buf *out, const struct forecast_totals *n) {
        if (n->n_changed == 0)
                buf_put(out, "Nothing changes.\n");
        buf_put(out, "Plan: ");
        put_number(out, n->n_start, " to start, ");
        put_number(out, n->n_restart, " to restart, ");
        put_number(out, n->n_stop, " to stop, ");
        put_number(out, n->n_tasks, n->n_tasks == 1 ? " task to run." : " tasks to run.");
        if (n->n_held_back > 0) {
                buf_put_char(out, ' ');
                put_number(out, n->n_held_back,
                           n->n_held_back == 1 ? " application is held back."
                                               : " applications are held back.");
        }
        buf_put_char(out, '\n');
}

/* A reload affects all applications. */
static void put_others(struct buf *out, const struct forecast *f, const struct forecast_shown *shown) {
        const char *before = "The same reload changes ";

        VEC_EACH(app, &f->apps) {
                if (app->change == FORECAST_SAME || forecast_is_shown(app, shown))
                        continue;
                PUT(out, str_of(before), app->name);
                before = ", ";
        }
        if (before[0] == ',')
                buf_put(out, ", too.\n");
}

int forecast_show(struct buf *out, const struct trial *t, const struct forecast *f,
                  const struct forecast_shown *shown) {
        struct forecast_totals totals;

        put_errors(out, t->publisher.ds, (struct str){ NULL, 0 }, shown->is_colored);
        VEC_EACH(app, &f->apps) {
                int r = 0;

                if (forecast_is_shown(app, shown) &&
                    (app->change != FORECAST_SAME || app->has_errors || shown->n > 0))
                        r = put_app(out, t, app, shown);
                if (r < 0)
                        return r;
        }

        forecast_count(f, shown, &totals);
        put_others(out, f, shown);
        put_totals(out, &totals);
        return 0;
}
