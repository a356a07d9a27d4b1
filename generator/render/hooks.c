/* SPDX-License-Identifier: Apache-2.0 */

/* The unit hooks: pyservice-instance, with all that it needs as words. ExecStop= and ExecStopPost= come
 * before those that Quadlet adds, which remove the container. */

#include "app/health.h"
#include "bundle/layout.h"
#include "config.h"
#include "render/parts.h"

#define PROGRAM LIBEXECDIR "/pyservice-instance"

/* True if a probe from outside is possible. */
static bool is_reachable(const struct rendering *r, const struct service *s) {
        if (s->port.n == 0)
                return false;
        if (has_ports(s) || str_is(container_network(&s->container), "host"))
                return true;

        /* A user's containers have addresses that only they can reach. */
        return !r->world->places.is_user && !str_is(container_network(&s->container), "none");
}

static bool is_probed(const struct rendering *r, const struct service *s) {
        return s->health && !str_is_absent(s->health->http.text) && is_reachable(r, s);
}

/* The definition has no health check: then the instance at least has to accept connections before HAProxy
 * sends requests. */
static bool is_connected_to(const struct rendering *r, const struct service *s) {
        return s->proxy && !s->health && is_reachable(r, s);
}

static void put_ms(struct unit *u, struct duration d) {
        unit_part_u64(u, d.usec / 1000);
}

static void put_port(struct unit *u, const struct service *s) {
        unit_word_const(u, "--port=");
        render_port_name(u, s);
}

/* That of the instance's container, and of its server in HAProxy's configuration. */
static void put_container_name(struct unit *u, const struct service *s) {
        unit_part(u, s->container.unit);
        if (!s->is_sidecar)
                unit_const(u, "-%i");
}

static void put_nginx(struct rendering *r, struct unit *u, const struct service *s) {
        unit_word_const(u, "--nginx=");
        unit_part(u, nginx_server_of(r, s));
        if (s->is_sidecar)
                unit_const(u, "@0.nginx");
        else
                unit_const(u, "@%i.nginx");
        unit_word_const(u, "--nginx-unit=");
        unit_part(u, r->world->host.nginx->unit);
}

static void put_haproxy(struct rendering *r, struct unit *u, const struct service *s) {
        const struct host_haproxy *haproxy = r->world->host.haproxy;

        unit_word_const(u, "--server=");
        unit_part(u, backend_of(s));
        unit_const(u, "/");
        put_container_name(u, s);
        unit_word_const(u, "--socket=");
        unit_part(u, haproxy->socket);
        unit_word_const(u, "--master=");
        unit_part(u, haproxy->master_socket);
        if (!has_states(r, s))
                return;

        unit_word_const(u, "--states=");
        unit_part(u, states_of(r, s));
        unit_word_const(u, "--id=");
        unit_part_u64(u, backend_id(s));
}

/* The container's own address, unless that is the machine's. */
static void put_address(struct unit *u, const struct service *s) {
        const struct container *c = &s->container;

        if (str_is(container_network(c), "host"))
                return;

        unit_word_const(u, "--container=");
        if (shares_network(c))
                unit_part(u, c->network_owner);
        else
                put_container_name(u, s);
        unit_word_const(u, "--network=");
        if (str_is_absent(container_network(c)) || str_is(container_network(c), "bridge"))
                unit_const(u, "podman");
        else
                unit_part(u, c->attached.at[0].network);
        if (c->is_network_shared)
                unit_word_const(u, "--shared-network");
}

/* The address of its probe: the port that it publishes or, without one, the port of its own address. */
static void put_where(struct unit *u, const struct service *s) {
        unit_word_const(u, "--port=");
        if (has_ports(s)) {
                render_port_name(u, s);
                unit_word_const(u, "--container-port=");
                unit_part_u64(u, s->port.n);
                return;
        }

        unit_part_u64(u, s->port.n);
        put_address(u, s);
}

