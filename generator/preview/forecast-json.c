/* SPDX-License-Identifier: Apache-2.0 */
#include "preview/forecast.h"

static void emit_actions(struct json_writer *e, const struct forecast_app *app) {
        json_open(e, "actions", '[');
        VEC_EACH(action, &app->actions) {
                json_open(e, NULL, '{');
                json_text(e, "action", str_of(forecast_verb_name(action->verb)));
                json_text(e, "kind", str_of(forecast_kind_name(action->kind)));
                json_text(e, "name", action->name);
                json_close(e, '}');
        }
        json_close(e, ']');
}

static int emit_app(struct json_writer *e, const struct trial *t, const struct forecast_app *app,
                    bool has_diff) {
        static const char *const changes[] = {
                [FORECAST_SAME] = "none",
                [FORECAST_CHANGED] = "changed",
                [FORECAST_NEW] = "new",
                [FORECAST_GONE] = "gone",
        };
        bool is_rolled_out = app->change != FORECAST_SAME && app->change != FORECAST_GONE;
        struct str diff = { 0 };
        int r = has_diff && app->change != FORECAST_SAME ? forecast_diff(e->out->arena, t, app, &diff) : 0;

        if (r < 0)
                return r;

        json_open(e, NULL, '{');
        json_text(e, "app", app->name);
        json_text(e, "change", str_of(changes[app->change]));
        json_bool(e, "held_back", app->is_held_back);
        json_bool(e, "paused", app->is_paused);
        json_bool(e, "stopped", app->is_stopped);
        json_text(e, "runs", app->runs);
        json_text(e, "wanted", app->change == FORECAST_GONE ? (struct str){ 0 } : app->wanted);
        json_text(e, "pinned", app->pinned);
        json_text(e, "strategy",
                  !is_rolled_out     ? (struct str){ 0 }
                  : app->is_recreate ? STR("recreate")
                                     : STR("rolling"));
        json_number(e, "files", app->n_files);
        emit_actions(e, app);
        json_open(e, "notes", '[');
        VEC_EACH(note, &app->notes)
                json_text(e, NULL, *note);
        json_close(e, ']');
        json_text(e, "diff", diff);
        json_close(e, '}');
        return 0;
}

static void emit_totals(struct json_writer *e, const struct forecast *f, const struct forecast_shown *shown) {
        struct forecast_totals totals;

        forecast_count(f, shown, &totals);
        json_open(e, "summary", '{');
        json_number(e, "start", totals.n_start);
        json_number(e, "restart", totals.n_restart);
        json_number(e, "stop", totals.n_stop);
        json_number(e, "tasks", totals.n_tasks);
        json_number(e, "held_back", totals.n_held_back);
        json_number(e, "changed", totals.n_changed);
        json_close(e, '}');
}

int forecast_put_json(struct json_writer *w, const struct trial *t, const struct forecast *f,
                      const struct forecast_shown *shown) {
        diag_put_json(w, t->publisher.ds, (struct str){ 0 });
        json_open(w, "apps", '[');
        VEC_EACH(app, &f->apps) {
                int r = 0;

                if (forecast_is_shown(app, shown) &&
                    (app->change != FORECAST_SAME || app->has_errors || shown->n > 0))
                        r = emit_app(w, t, app, shown->has_diff);
                if (r < 0)
                        return r;
        }
        json_close(w, ']');

        json_open(w, "others", '[');
        VEC_EACH(app, &f->apps)
                if (app->change != FORECAST_SAME && !forecast_is_shown(app, shown))
                        json_text(w, NULL, app->name);
        json_close(w, ']');
        emit_totals(w, f, shown);
        return 0;
}
