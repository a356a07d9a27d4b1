/* SPDX-License-Identifier: Apache-2.0 */

/* 502, 503 and 504, explained: the backend, the server, and the cause.
 *
 *     503     no server took the request: none was ready (maintenance, down, drained), or the connection to
 *             it failed
 *     502     a server took it, and closed the connection, or its answer was not HTTP
 *     504     a server took it, and did not answer in time
 *
 * HAProxy counts its own answers and those of the servers in one number of the backend, and those of each
 * server; the difference is its own. Errors of servers' answers (502, 504) have a counter of their own. */

#include "app/machine.h"
#include "doctor/doctor.h"
#include "render/parts.h"
#include "rollout/reasons.h"
#include "state/hold.h"
#include "state/maintenance.h"

static const struct str nobody = { 0 };

/* How a check ends, by HAProxy's name of it (Management Guide, 9.1, check_status): what that means, and
 * what to do. */
static const struct {
        const char *check, *text, *advice;
} checks[] = {
        { "L4CON", "the connection to %s is refused",
          "does the process listen on its 'port', and on all addresses of its container, not on 127.0.0.1 "
          "there?" },
        { "L4TOUT", "nothing answers at %s",
          "is the container's network up, and does a firewall let the connection pass?" },
        { "L4UNK", "the connection to %s fails", "does the process listen on its 'port'?" },
        { "L6", "TLS fails at %s", "'health: {scheme: https}' uses TLS; check that the server supports it" },
        { "L7STS", "the check gets an unexpected status from %s",
          "request the path of 'health.http' (or 'proxy.check'); its status must be 200-399, or one of "
          "'health.status'" },
        { "L7TOUT", "the check gets no answer in time from %s",
          "is the process overloaded or stuck? Raise 'health.timeout', or add instances or "
          "resources" },
        { "L7RSP", "the check gets an answer that is not HTTP from %s",
          "'port' must be a port with HTTP; for other protocols write 'proxy: {mode: tcp}'" },
};

static bool is_ready(const struct haproxy_counter *c) {
        return str_has_prefix(c->status, STR("UP")) || str_has_prefix(c->status, STR("no check"));
}

struct reason {
        struct str text, advice;
};

static struct reason explain_down(struct doctor *d, const struct haproxy_counter *c) {
        for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
                const char *percent = strstr(checks[i].text, "%s");
                struct str before = { checks[i].text, (size_t) (percent - checks[i].text) };

                if (str_has_prefix(c->check, str_of(checks[i].check)))
                        return (struct reason){ arena_join(d->arena, STR("is down, because "), before,
                                                           c->address, str_of(percent + 2),
                                                           c->check_says.n > 0 ? STR(": ") : STR(""),
                                                           c->check_says),
                                                str_of(checks[i].advice) };
        }

        return (struct reason){ arena_join(d->arena, STR("is down"),
                                           c->check_says.n > 0 ? STR(": ") : STR(""), c->check_says),
                                STR("see the log of its instance, and HAProxy's 'show servers state'") };
}

/* `unit`: of its instance; absent for a server elsewhere. */
static struct reason explain(struct doctor *d, const struct haproxy_counter *c, struct str unit) {
        struct str state = str_is_absent(unit) ? STR("active") : snapshot_unit_state(&d->now, unit);
        struct described found;

        if (str_has_prefix(c->status, STR("DOWN")) && str_is(state, "active"))
                return explain_down(d, c);
        if (!str_is(state, "active") && doctor_describe(d, unit, &found))
                return (struct reason){ arena_join(d->arena, STR("waits for "), found.unit, STR(": "),
                                                   reason_words(d->arena, &found)),
                                        arena_join(d->arena, STR("journalctl -b -u '"), found.unit,
                                                   STR("'")) };
        if (str_is(state, "activating"))
                return (struct reason){
                        arena_join(d->arena, STR("waits for "), unit, STR(", which is starting")),
                        arena_join(d->arena, STR("if that lasts: journalctl -b -u '"), unit, STR("'"))
                };
        if (!str_is(state, "active"))
                return (struct reason){ arena_join(d->arena, STR("is in maintenance, because "), unit,
                                                   STR(" is "), state),
                                        arena_join(d->arena, STR("systemctl status '"), unit, STR("'")) };
        if (str_has_prefix(c->status, STR("DRAIN")))
                return (struct reason){ STR("is being drained"),
                                        STR("that ends when its instance stops or restarts") };
        return (struct reason){ arena_join(d->arena, STR("is in maintenance ("), c->status, STR("), though "),
                                           unit.n > 0 ? unit : STR("no unit of pyservice keeps it there"),
                                           unit.n > 0 ? STR(" runs") : STR("")),
                                STR("it was changed by hand in HAProxy; "
                                    "'/usr/libexec/pyservice/pyservice-proxy --states' sets the state of "
                                    "all servers again") };
}