/* A port for health alone is not published. */
static void put_health_port(struct unit *u, const struct service *s, const struct health_request *q) {
        unit_word_const(u, "--health-port=");
        unit_part_u64(u, q->port.n);
        if (!has_ports(s))
                return;

        unit_word_const(u, "--published");
        put_address(u, s);
}

/* Each is one argument, whatever it holds. */
static void put_request(struct unit *u, const struct service *s, const struct health_request *q) {
        unit_word_const(u, "--path=");
        unit_part(u, s->health->http);
        LIST_EACH(header, &q->headers) {
                unit_word_const(u, "--header=");
                unit_part(u, header->key);
                unit_const(u, ": ");
                unit_part(u, header->value);
        }
        if (q->is_tls)
                unit_word_const(u, "--tls");
        unit_word_const(u, "--status=");
        unit_part(u, s->health->status);
        put_where(u, s);
        if (q->has_own_port)
                put_health_port(u, s, q);
}

/* The front that it is put into and taken out of. */
static void put_front(struct rendering *r, struct unit *u, const struct service *s) {
        if (is_nginx(s))
                put_nginx(r, u, s);
        else
                put_haproxy(r, u, s);
}

static void put_probe(struct rendering *r, struct unit *u, const struct service *s) {
        const struct health_request q = health_request(r->arena, s);
        const struct health *h = s->health;

        put_request(u, s, &q);
        unit_word_const(u, "--interval=");
        put_ms(u, h->interval);
        unit_word_const(u, "--timeout=");
        put_ms(u, h->timeout);
        unit_word_const(u, "--start-period=");
        put_ms(u, h->start_period);
        unit_word_const(u, "--retries=");
        unit_part_u64(u, h->retries.n);
        if (s->proxy && s->proxy->check)
                unit_word_const(u, "--own-check");
}

static void put_ready(struct rendering *r, struct unit *u, const struct service *s, bool enters) {
        if (enters)
                put_front(r, u, s);
        if (is_probed(r, s))
                put_probe(r, u, s);
        else if (is_connected_to(r, s))
                put_where(u, s);
        else if (enters && (has_states(r, s) || is_nginx(s)))
                put_port(u, s);
}

static void put_name(struct unit *u, const struct service *s) {
        unit_word_const(u, "--name=");
        put_container_name(u, s);
}

/* A command of the definition, at the end. */
static void put_hook(struct unit *u, const struct hook *h) {
        if (h->command.n == 0)
                return;

        if (!str_is_absent(h->user.text)) {
                unit_word_const(u, "--as=");
                unit_part(u, h->user);
        }
        unit_word_const(u, "--");
        LIST_EACH(word, &h->command)
                unit_word_part(u, *word);
}

/* Drains, then runs `before_stop`. A failure must not prevent the stop. */
static void put_drain(struct rendering *r, struct unit *u, const struct service *s) {
        const struct hooks *hooks = &s->hooks;

        unit_open(u, SERVICE_EXEC_STOP);
        unit_word_const(u, "-" PROGRAM);
        unit_word_const(u, "drain");
        if (s->proxy) {
                put_front(r, u, s);
                unit_word_const(u, "--drain=");
                put_ms(u, service_drain(s));
        }
        if (hooks->before_stop.command.n > 0) {
                put_name(u, s);
                unit_word_const(u, "--limit=");
                put_ms(u, s->container.stop_timeout);
                put_hook(u, &hooks->before_stop);
        }
        unit_close(u);
}

static void put_record(struct rendering *r, struct unit *u) {
        unit_word_const(u, "--record=");
        unit_part(u, ((struct abs_path){ r->world->places.runtime, NOWHERE }));
        unit_const(u, "/starts/%n");
}

/* After a crash, too: what comes back is to get no request before it is ready. */
static void put_leave(struct rendering *r, struct unit *u, const struct role *role, const struct service *s) {
        unit_open(u, SERVICE_EXEC_STOP_POST);
        unit_word_const(u, "-" PROGRAM);
        unit_word_const(u, "leave");
        if (s->proxy)
                put_front(r, u, s);
        put_record(r, u);
        if (role->restart.index == RESTART_ALWAYS || role->restart.index == RESTART_LIMITED) {
                unit_word_const(u, "--settled=");
                put_ms(u, role->restart_policy->max_delay);
        }
        render_user(r, u);
        unit_close(u);
}

