/* SPDX-License-Identifier: Apache-2.0 */

/* The notes of a plan, besides its actions. */

#include "preview/forecast.h"

#define SECOND 1000000

static bool is_restarted(const struct forecast_app *app, struct str unit) {
        VEC_EACH(action, &app->actions)
                if (action->verb == FORECAST_RESTART && str_eq(action->name, unit))
                        return true;

        return false;
}

/* " (about 5 s)", as the last start took; empty if that is not known. */
static struct str how_long(struct arena *a, struct bus *bus, struct str unit) {
        struct bus_detail detail = { 0 };
        const struct bus_question question = { unit, BUS_ABOUT_START, &detail };

        if (!bus || bus_ask(bus, a, &question, 1) < 0 || detail.start_began == 0 ||
            detail.start_done <= detail.start_began)
                return STR("");

        return arena_join(a, STR(" (about "),
                          arena_u64(a, (detail.start_done - detail.start_began + SECOND - 1) / SECOND),
                          STR(" s)"));
}

void forecast_note_spares(struct arena *a, struct forecast_app *app, struct bus *bus) {
        if (app->is_recreate) /* the headline has it */
                return;

        APP_EACH_KEPT(s, app->defined) {
                struct str name = s->is_sidecar ? s->container.unit.text
                                                : arena_join(a, s->container.unit.text, STR("@0"));
                struct str unit = arena_join(a, name, STR(".service"));

                if (s->proxy && s->scale.n == 1 && !has_spare(app->defined, s) && is_restarted(app, unit))
                        *vec_push(a, &app->notes) =
                                arena_join(a, name, STR(" has no spare: requests fail while it restarts"),
                                           how_long(a, bus, unit));
        }
}

void forecast_note_objects(struct arena *a, struct forecast *f, const struct podman_objects *wanted) {
        struct podman_differences differences = { 0 };

        podman_compare(a, wanted, &differences);
        VEC_EACH(d, &differences.list)
                VEC_EACH(app, &f->apps)
                        if (str_eq(app->name, d->object->app))
                                *vec_push(a, &app->notes) =
                                        arena_join(a, d->text, STR("; "), podman_difference_advice(a, d));
}