/* One backend, while its servers are checked. */
struct backend {
        struct doctor *d;
        const struct service *service;
        struct str name, texts, advice; /* of those that are not ready */
        struct holds holds;
        size_t n, n_ready, n_stopped; /* n_stopped: by an administrator, and not among the others */
};

/* The instance behind a server; absent for servers that the definition has elsewhere. False for the spare,
 * and for instances past the scale, which are to be down. */
static bool find_instance(const struct backend *b, struct str server, struct str *ret_unit) {
        struct str prefix = arena_join(b->d->arena, b->service->container.unit.text, STR("-"));
        uint64_t n;

        *ret_unit = nobody;
        if (str_eq(server, b->service->container.unit.text))
                *ret_unit = arena_join(b->d->arena, server, STR(".service"));
        if (!str_has_prefix(server, prefix))
                return true;
        if (!str_to_u64(str_from(server, prefix.n), INSTANCES_MAX, &n) || n >= b->service->scale.n)
                return false;

        *ret_unit = arena_join(b->d->arena, b->service->container.unit.text, STR("@"),
                               arena_u64(b->d->arena, n), STR(".service"));
        return true;
}

static void look_at_server(struct backend *b, const struct haproxy_counter *c) {
        struct reason reason;
        struct str unit;

        if (!str_eq(c->backend, b->name) || str_is(c->server, "BACKEND") ||
            !find_instance(b, c->server, &unit))
                return;

        if (!str_is_absent(unit) && hold_find(&b->holds, unit)) {
                b->n_stopped++;
                return;
        }
        b->n++;
        if (is_ready(c)) {
                b->n_ready++;
                return;
        }

        reason = explain(b->d, c, unit);
        if (str_is_absent(b->advice))
                b->advice = reason.advice;
        b->texts = arena_join(b->d->arena, b->texts, b->texts.n > 0 ? STR("; ") : STR(""), c->server,
                              STR(" "), reason.text);
}

static void look_at_backend(struct doctor *d, const struct app *app, const struct service *s) {
        struct backend b = { .d = d, .service = s, .name = backend_of(s).text, .texts = STR("") };

        if (!haproxy_find_counter(&d->now.counters, b.name, STR("BACKEND"))) {
                doctor_bad(d, app->name.text,
                           arena_join(d->arena, STR("HAProxy does not know the backend '"), b.name, STR("'")),
                           STR("see 'systemctl status \"pyservice-proxy@*\"': did HAProxy reject the files? "
                               "Or it was not reloaded since: systemctl reload haproxy"));
                return;
        }

        if (hold_read(d->arena, d->places.runtime, app->name.text, &b.holds) < 0)
                b.holds = (struct holds){ 0 };
        VEC_EACH(c, &d->now.counters.list)
                look_at_server(&b, c);
        if (b.n == 0 && b.n_stopped > 0)
                doctor_warn(d, app->name.text,
                            arena_join(d->arena, STR("503 Service Unavailable: the backend '"), b.name,
                                       STR("' has no server, because all its instances were stopped")),
                            arena_join(d->arena, STR("pyservicectl start "), app->name.text));
        else if (b.n > 0 && b.n_ready == 0)
                doctor_bad(d, app->name.text,
                           arena_join(d->arena, STR("503 Service Unavailable: the backend '"), b.name,
                                      STR("' has no server that is ready: "), b.texts),
                           b.advice);
        else if (b.n_ready < b.n)
                doctor_warn(d, app->name.text,
                            arena_join(d->arena, STR("in the backend '"), b.name, STR("': "), b.texts),
                            b.advice);
}

static bool is_balanced(const struct service *s) {
        return s->proxy && s->proxy->kind.index == PROXY_HAPROXY;
}

static void look_at_maintenance(struct doctor *d, const struct app *app) {
        struct maintenance m;

        if (maintenance_read(d->arena, d->places.state, app->name.text, &m) >= 0 && m.since > 0)
                doctor_warn(
                        d, app->name.text,
                        arena_join(d->arena,
                                   STR("503 Service Unavailable: the application is in maintenance since "),
                                   view_time(d->arena, m.since)),
                        arena_join(d->arena, STR("pyservicectl maintenance --off "), app->name.text));
}

