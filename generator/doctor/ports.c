/* SPDX-License-Identifier: Apache-2.0 */

/* Who listens on the ports that applications need. */

#include "balancer/balancer.h"
#include "doctor/doctor.h"
#include "runtime/proc.h"

static const struct str nobody = { 0 };

enum { SHOWN_MAX = 5 };

/* "nc (process 1234 of x.service)" */
static struct str owner_of(struct doctor *d, const struct proc_listener *l) {
        if (str_is_absent(l->pid))
                return STR("another program (root can see which)");

        return arena_join(d->arena, l->process, STR(" (process "), l->pid,
                          l->unit.n > 0 ? STR(" of ") : STR(""), l->unit, STR(")"));
}

static bool is_asked(const struct doctor *d, struct str app) {
        return str_is_absent(d->only) || str_eq(app, d->only);
}

/* The instance's own unit has the port; or, if the owner of the port is unknown, that unit runs. */
static bool is_right(const struct doctor *d, const struct proc_listener *l, struct str unit) {
        return str_is_absent(l->pid) ? snapshot_is_active(&d->now, unit) : str_eq(l->unit, unit);
}

static struct str unit_of(struct doctor *d, const struct port *port) {
        if (port->is_sidecars)
                return arena_join(d->arena, port->unit.text, STR(".service"));

        return arena_join(d->arena, port->unit.text, STR("@"),
                          port->instance == PORTS_NEXT ? STR("next") : arena_u64(d->arena, port->instance),
                          STR(".service"));
}

static void look_at_port(struct doctor *d, const struct proc_listeners *listeners, const struct port *port) {
        struct str unit = unit_of(d, port);

        VEC_EACH(l, &listeners->list)
                if (l->port == port->number && (l->is_any || l->is_loopback) && !is_right(d, l, unit)) {
                        doctor_bad(d, port->app.text,
                                   arena_printf(d->arena, "port %u of %.*s is taken by %.*s",
                                                (unsigned) port->number, STR_ARG(unit),
                                                STR_ARG(owner_of(d, l))),
                                   port->is_fixed
                                           ? STR("stop that, or give the service another 'host_port'")
                                           : STR("stop that; or set another pool of ports in host.yaml, and "
                                                 "restart all applications: see pyservice-host(5)"));
                        return;
                }
}

static void look_at_front(struct doctor *d, const struct proc_listeners *listeners, uint64_t port,
                          const struct balancer *b) {
        struct str unit = b->settings(&doctor_world(d)->host).unit;

        if (str_is_absent(unit)) /* the processes of a container have many names */
                return;
        VEC_EACH(l, &listeners->list)
                if (l->port == port && l->is_any && !is_right(d, l, unit)) {
                        doctor_bad(d, nobody,
                                   arena_printf(d->arena,
                                                "port %llu, on which %s accepts requests, is taken by %.*s",
                                                (unsigned long long) port, b->name, STR_ARG(owner_of(d, l))),
                                   arena_printf(d->arena,
                                                "stop that, or set another port in host.yaml: "
                                                "%s.http_port, %s.https_port",
                                                b->key, b->key));
                        return;
                }
}

/* The generated frontends listen where some service has domains. */
static void look_at_fronts(struct doctor *d, const struct proc_listeners *listeners) {
        bool has_domains[ARRAY_SIZE(balancers)] = { 0 }, is_encrypted[ARRAY_SIZE(balancers)] = { 0 };

        VEC_EACH(definition, &doctor_world(d)->definitions) {
                if (!definition->app)
                        continue;
                APP_EACH_KEPT(s, definition->app)
                        if (s->proxy && s->proxy->domains.n > 0) {
                                has_domains[s->proxy->kind.index] = true;
                                is_encrypted[s->proxy->kind.index] |= has_tls(s->proxy);
                        }
        }

        for (size_t i = 0; i < ARRAY_SIZE(balancers); i++) {
                struct balancer_settings settings = balancers[i]->settings(&doctor_world(d)->host);

                if (has_domains[i])
                        look_at_front(d, listeners, settings.http_port, balancers[i]);
                if (is_encrypted[i])
                        look_at_front(d, listeners, settings.https_port, balancers[i]);
        }
}

/* "[[ADDRESS:]HOST-PORT:]PORT[/PROTOCOL]": the port of the machine; 0 if it is not a TCP port, or a range. */
static uint64_t published_port(struct str spec) {
        struct str piece = { 0 }, before = { 0 };
        uint64_t port = 0;

        if (str_has_suffix(spec, STR("/udp")) || str_has_suffix(spec, STR("/sctp")))
                return 0;
        while (!str_is_absent(spec)) {
                before = piece;
                (void) str_split(&spec, ':', &piece);
        }
        return str_to_u64(before, UINT16_MAX, &port) ? port : 0;
}

