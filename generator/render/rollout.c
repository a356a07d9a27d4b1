/* SPDX-License-Identifier: Apache-2.0 */

/* What brings a revision to the instances: a unit, and the plan that it follows. The plan is lines of
 * words with one blank between two:
 *
 *     strategy rolling|recreate
 *     max-unavailable N
 *     pause MS    ready-timeout MS (0: the unit's own limit)    min-ready MS
 *     on-failure revert|stop
 *     early UNIT                              starts before the tasks, if nothing of it was accepted yet
 *     task UNIT.service                       to be run before, in order
 *     service UNIT REVISION spare|plain       to be restarted where its containers have another label, in order
 *     sidecar UNIT REVISION                   the same, after the services
 *     volume NAME DRIVER TYPE DEVICE OPTIONS              as Podman is to have it; "-" for what is not said
 *     network NAME DRIVER SUBNET GATEWAY OPTIONS INTERNAL IPV6 DISABLE-DNS    the last three: yes or no */

#include "bundle/layout.h"
#include "config.h"
#include "output/lines.h"
#include "render/parts.h"

static void put_duration(struct lines *plan, struct duration d) {
        lines_number(plan, d.usec / 1000);
        lines_end(plan);
}

static void put_settings(struct lines *plan, const struct rollout *o) {
        lines_const(plan, "strategy");
        if (o->strategy.index == STRATEGY_RECREATE)
                lines_const(plan, "recreate");
        else
                lines_const(plan, "rolling");
        lines_end(plan);
        lines_const(plan, "max-unavailable");
        lines_number(plan, o->max_unavailable.n);
        lines_end(plan);
        lines_const(plan, "pause");
        put_duration(plan, o->pause);
        lines_const(plan, "ready-timeout");
        put_duration(plan, o->ready_timeout);
        lines_const(plan, "min-ready");
        put_duration(plan, o->min_ready);
        lines_const(plan, "on-failure");
        if (o->on_failure.index == ON_FAILURE_STOP)
                lines_const(plan, "stop");
        else
                lines_const(plan, "revert");
        lines_end(plan);
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
static void put_early(struct rendering *r, struct lines *plan) {
        struct early_part *parts =
                arena_array(r->arena, r->app->services.n + r->app->sidecars.n + 1, struct early_part);
        size_t n = 0;

        LIST_EACH(s, &r->app->services)
                parts[n++] = (struct early_part){ s->name, s->container.unit, &s->order, false };
        LIST_EACH(s, &r->app->sidecars)
                parts[n++] = (struct early_part){ s->name, s->container.unit, &s->order,
                                                  !has_order_units(&s->order) && s->order.bound_to.n == 0 };
        for (bool is_changed = true; is_changed;) {
                is_changed = false;
                for (size_t i = 0; i < n; i++)
                        if (!parts[i].is_early && is_required_early(r->app, parts, n, parts[i].name))
                                parts[i].is_early = is_changed = true;
        }

        for (size_t i = 0; i < n; i++) {
                if (!parts[i].is_early)
                        continue;
                lines_const(plan, "early");
                lines_word(plan, parts[i].unit);
                lines_end(plan);
        }
}

static void put_tasks(struct rendering *r, struct lines *plan) {
        LIST_EACH(name, &r->app->before_update)
                LIST_EACH(t, &r->app->tasks) {
                        if (!str_eq(t->name.text, name->text))
                                continue;
                        lines_const(plan, "task");
                        lines_word(plan, ((struct unit_name){ arena_join(r->arena, t->container.unit.text,
                                                                         STR(".service")),
                                                              name->at }));
                        lines_end(plan);
                }
}

static void put_service(struct rendering *r, struct lines *plan, const struct service *s,
                        struct name revision) {
        lines_const(plan, "service");
        lines_word(plan, s->container.unit);
        lines_word(plan, revision);
        if (has_spare(r->app, s))
                lines_const(plan, "spare");
        else
                lines_const(plan, "plain");
        lines_end(plan);
}

/* What users reach comes first. */
static void put_parts(struct rendering *r, struct lines *plan) {
        const struct name *revisions = r->revisions.at;
        size_t n_services = r->app->services.n;

        for (size_t i = 0; i < n_services; i++)
                if (r->app->services.at[i].proxy)
                        put_service(r, plan, &r->app->services.at[i], revisions[i]);
        for (size_t i = 0; i < n_services; i++)
                if (!r->app->services.at[i].proxy)
                        put_service(r, plan, &r->app->services.at[i], revisions[i]);
        for (size_t i = 0; i < r->app->sidecars.n; i++) {
                lines_const(plan, "sidecar");
                lines_word(plan, r->app->sidecars.at[i].container.unit);
                lines_word(plan, revisions[n_services + i]);
                lines_end(plan);
        }
}

static void put_name(struct rendering *r, struct lines *plan, struct name key) {
        struct str name = arena_join(r->arena, r->app->name.text, STR("-"), key.text);

        lines_word(plan, ((struct name){ name, key.at }));
}

#define PUT_KNOWN(plan, value)                       \
        do {                                         \
                if (str_is_absent((value).text))     \
                        lines_const((plan), "-");    \
                else                                 \
                        lines_word((plan), (value)); \
        } while (0)

static void put_flag(struct lines *plan, struct flag flag) {
        if (flag.yes)
                lines_const(plan, "yes");
        else
                lines_const(plan, "no");
}

static void put_objects(struct rendering *r, struct lines *plan) {
        LIST_EACH(v, &r->app->volumes) {
                lines_const(plan, "volume");
                put_name(r, plan, v->key);
                PUT_KNOWN(plan, v->value.driver);
                PUT_KNOWN(plan, v->value.type);
                PUT_KNOWN(plan, v->value.device);
                PUT_KNOWN(plan, v->value.options);
                lines_end(plan);
        }
        LIST_EACH(n, &r->app->networks) {
                lines_const(plan, "network");
                put_name(r, plan, n->key);
                PUT_KNOWN(plan, n->value.driver);
                PUT_KNOWN(plan, n->value.subnet);
                PUT_KNOWN(plan, n->value.gateway);
                PUT_KNOWN(plan, n->value.options);
                put_flag(plan, n->value.internal);
                put_flag(plan, n->value.ipv6);
                put_flag(plan, n->value.disable_dns);
                lines_end(plan);
        }
}

static void render_plan(struct rendering *r) {
        struct lines *plan = lines_new(r->arena);

        put_settings(plan, r->app->rollout);
        put_early(r, plan);
        put_tasks(r, plan);
        put_parts(r, plan);
        put_objects(r, plan);
        tree_mark(lines_finish(plan, r->tree, STR(LAYOUT_PLAN), 0644), TREE_PLAN, (struct str){ 0 });
}

static void put_command(struct rendering *r, struct unit *u) {
        unit_open(u, SERVICE_EXEC_START);
        unit_word(u);
        unit_const(u, LIBEXECDIR "/pyservice-rollout");
        if (r->world->places.is_user) {
                unit_word(u);
                unit_const(u, "--user");
        }
        unit_word(u);
        unit_const(u, "run");
        unit_word(u);
        unit_part(u, r->app->name);
        unit_word(u);
        unit_const(u, "%i");
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
        unit_put(u, UNIT_SOURCE_PATH, ((struct abs_path){ r->app->path, NOWHERE }));
        unit_put_const(u, UNIT_DOCUMENTATION, "man:pyservice.d(5)");
        unit_put_const(u, UNIT_STOP_WHEN_UNNEEDED, "yes");
        unit_put_const(u, UNIT_START_LIMIT_INTERVAL, "0");
        unit_open(u, UNIT_REQUIRES_MOUNTS);
        unit_word(u);
        unit_part(u, ((struct abs_path){ r->world->places.state, NOWHERE }));
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