void doctor_haproxy_servers(struct doctor *d) {
        if (!doctor_knows_haproxy(d))
                return;

        DOCTOR_EACH_APP(d, app) {
                look_at_maintenance(d, app);
                APP_EACH_KEPT(s, app)
                        if (is_balanced(s) &&
                            machine_is_among(doctor_world(d), s->container.hosts.at, s->container.hosts.n))
                                look_at_backend(d, app, s);
        }
}

/* Servers whose answers were no good, with how often. */
static struct str list_culprits(struct doctor *d, struct str backend, uint64_t *ret_5xx) {
        struct str list = STR("");

        *ret_5xx = 0;
        VEC_EACH(c, &d->now.counters.list) {
                if (!str_eq(c->backend, backend) || str_is(c->server, "BACKEND"))
                        continue;
                *ret_5xx += c->n_5xx;
                if (c->n_response_errors > 0)
                        list = arena_join(d->arena, list, list.n > 0 ? STR(", ") : STR(""), c->server,
                                          STR(" "), arena_u64(d->arena, c->n_response_errors), STR(" times"));
        }

        return list;
}

static void look_at_answers(struct doctor *d, const struct app *app, const struct service *s) {
        struct str backend = backend_of(s).text, culprits;
        const struct haproxy_counter *whole = haproxy_find_counter(&d->now.counters, backend, STR("BACKEND"));
        uint64_t of_servers = 0, own, bad_answers;
        void (*add)(struct doctor * d, struct str app, struct str text, struct str advice) = doctor_warn;

        if (!whole)
                return;

        culprits = list_culprits(d, backend, &of_servers);
        own = whole->n_5xx > of_servers ? whole->n_5xx - of_servers : 0;
        /* HAProxy counts two response errors for a request whose connection the server reset, and answers 503
         * itself where it got no connection. */
        bad_answers = own > whole->n_connect_errors ? own - whole->n_connect_errors : 0;
        if (bad_answers > whole->n_response_errors)
                bad_answers = whole->n_response_errors;
        /* 503 is no part of it: while no server is ready, that is a finding of its own. */
        if ((bad_answers + of_servers) * 2 >= whole->n_requests)
                add = doctor_bad;
        if (bad_answers > 0)
                add(d, app->name.text,
                    arena_printf(d->arena,
                                 "502 Bad Gateway or 504 Gateway Timeout: the backend '%.*s' "
                                 "answered so to %llu of %llu recent requests: %.*s",
                                 STR_ARG(backend), (unsigned long long) bad_answers,
                                 (unsigned long long) whole->n_requests, STR_ARG(culprits)),
                    STR("502: the server closed the connection, or its answer is not HTTP: check "
                        "whether it crashes, and make it keep idle connections longer than HAProxy "
                        "does. 504: it took longer than 'proxy.timeouts.server'"));
        if (own > bad_answers)
                doctor_warn(d, app->name.text,
                            arena_printf(d->arena,
                                         "503 Service Unavailable: the backend '%.*s' answered so to "
                                         "%llu of %llu recent requests: no server was ready, or accepted "
                                         "the connection",
                                         STR_ARG(backend), (unsigned long long) (own - bad_answers),
                                         (unsigned long long) whole->n_requests),
                            STR("if it goes on: is an instance crashing ('pyservicectl status'), or are "
                                "there too few? 'scale' and 'proxy.timeouts.queue' help"));
        if (of_servers * 100 > whole->n_requests)
                add(d, app->name.text,
                    arena_printf(d->arena,
                                 "the instances behind '%.*s' themselves answered %llu of %llu "
                                 "recent requests with 500 or above",
                                 STR_ARG(backend), (unsigned long long) of_servers,
                                 (unsigned long long) whole->n_requests),
                    arena_join(d->arena, STR("these are the application's own errors: journalctl -b -u '"),
                               s->container.unit.text, s->is_sidecar ? STR("'") : STR("@*'")));
}

void doctor_haproxy_answers(struct doctor *d) {
        if (!doctor_knows_haproxy(d))
                return;

        DOCTOR_EACH_APP(d, app)
                APP_EACH_KEPT(s, app)
                        if (is_balanced(s))
                                look_at_answers(d, app, s);
}
