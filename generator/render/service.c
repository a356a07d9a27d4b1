/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle/layout.h"
#include "render/parts.h"

void render_port_name(struct unit *u, const struct service *s) {
        if (s->is_sidecar)
                unit_const(u, "${PYSERVICE_PORT_0}");
        else
                unit_const(u, "${PYSERVICE_PORT_%i}");
}

/* `instance` counts without pyservice, whose units have the number itself. */
static void put_published(struct rendering *r, struct unit *u, const struct service *s, uint64_t instance) {
        if (!has_ports(s))
                return;

        unit_open(u, CONTAINER_PUBLISH);
        if (s->proxy)
                unit_const(u, "127.0.0.1:");
        if (r->is_plain)
                unit_part_u64(u, ports_find(r->ports, r->app->name, s->container.unit, instance));
        else
                render_port_name(u, s);
        unit_const(u, ":");
        unit_part_u64(u, s->port.n);
        unit_close(u);
}

static void put_ports(struct rendering *r, struct unit *u, const struct service *s) {
        if (!r->is_plain || s->is_sidecar)
                put_published(r, u, s, 0);

        LIST_EACH(p, &s->publish)
                unit_put(u, CONTAINER_PUBLISH, *p);
}

static void put_port(struct unit *u, const struct port *port) {
        unit_open(u, SERVICE_ENVIRONMENT);
        unit_word_const(u, "PYSERVICE_PORT_");
        if (port->instance == PORTS_NEXT)
                unit_const(u, "next");
        else
                unit_part_u64(u, port->instance);
        unit_const(u, "=");
        unit_part_u64(u, port->number);
        unit_close(u);
}

/* Also of instances that are above the scale now: they may still start or drain, and their hooks need to
 * know. */
static void render_ports(struct rendering *r, const struct role *role, const struct service *s) {
        struct unit *u = unit_new(r->arena);
        size_t n;
        const struct port *ports = ports_of(r->ports, r->app->name, s->container.unit, &n);

        if (!has_ports(s) || n == 0)
                return;

        for (size_t i = 0; i < n; i++)
                put_port(u, &ports[i]);
        render_drop_in(r, u, role, STR("10-ports.conf"));
}

/* Without pyservice: a link to the template for each instance, with the port of its own in a drop-in. */
static void render_instances(struct rendering *r, const struct service *s) {
        struct str unit = s->container.unit.text;
        struct str file = arena_join(r->arena, unit, STR("@.container"));

        for (uint32_t i = 0; i < s->scale.n; i++) {
                struct str link =
                        layout_quadlet(r->arena, unit, STR("@"), arena_u64(r->arena, i), STR(".container"));
                struct unit *u = unit_new(r->arena);

                tree_add(r->tree, link, 0777, (struct str){ 0 })->link = file;
                put_published(r, u, s, i);
                if (has_ports(s))
                        (void) unit_finish(u, r->tree, arena_join(r->arena, link, STR(".d/10-port.conf")));
        }
}

void render_service(struct rendering *r, struct service *s) {
        struct role role = {
                .container = &s->container,
                .name = s->name,
                .description = s->description,
                .health = s->health,
                .order = &s->order,
                .restart = s->restart,
                .restart_policy = s->restart_policy,
                .start_timeout = s->start_timeout,
                .drain = r->is_plain ? (struct duration){ 0 } : service_drain(s),
                .host_port = s->host_port,
                .is_template = !s->is_sidecar,
        };
        struct unit *u = unit_new(r->arena);

        /* At a shutdown what balances it goes last, so that what is open can end. */
        if (s->proxy)
                unit_put(u, UNIT_AFTER,
                         is_nginx(s) ? r->world->host.nginx->unit : r->world->host.haproxy->unit);
        render_container(r, u, &role);
        put_ports(r, u, s);
        if (!r->is_plain)
                render_hooks(r, u, &role, s);
        render_finish(r, u, &role);
        if (r->is_plain && !s->is_sidecar)
                render_instances(r, s);
        if (r->is_plain)
                return;

        render_hooks_next(r, &role, s);
        render_ports(r, &role, s);
}

static void render_work(struct rendering *r, struct task *t, bool is_task) {
        struct role role = {
                .container = &t->container,
                .name = t->name,
                .description = t->description,
                .order = &t->order,
                .runs_to_end = true,
                .is_task = is_task,
        };
        struct unit *u = unit_new(r->arena);

        render_container(r, u, &role);
        render_log(u, &role);
        unit_put_const(u, SERVICE_TYPE, "oneshot");
        unit_put_duration(u, SERVICE_TIMEOUT_START, t->timeout);
        render_finish(r, u, &role);
}

void render_task(struct rendering *r, struct task *t) {
        render_work(r, t, true);
}

/* TREE_SCALE, as `scale` is: when the work is done does not make it another, and a new revision would run
 * its before_update tasks for it. The work itself, its image and environment, is of the accepted revision,
 * as instances are. */
static void render_schedule(struct rendering *r, const struct timer *t) {
        struct unit *u = unit_new(r->arena);
        struct name unit = t->task.container.unit;

        unit_open(u, UNIT_DESCRIPTION);
        unit_const(u, "Times of ");
        unit_part(u, unit);
        unit_close(u);
        render_origin(r, u);
        if (r->is_plain)
                render_part_of(r, u);
        else
                unit_put_const(u, UNIT_STOP_WHEN_UNNEEDED, "yes");
        LIST_EACH(time, &t->schedule)
                unit_put(u, TIMER_ON_CALENDAR, *time);
        /* systemd's own choice may be up to a minute late. */
        unit_put_const(u, TIMER_ACCURACY, "1s");
        unit_put_flag(u, TIMER_PERSISTENT, t->persistent);
        unit_put_duration(u, TIMER_RANDOM_DELAY, t->random_delay);
        tree_mark(unit_finish(u, r->tree, layout_unit(r->arena, unit.text, STR(".timer"))), TREE_SCALE,
                  unit.text);
}

void render_timer(struct rendering *r, struct timer *t) {
        render_work(r, &t->task, false);
        render_schedule(r, t);
}