static bool is_watched(const struct rendering *r, const struct service *s) {
        return is_probed(r, s) && s->restart.index != RESTART_NO &&
               s->health->on_failure.index == HEALTH_RESTART;
}

/* The spare is not: the rollout watches it. */
static void put_watch(struct rendering *r, struct unit *u, const struct service *s) {
        if (!is_watched(r, s))
                return;

        unit_word_const(u, "--watch=");
        unit_part(u, ((struct abs_path){ r->world->places.runtime, NOWHERE }));
        unit_const(u, "/" LAYOUT_HEALTH "/");
        unit_part(u, s->container.unit);
        if (s->is_sidecar)
                unit_const(u, ".service");
        else
                unit_const(u, "@%i.service");
}

/* The verb follows. */
static void open_hook(struct unit *u, enum unit_key key) {
        unit_open(u, key);
        unit_word_const(u, PROGRAM);
        unit_word(u);
}

static void open_ready(struct rendering *r, struct unit *u, const struct service *s) {
        const struct health *h = s->health;

        open_hook(u, SERVICE_EXEC_START_POST);
        unit_const(u, "ready");
        put_name(u, s);
        put_record(r, u);
        if (!has_health_command(h))
                return;

        unit_word_const(u, "--health");
        if (!str_is_absent(h->http.text))
                return; /* put_probe() has the interval */

        unit_word_const(u, "--interval=");
        put_ms(u, h->interval);
}

/* The last command before the start. It reads the options of its container from the unit. */
static void put_before(struct rendering *r, struct unit *u, const struct service *s) {
        if (s->hooks.before_start.command.n == 0)
                return;

        open_hook(u, SERVICE_EXEC_START_PRE);
        unit_const(u, "before");
        put_name(u, s);
        unit_word_const(u, "--image=");
        unit_part(u, app_pinned(r->app, s->container.image));
        unit_word_const(u, "--unit=%n");
        render_user(r, u);
        put_hook(u, &s->hooks.before_start);
        unit_close(u);
}

void render_hooks(struct rendering *r, struct unit *u, const struct role *role, const struct service *s) {
        put_before(r, u, s);
        open_ready(r, u, s);
        put_ready(r, u, s, s->proxy != NULL);
        put_watch(r, u, s);
        put_hook(u, &s->hooks.after_start);
        unit_close(u);

        if (s->proxy || s->hooks.before_stop.command.n > 0)
                put_drain(r, u, s);
        put_leave(r, u, role, s);
}

/* The differences of the spare instance. It runs as long as the rollout wants it, independent of what is
 * upheld; if it fails, it stays failed, so that the rollout sees it; and it gets requests only at the
 * rollout's request, by a reload of its unit. */
void render_hooks_next(struct rendering *r, const struct role *role, const struct service *s) {
        struct str unit = s->container.unit.text;
        struct unit *u;

        if (!has_spare(r->app, s))
                return;

        u = unit_new(r->arena);
        unit_put_const(u, UNIT_STOP_WHEN_UNNEEDED, "no");
        unit_put_const(u, UNIT_COLLECT_MODE, "inactive"); /* the rollout reads the reason of a failure */
        unit_put_const(u, SERVICE_RESTART, "no");
        unit_put_const(u, SERVICE_EXEC_CONDITION, "");
        unit_put_const(u, SERVICE_EXEC_START_POST, "");
        open_ready(r, u, s);
        put_ready(r, u, s, false);
        put_hook(u, &s->hooks.after_start);
        unit_close(u);
        open_hook(u, SERVICE_EXEC_RELOAD);
        unit_const(u, "enter"); /* it runs, and may have requests open */
        put_ready(r, u, s, true);
        unit_close(u);
        tree_mark(unit_finish(u, r->tree, layout_unit(r->arena, unit, STR("@next.service.d/50-next.conf"))),
                  TREE_SCALE, unit);
}
