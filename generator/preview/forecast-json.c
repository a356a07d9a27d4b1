/* SPDX-License-Identifier: Apache-2.0 */
#include "preview/forecast.h"
#include "schema/export-parts.h"

static void emit_actions(struct emitter *e, const struct forecast_app *app) {
        emit_open(e, "actions", '[');
        VEC_EACH(action, &app->actions) {
                emit_open(e, NULL, '{');
                emit_text(e, "action", str_of(forecast_verb_name(action->verb)));
                emit_text(e, "kind", str_of(forecast_kind_name(action->kind)));
                emit_text(e, "name", action->name);
                emit_close(e, '}');
        }
        emit_close(e, ']');
}

static int emit_app(struct emitter *e, const struct trial *t, const struct forecast_app *app, bool has_diff) {
        static const char *const changes[] = {
                [FORECAST_SAME] = "none",
                [FORECAST_CHANGED] = "changed",
                [FORECAST_NEW] = "new",
                [FORECAST_GONE] = "gone",
        };
        struct str diff = STR("");
        int r = has_diff && app->change != FORECAST_SAME ? forecast_diff(e->out->arena, t, app, &diff) : 0;

        if (r < 0)
                return r;

        emit_open(e, NULL, '{');
        emit_text(e, "app", app->name);
        emit_text(e, "change", str_of(changes[app->change]));
        emit_bool(e, "held_back", app->is_held_back);
        emit_bool(e, "paused", app->is_paused);
        emit_bool(e, "stopped", app->is_stopped);
        emit_known(e, "runs", app->runs);
        emit_known(e, "wanted", app->change == FORECAST_GONE ? (struct str){ NULL, 0 } : app->wanted);
        emit_known(e, "pinned", app->pinned);
        if (app->change != FORECAST_SAME && app->change != FORECAST_GONE)
                emit_text(e, "strategy", app->is_recreate ? STR("recreate") : STR("rolling"));
        emit_number(e, "files", app->n_files);
        emit_actions(e, app);
        emit_open(e, "notes", '[');
        VEC_EACH(note, &app->notes)
                emit_text(e, NULL, *note);
        emit_close(e, ']');
        if (has_diff)
                emit_text(e, "diff", diff);
        emit_close(e, '}');
        return 0;
}

static void emit_totals(struct emitter *e, const struct forecast *f, const struct forecast_shown *shown) {
        struct forecast_totals totals;

        forecast_count(f, shown, &totals);
        emit_open(e, "summary", '{');
        emit_number(e, "start", totals.n_start);
        emit_number(e, "restart", totals.n_restart);
        emit_number(e, "stop", totals.n_stop);
        emit_number(e, "tasks", totals.n_tasks);
        emit_number(e, "held_back", totals.n_held_back);
        emit_number(e, "changed", totals.n_changed);
        emit_close(e, '}');
}

int forecast_show_json(struct buf *out, const struct trial *t, const struct forecast *f,
                       const struct forecast_shown *shown) {
        struct emitter e = { .out = out, .depth = 1 };
        struct buf diagnostics = buf_in(out->arena);

        /* As `check` has them. */
        diag_print_json(&diagnostics, t->publisher.ds);
        buf_put(out, "{\n  \"diagnostics\": ");
        buf_put_str(out, (struct str){ diagnostics.p, diagnostics.n - 1 });
        emit_open(&e, "apps", '[');
        VEC_EACH(app, &f->apps) {
                int r = 0;

                if (forecast_is_shown(app, shown) &&
                    (app->change != FORECAST_SAME || app->has_errors || shown->n > 0))
                        r = emit_app(&e, t, app, shown->has_diff);
                if (r < 0)
                        return r;
        }
        emit_close(&e, ']');

        emit_open(&e, "others", '[');
        VEC_EACH(app, &f->apps)
                if (app->change != FORECAST_SAME && !forecast_is_shown(app, shown))
                        emit_text(&e, NULL, app->name);
        emit_close(&e, ']');
        emit_totals(&e, f, shown);
        emit_close(&e, '}');
        buf_put_char(out, '\n');
        return 0;
}
