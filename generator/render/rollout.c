/* SPDX-License-Identifier: Apache-2.0 */

/* The unit that brings a revision to the instances, and the plan that it follows (bundle/plan.h). */

#include "bundle/layout.h"
#include "bundle/plan.h"
#include "config.h"
#include "render/parts.h"

static void put_settings(struct plan *plan, const struct rollout *o) {
        plan->is_recreate = o->strategy.index == STRATEGY_RECREATE;
        plan->stops_on_failure = o->on_failure.index == ON_FAILURE_STOP;
        plan->max_unavailable = o->max_unavailable.n;
        plan->pause = o->pause.usec / 1000;
        plan->ready_timeout = o->ready_timeout.usec / 1000;
        plan->min_ready = o->min_ready.usec / 1000;
        plan->keep_images = o->keep_images.n;
}

static bool names_any(const struct start_order *o, struct name name) {
        LIST_EACH(ref, &o->requires)
                if (str_eq(ref->text, name.text))
                        return true;
        LIST_EACH(ref, &o->bound_to)
                if (str_eq(ref->text, name.text))
                        return true;

        return false;
}

/* A service or a sidecar. */
struct early_part {
        struct name name, unit;
        const struct start_order *order;
        bool is_early;
};

static bool is_before_update(const struct app *app, const struct task *t) {
        LIST_EACH(name, &app->before_update)
                if (str_eq(name->text, t->name.text))
                        return true;

        return false;
}

static bool is_required_early(const struct app *app, const struct early_part *parts, size_t n,
                              struct name name) {
        LIST_EACH(t, &app->tasks)
                if (is_before_update(app, t) && names_any(&t->order, name))
                        return true;
        for (size_t i = 0; i < n; i++)
                if (parts[i].is_early && names_any(parts[i].order, name))
                        return true;

        return false;
}

/* Sidecars that wait for nothing; what tasks require; and what those require in turn. */
static void put_early(struct rendering *r, struct plan *plan) {
        struct early_part *parts =
                arena_array(r->arena, r->app->services.n + r->app->sidecars.n + 1, struct early_part);
        size_t n = 0;

        LIST_EACH(s, &r->app->services)
                parts[n++] = (struct early_part){ s->name, s->container.unit, &s->order, false };
        LIST_EACH(s, &r->app->sidecars)
                parts[n++] = (struct early_part){ s->name, s->container.unit, &s->order,
                                                  !has_order_units(&s->order) && s->order.bound_to.n == 0 &&
                                                          s->order.done.n == 0 };
        for (bool is_changed = true; is_changed;) {
                is_changed = false;
                for (size_t i = 0; i < n; i++)
                        if (!parts[i].is_early && is_required_early(r->app, parts, n, parts[i].name))
                                parts[i].is_early = is_changed = true;
        }

        for (size_t i = 0; i < n; i++)
                if (parts[i].is_early)
                        *vec_push(r->arena, &plan->early) = parts[i].unit.text;
}

static struct str task_unit(struct rendering *r, struct name name) {
        struct str unit = { 0 };

        LIST_EACH(t, &r->app->tasks)
                if (str_eq(t->name.text, name.text))
                        unit = arena_join(r->arena, t->container.unit.text, STR(".service"));
        return unit;
}

static void put_tasks(struct rendering *r, struct plan *plan) {
        LIST_EACH(name, &r->app->before_update)
                *vec_push(r->arena, &plan->tasks) = task_unit(r, *name);
        LIST_EACH(name, &r->app->after_update)
                *vec_push(r->arena, &plan->after) = task_unit(r, *name);
        LIST_EACH(name, &r->app->on_failure)
                *vec_push(r->arena, &plan->failure) = task_unit(r, *name);
}

/* Services with clients come first. */
static void put_parts(struct rendering *r, struct plan *plan) {
        const struct name *revisions = r->revisions.at;
        size_t n_services = r->app->services.n;

        for (unsigned pass = 0; pass < 2; pass++)
                for (size_t i = 0; i < n_services; i++) {
                        const struct service *s = &r->app->services.at[i];

                        if (!s->proxy == (pass == 1))
                                *vec_push(r->arena, &plan->services) =
                                        (struct plan_part){ s->container.unit.text, revisions[i].text,
                                                            has_spare(r->app, s) };
                }
        for (size_t i = 0; i < r->app->sidecars.n; i++)
                *vec_push(r->arena, &plan->sidecars) =
                        (struct plan_part){ r->app->sidecars.at[i].container.unit.text,
                                            revisions[n_services + i].text, false };
}

static void render_plan(struct rendering *r) {
        struct plan *plan = arena_new(r->arena, struct plan);

        put_settings(plan, r->app->rollout);
        put_early(r, plan);
        put_tasks(r, plan);
        put_parts(r, plan);
        app_add_objects(r->arena, r->app, &plan->volumes, &plan->networks);
        r->tree->plan = plan;
        tree_mark(tree_add(r->tree, STR(LAYOUT_PLAN), 0644, plan_text(r->arena, plan)), TREE_PLAN,
                  (struct str){ 0 });
}

static void put_command(struct rendering *r, struct unit *u) {
        unit_open(u, SERVICE_EXEC_START);
        unit_word_const(u, LIBEXECDIR "/pyservice-rollout");
        render_user(r, u);
        unit_word_const(u, "run");
        unit_word_part(u, r->app->name);
        unit_word_const(u, "%i");
        unit_close(u);
}

/* A new revision is a new instance of this, which the app's target then upholds. Its start is over at
 * once: nothing, the boot least of all, waits for a rollout. */
static void render_unit(struct rendering *r) {
        struct unit *u = unit_new(r->arena);

        unit_open(u, UNIT_DESCRIPTION);
        unit_const(u, "Rollout of ");
        unit_part(u, r->app->name);
        unit_const(u, ", revision %i");
        unit_close(u);
        render_origin(r, u);
        unit_put_const(u, UNIT_STOP_WHEN_UNNEEDED, "yes");
        unit_put_const(u, UNIT_START_LIMIT_INTERVAL, "0");
        unit_open(u, UNIT_REQUIRES_MOUNTS);
        unit_word_part(u, ((struct abs_path){ r->world->places.state, NOWHERE }));
        unit_close(u);
        unit_put_const(u, SERVICE_TYPE, "notify");
        unit_put_const(u, SERVICE_REMAIN, "yes");
        unit_put_const(u, SERVICE_RESTART, "no");
        unit_put_const(u, SERVICE_TIMEOUT_STOP, "30s");
        put_command(r, u);
        render_sandbox(r, u, SANDBOX_ROLLOUT);
        tree_mark(unit_finish(u, r->tree, layout_unit(r->arena, r->app->name.text, STR("-rollout@.service"))),
                  TREE_SCALE, (struct str){ 0 });
}

void render_rollout(struct rendering *r) {
        render_plan(r);
        render_unit(r);
}