static void look_at_published(struct doctor *d, const struct proc_listeners *listeners, const struct app *app,
                              const struct service *s) {
        LIST_EACH(spec, &s->publish) {
                uint64_t port = published_port(spec->text);
                struct str prefix = arena_join(d->arena, s->container.unit.text,
                                               s->is_sidecar ? STR(".service") : STR("@"));

                VEC_EACH(l, &listeners->list)
                        if (port > 0 && l->port == port && !str_is_absent(l->pid) &&
                            !str_has_prefix(l->unit, prefix))
                                doctor_bad(d, app->name.text,
                                           arena_printf(d->arena, "port %llu of 'publish' is taken by %.*s",
                                                        (unsigned long long) port, STR_ARG(owner_of(d, l))),
                                           STR("stop that, or publish another port"));
        }
}

void doctor_ports(struct doctor *d) {
        struct proc_listeners listeners = { 0 };

        if (proc_read_listeners(d->arena, &listeners) < 0) {
                doctor_skip(d, "need /proc/net/tcp, which cannot be read");
                return;
        }

        VEC_EACH(port, &d->ports.list)
                if (!port->is_kept && is_asked(d, port->app.text))
                        look_at_port(d, &listeners, port);
        DOCTOR_EACH_APP(d, app)
                APP_EACH_KEPT(s, app)
                        look_at_published(d, &listeners, app, s);
        if (!d->ctl->is_user)
                look_at_fronts(d, &listeners);
}

static bool is_assigned(const struct doctor *d, uint64_t number) {
        VEC_EACH(port, &d->ports.list)
                if (port->number == number)
                        return true;

        return false;
}

/* Connections of this machine to others get a port from this range, unless it is reserved. */
static void look_at_range(struct doctor *d, uint64_t first, uint64_t last) {
        struct str text, reserved, low;
        uint64_t from, to;

        if (proc_read(d->arena, "/proc/sys/net/ipv4/ip_local_port_range", &text) < 0 ||
            !str_split(&text, '\t', &low) || str_is_absent(text))
                return;
        text.n = str_find(text, '\n');
        if (!str_to_u64(str_trim(low), UINT16_MAX, &from) || !str_to_u64(str_trim(text), UINT16_MAX, &to) ||
            last < from || first > to)
                return;
        if (proc_read(d->arena, "/proc/sys/net/ipv4/ip_local_reserved_ports", &reserved) >= 0 &&
            reserved.n > 1)
                return;

        doctor_warn(
                d, nobody,
                arena_printf(
                        d->arena,
                        "the pool of ports %llu–%llu overlaps the range for outgoing connections (%llu–%llu)",
                        (unsigned long long) first, (unsigned long long) last, (unsigned long long) from,
                        (unsigned long long) to),
                arena_printf(
                        d->arena,
                        "sysctl net.ipv4.ip_local_reserved_ports=%llu-%llu, or another pool in host.yaml",
                        (unsigned long long) first, (unsigned long long) last));
}

void doctor_pool(struct doctor *d) {
        const struct port_pool *pool = doctor_world(d)->host.ports;
        struct proc_listeners listeners = { 0 };
        struct str list = STR("");
        size_t n = 0;

        if (proc_read_listeners(d->arena, &listeners) < 0) {
                doctor_skip(d, "need /proc/net/tcp, which cannot be read");
                return;
        }

        VEC_EACH(l, &listeners.list) {
                if (l->port < pool->first.n || l->port > pool->last.n || is_assigned(d, l->port) ||
                    (l->unit.n > 0 && doctor_find_own(d, l->unit)))
                        continue;
                if (n++ < SHOWN_MAX)
                        list = arena_join(d->arena, list, list.n > 0 ? STR(", ") : STR(""),
                                          arena_u64(d->arena, l->port), STR(" by "), owner_of(d, l));
        }
        if (n > 0)
                doctor_warn(d, nobody,
                            arena_printf(d->arena,
                                         "in the pool of ports %llu–%llu other programs use %zu: %.*s",
                                         (unsigned long long) pool->first.n,
                                         (unsigned long long) pool->last.n, n, STR_ARG(list)),
                            STR("set a free pool in host.yaml ('ports: {first: …, last: …}'), before a new "
                                "instance gets one of these ports"));
        look_at_range(d, pool->first.n, pool->last.n);
}
