/* SPDX-License-Identifier: Apache-2.0 */

/* The parts of an app: those of its definition, and those of its published bundle. */

#include <errno.h>

#include "app/machine.h"
#include "base/fs.h"
#include "bundle/layout.h"
#include "bundle/plan.h"
#include "model/facts-parts.h"
#include "state/stored.h"

static struct fact_part *find_part(struct fact_app *app, struct str unit) {
        VEC_EACH(part, &app->parts)
                if (str_eq(part->unit, unit))
                        return part;

        return NULL;
}

static struct fact_part *add_part(struct facts *f, struct fact_app *app, enum record_kind kind,
                                  struct str unit) {
        struct fact_part *part = find_part(app, unit);

        if (part)
                return part;

        part = vec_push(&f->c->arena, &app->parts);
        *part = (struct fact_part){ .kind = kind,
                                    .unit = unit,
                                    .may_end = kind == RECORD_TIMER || kind == RECORD_TASK,
                                    .n_oom_kills = FACT_NOT_KNOWN };
        /* "shop-web" of "shop" is its "web". */
        part->name = unit.n > app->name.n + 1 && str_has_prefix(unit, app->name)
                             ? str_from(unit, app->name.n + 1)
                             : unit;
        if (kind == RECORD_TIMER)
                part->timer = arena_join(&f->c->arena, unit, STR(".timer"));
        return part;
}

static struct fact_part *declare(struct facts *f, struct fact_app *app, enum record_kind kind,
                                 const struct container *c) {
        struct fact_part *part = add_part(f, app, kind, c->unit.text);

        part->is_declared = true;
        part->image = c->image.text;
        part->scale = machine_is_among(&f->session.world, c->hosts.at, c->hosts.n);
        return part;
}

static void declare_kept(struct facts *f, struct fact_app *app, const struct service *s) {
        struct fact_part *part =
                declare(f, app, s->is_sidecar ? RECORD_SIDECAR : RECORD_SERVICE, &s->container);

        part->name = s->name.text;
        part->scale *= s->scale.n;
        part->may_end = s->restart.index != RESTART_ALWAYS;
        if (!s->proxy)
                return;

        part->balancer = balancers[s->proxy->kind.index];
        part->backend =
                str_is_absent(s->proxy->backend.text) ? s->container.unit.text : s->proxy->backend.text;
}

static struct str join_schedule(struct arena *a, const struct timer *t) {
        struct str text = STR("");

        LIST_EACH(time, &t->schedule)
                text = arena_join(a, text, text.n > 0 ? STR("; ") : STR(""), time->text);
        return text;
}

static void declare_all(struct facts *f, struct fact_app *app, const struct app *from) {
        APP_EACH_KEPT(s, from)
                declare_kept(f, app, s);
        LIST_EACH(t, &from->timers) {
                struct fact_part *part = declare(f, app, RECORD_TIMER, &t->task.container);

                part->name = t->task.name.text;
                part->schedule = join_schedule(&f->c->arena, t);
        }
        LIST_EACH(t, &from->tasks)
                declare(f, app, RECORD_TASK, &t->container)->name = t->name.text;
}

/* The labels that the containers of the wanted revision have, from the plan. */
static void add_plan(struct facts *f, struct fact_app *app) {
        struct plan plan;

        if (plan_read(&f->c->arena, f->places.runtime, app->name, &plan) < 0)
                return;

        VEC_EACH(s, &plan.services)
                add_part(f, app, RECORD_SERVICE, s->unit)->label_wanted = s->label;
        VEC_EACH(s, &plan.sidecars)
                add_part(f, app, RECORD_SIDECAR, s->unit)->label_wanted = s->label;
        VEC_EACH(unit, &plan.tasks)
                if (str_has_suffix(*unit, STR(".service")))
                        add_part(f, app, RECORD_TASK,
                                 arena_str(&f->c->arena,
                                           (struct str){ unit->p, unit->n - strlen(".service") }));
}

static void add_record(struct facts *f, struct fact_app *app, int bundle) {
        struct record record = { 0 };
        int r = stored_record(&f->c->arena, bundle, &record);

        if (r == -EACCES)
                facts_hide(f, arena_join(&f->c->arena, STR("what was published of "), app->name));
        else if (r < 0 && r != -ENOENT)
                app->bundle_error = r;
        VEC_EACH(p, &record.parts) {
                struct fact_part *part = add_part(f, app, (enum record_kind) p->kind, p->unit);

                part->image = p->image;
                part->label = p->label;
                part->n_upheld = p->scale;
        }
}

void facts_find_parts(struct facts *f, struct fact_app *app) {
        struct str path = layout_app(&f->c->arena, app->name);
        CLEANUP(close_fd) int bundle = f->places.runtime < 0 ? -1 : fs_open_dir(f->places.runtime, path.p);
        bool has_app = app->definition && app->definition->app;

        if (has_app)
                declare_all(f, app, app->definition->app);
        if (bundle < 0)
                return;

        add_plan(f, app);
        add_record(f, app, bundle);
        if (has_app)
                return;

        VEC_EACH(part, &app->parts) {
                /* Broken: what was published is what is to be. Gone: nothing is. */
                part->is_declared = app->definition;
                part->scale = app->definition ? part->n_upheld : 0;
                part->balancer = part->kind == RECORD_SERVICE ? &balancer_haproxy : NULL;
        }
}
