/* SPDX-License-Identifier: Apache-2.0 */

/* HAProxy's part: a backend, and what the generated frontend is to know of it. The files lie below
 * haproxy/ under the absolute path of the directory that HAProxy reads; pyservice-proxy puts them there. */

#include "app/health.h"
#include "base/hash.h"
#include "bundle/layout.h"
#include "bundle/record.h"
#include "output/haproxy.h"
#include "output/lines.h"
#include "render/parts.h"

/* With it Podman's name server reports a missing container at once. Without it, the server queries those of
 * the machine, and if none answers, libc waits ten seconds for each server when HAProxy starts, reloads or
 * checks its configuration. */
#define PODMAN_DOMAIN ".dns.podman"

static const char *const balances[] = { "leastconn", "roundrobin", "source", "first", "random" };

static bool is_http(const struct proxy *p) {
        return p->mode.index == MODE_HTTP;
}

struct backend_name backend_of(const struct service *s) {
        const struct name unit = s->container.unit;

        return str_is_absent(s->proxy->backend.text) ? (struct backend_name){ unit.text, unit.at }
                                                     : s->proxy->backend;
}

bool has_states(const struct rendering *r, const struct service *s) {
        return !r->is_plain && has_slots(r->world, s);
}

struct abs_path states_of(struct rendering *r, const struct service *s) {
        return (struct abs_path){ arena_join(r->arena, r->world->places.runtime, STR("/" LAYOUT_SERVERS "/"),
                                             backend_of(s).text),
                                  NOWHERE };
}

/* HAProxy counts its proxies, and logs a warning if the file has another number than its own; a fixed number
 * avoids the warning. Above 2^30, if it and people do not count. */
uint64_t backend_id(const struct service *s) {
        return UINT64_C(1) << 30 | hash_number(backend_of(s).text) >> 34;
}

/* haproxy/DIRECTORY/FILE */
static struct str proxy_path(struct rendering *r, const struct proxy *p, struct str file) {
        struct str directory = r->is_plain                         ? STR("")
                               : str_is_absent(p->config_dir.text) ? r->world->host.haproxy->directory.text
                                                                   : p->config_dir.text;

        return arena_join(r->arena, STR(LAYOUT_HAPROXY), directory, STR("/"), file);
}

/* The request of HAProxy's health check; absent if it tries a connection. A server that is not an HTTP server
 * may still have an HTTP status page, if the definition has one; HAProxy reaches a separate health port only
 * if it connects to the container itself. */
static struct http_path path_of(const struct service *s, const struct health_request *q) {
        if (q->has_own_port && s->proxy->via.index != VIA_DNS)
                return (struct http_path){ 0 };
        if (s->proxy->check)
                return s->proxy->check->path;

        if (!s->health || !is_http(s->proxy) || s->health->on_failure.index == HEALTH_NONE)
                return (struct http_path){ 0 };

        return s->health->http;
}

static void put_check(struct haproxy *h, const struct service *s, const struct health_request *q) {
        static const char *const methods[] = { "GET", "HEAD", "OPTIONS" };
        const struct check *check = s->proxy->check;
        struct http_path path = path_of(s, q);

        if (str_is_absent(path.text))
                return;

        haproxy_line(h, "option httpchk");
        haproxy_line(h, "http-check send meth");
        haproxy_arg(h, ((struct name){ str_of(methods[check ? check->method.index : 0]), NOWHERE }));
        haproxy_word(h, "uri");
        haproxy_arg(h, path);
        haproxy_word(h, "ver HTTP/1.1");
        LIST_EACH(header, &q->headers) {
                haproxy_word(h, "hdr");
                haproxy_arg(h, header->key);
                haproxy_arg(h, header->value);
        }
        haproxy_line(h, "http-check expect status");
        haproxy_arg(h, (check ? (struct http_status){ STR("200-399"), NOWHERE } : s->health->status));
}

/* Where and how a server is checked, if not as it is reached by requests. */
static void put_check_server(struct haproxy *h, const struct service *s, const struct health_request *q) {
        if (str_is_absent(path_of(s, q).text))
                return;

        if (q->has_own_port) {
                haproxy_word(h, "port");
                haproxy_number(h, q->port.n);
        }
        if (q->is_tls) {
                haproxy_word(h, "check-ssl verify none check-sni");
                haproxy_arg(h, q->headers.at[0].value);
        }
}

static void put_timeouts(struct haproxy *h, const struct timeouts *t) {
        if (!t)
                return;

        haproxy_line(h, "timeout connect");
        haproxy_duration(h, t->connect);
        haproxy_line(h, "timeout server");
        haproxy_duration(h, t->server);
        haproxy_line(h, "timeout queue");
        haproxy_duration(h, t->queue);
        if (t->tunnel.at.len > 0) {
                haproxy_line(h, "timeout tunnel");
                haproxy_duration(h, t->tunnel);
        }
}

/* Segments are counted instead of the path being written into an expression, where it would be read as
 * one. */
static void put_strip(struct haproxy *h, struct http_path path) {
        uint64_t segments = 0;
        struct str rest = str_from(path.text, 1), part;

        while (str_split(&rest, '/', &part))
                segments += part.n > 0;

        haproxy_line(h, "http-request set-path");
        haproxy_arg_begin(h);
        haproxy_part_const(h, "/%[path,field(");
        haproxy_part_number(h, segments + 2);
        haproxy_part_const(h, ",/,0)]");
        haproxy_arg_end(h);
}

/* Backends of one domain and several paths each need a cookie of their own. */
static void put_stickiness(struct haproxy *h, const struct service *s) {
        haproxy_line(h, "cookie");
        haproxy_arg_begin(h);
        haproxy_part_const(h, "pyservice-");
        haproxy_part(h, s->container.unit);
        haproxy_arg_end(h);
        haproxy_word(h, "insert indirect nocache httponly");
        if (has_tls(s->proxy))
                haproxy_word(h, "secure");
}

/* In each backend, and not only in the frontend: a backend takes over an `errorfile` of `defaults`, and the
 * frontend may be the administrator's own. */
static void put_errors(struct rendering *r, struct haproxy *h, const struct service *s) {
        const struct error_pages *own = s->proxy->errors, *all = r->world->host.haproxy->errors;

        for (size_t i = 0; i < ERROR_PAGES; i++) {
                const struct error_pages *p = own && !str_is_absent(own->files[i].text) ? own : all;

                if (p && !str_is_absent(p->files[i].text) && error_statuses[i] != 404)
                        haproxy_error(h, error_statuses[i], p->files[i], p->texts[i]);
        }
}

/* Not in answers without TLS (RFC 6797, 7.2); also in those that HAProxy itself gives, such as 503. */
static void put_hsts(struct rendering *r, struct haproxy *h, const struct proxy *p) {
        struct header_text hsts = proxy_hsts(r->arena, p);

        if (str_is_absent(hsts.text))
                return;

        haproxy_line(h, "http-after-response set-header Strict-Transport-Security");
        haproxy_arg(h, hsts);
        haproxy_word(h, "if { ssl_fc }");
}

/* With the scheme and port of the request: a redirect to https is the frontend's matter. A client or a proxy
 * wrote both, so nothing else of these fields becomes a part of the location. */
static void put_redirects(struct rendering *r, struct haproxy *h, const struct proxy *p) {
        if (p->redirect_from.n == 0)
                return;

        LIST_EACH(domain, &p->redirect_from) {
                haproxy_line(h, "acl pyservice-redirected req.fhdr(host),regsub(:[0-9]*$,),lower -m str");
                haproxy_arg(h, *domain);
        }
        haproxy_line(h, "http-request redirect code 308 location");
        haproxy_arg_begin(h);
        if (r->world->host.front)
                haproxy_part_const(h, "%[req.fhdr(X-Forwarded-Proto),regsub([^a-z].*,,i)]");
        else
                haproxy_part_const(h, "%[ssl_fc,iif(https,http)]");
        haproxy_part_const(h, "://");
        haproxy_part(h, p->domains.at[0]);
        haproxy_part_const(h, "%[req.fhdr(host),regsub(^[^:]*,)]%[pathq]");
        haproxy_arg_end(h);
        haproxy_word(h, "if pyservice-redirected");
}

static void put_http(struct rendering *r, struct haproxy *h, const struct service *s) {
        const struct proxy *p = s->proxy;

        put_redirects(r, h, p);
        if (p->sticky.yes)
                put_stickiness(h, s);
        if (p->strip.yes)
                put_strip(h, p->path);
        LIST_EACH(header, &p->headers) {
                haproxy_line(h, "http-response set-header");
                haproxy_arg(h, header->key);
                haproxy_arg(h, header->value);
        }
        put_hsts(r, h, p);
        put_errors(r, h, s);
}

static void put_refusal(struct haproxy *h, const struct proxy *p) {
        if (is_http(p))
                haproxy_line(h, "http-request deny");
        else
                haproxy_line(h, "tcp-request content reject");
}

/* A line for each address, as below. */
static void put_access(struct haproxy *h, const struct proxy *p) {
        LIST_EACH(address, &p->deny) {
                haproxy_line(h, "acl pyservice-denied src");
                haproxy_arg(h, *address);
        }
        LIST_EACH(address, &p->allow) {
                haproxy_line(h, "acl pyservice-allowed src");
                haproxy_arg(h, *address);
        }
        if (p->deny.n > 0) {
                put_refusal(h, p);
                haproxy_word(h, "if pyservice-denied");
        }
        if (p->allow.n > 0) {
                put_refusal(h, p);
                haproxy_word(h, "unless pyservice-allowed");
        }
}

/* The client's address, which no container sees. A line for each address: HAProxy takes 64 words a line. */
static void put_trusted(struct rendering *r, struct haproxy *h, const struct service *s) {
        if (r->app->trusted.n == 0)
                return;

        LIST_EACH(address, &r->app->trusted) {
                haproxy_line(h, "acl pyservice-trusted src");
                haproxy_arg(h, *address);
        }
        put_refusal(h, s->proxy);
        haproxy_word(h, "unless pyservice-trusted");
}

static struct duration check_interval(const struct service *s) {
        if (s->proxy->check)
                return s->proxy->check->interval;
        if (s->health)
                return s->health->interval;

        return (struct duration){ 5000000, NOWHERE };
}

static void put_defaults(struct haproxy *h, const struct service *s, const struct health_request *q) {
        haproxy_line(h, "default-server check inter");
        haproxy_duration(h, check_interval(s));
        /* A server that just came up is checked again soon, and so is one that just failed. */
        haproxy_word(h, "fastinter 1s downinter 1s rise 1 fall 3");
        put_check_server(h, s, q);
        /* One that is not there yet, or no longer, is out at its first refused connection, which another
         * server then takes; else two such would pass a request between them until its retries are used
         * up, as the least busy of all. */
        haproxy_word(h, "observe layer4 error-limit 1 on-error mark-down");
        if (s->proxy->protocol.index == PROTOCOL_H2)
                haproxy_word(h, "proto h2");
        if (s->proxy->maxconn.n > 0) {
                haproxy_word(h, "maxconn");
                haproxy_number(h, s->proxy->maxconn.n);
        }
        /* A name that does not resolve now must not stop HAProxy from starting. libc resolves it before
         * HAProxy's own resolver runs: without it, each reload has a moment in which no server has an address
         * (7 of 1,600 requests failed over five reloads). */
        haproxy_word(h, "init-addr last,libc,none");
        if (s->proxy->via.index == VIA_DNS) {
                haproxy_word(h, "resolvers");
                haproxy_arg_begin(h);
                haproxy_part_const(h, "pyservice-");
                haproxy_part(h, s->container.unit);
                haproxy_arg_end(h);
        }
}

/* UNIT-3, UNIT-next, as the instance's container; UNIT of a sidecar. */
static struct name server_name(struct rendering *r, const struct service *s, uint64_t i) {
        if (s->is_sidecar && i == 0)
                return s->container.unit;

        return (struct name){ arena_join(r->arena, s->container.unit.text, STR("-"),
                                         i == PORTS_NEXT ? STR("next") : arena_u64(r->arena, i)),
                              NOWHERE };
}

static struct server_address server_address(struct rendering *r, const struct service *s, uint64_t i,
                                            uint64_t port) {
        struct str host = STR("127.0.0.1:");

        if (s->proxy->via.index == VIA_DNS) {
                host = arena_join(r->arena, server_name(r, s, i).text, STR(PODMAN_DOMAIN ":"));
                port = s->port.n;
        }
        return (struct server_address){ arena_join(r->arena, host, arena_u64(r->arena, port)), NOWHERE };
}

static void add_server(struct rendering *r, const struct service *s, uint64_t i,
                       struct server_address address) {
        *vec_push(r->arena, &r->tree->record->servers) =
                (struct record_server){ s->container.unit.text, server_name(r, s, i).text, address.text };
}

static void add_instance(struct rendering *r, const struct service *s, uint64_t i, uint64_t port) {
        add_server(r, s, i, server_address(r, s, i, port));
}

static void add_instances(struct rendering *r, const struct service *s) {
        size_t n;
        const struct port *ports = ports_of(r->ports, r->app->name, s->container.unit, &n);

        /* Mostly the i-th is that of instance i; a search for each is slow. */
        for (uint32_t i = 0; i < s->scale.n; i++)
                add_instance(r, s, i,
                             i < n && ports[i].instance == i
                                     ? ports[i].number
                                     : ports_find(r->ports, r->app->name, s->container.unit, i));
        /* They take part as soon as an instance of that number is ready. */
        for (size_t i = 0; i < n && has_states(r, s); i++)
                if (ports[i].instance >= s->scale.n && ports[i].instance != PORTS_NEXT)
                        add_instance(r, s, ports[i].instance, ports[i].number);
        if (has_spare(r->app, s) && !r->is_plain)
                add_instance(r, s, PORTS_NEXT,
                             ports_find(r->ports, r->app->name, s->container.unit, PORTS_NEXT));
}

/* All are in the record before the first is written, so that neither grows between parts of the other. */
static void put_servers(struct rendering *r, struct haproxy *h, const struct service *s) {
        struct record *record = r->tree->record;
        size_t first = record->servers.n, n_instances;

        add_instances(r, s);
        n_instances = record->servers.n - first;
        /* On other machines; their numbers continue after the largest scale, so that a change of scale
         * renames none. */
        for (size_t i = 0; i < s->proxy->servers.n; i++)
                add_server(r, s, INSTANCES_MAX + i, s->proxy->servers.at[i]);

        for (size_t i = first; i < record->servers.n; i++) {
                struct name name = { record->servers.at[i].name, NOWHERE };

                haproxy_line(h, "server");
                haproxy_arg(h, name);
                haproxy_arg(h, ((struct server_address){ record->servers.at[i].address, NOWHERE }));
                if (is_http(s->proxy) && s->proxy->sticky.yes) {
                        haproxy_word(h, "cookie");
                        haproxy_arg(h, name);
                }
                /* HAProxy would take a new server for one that is up; the instance's hooks know better. */
                if (i < first + n_instances && has_states(r, s))
                        haproxy_word(h, "disabled");
        }
}

/* Containers get new addresses when they start again, so HAProxy must resolve their names again. A container
 * whose name is gone has ended: waiting for its health check cost every fourth request three seconds, for
 * twenty seconds. */
static void put_resolvers(struct haproxy *h, const struct service *s) {
        haproxy_section(h, "resolvers");
        haproxy_arg_begin(h);
        haproxy_part_const(h, "pyservice-");
        haproxy_part(h, s->container.unit);
        haproxy_arg_end(h);
        haproxy_line(h, "parse-resolv-conf");
        haproxy_line(h, "accepted_payload_size 8192");
        haproxy_line(h, "hold valid 1s");
        haproxy_line(h, "hold nx 3s");
}

static void put_states(struct rendering *r, struct haproxy *h, const struct service *s) {
        haproxy_line(h, "id");
        haproxy_number(h, backend_id(s));
        haproxy_line(h, "load-server-state-from-file local");
        haproxy_line(h, "server-state-file-name");
        haproxy_arg(h, states_of(r, s));
}

static void render_backend(struct rendering *r, const struct service *s, struct hash_state *front) {
        const struct proxy *p = s->proxy;
        const struct health_request q = health_request(r->arena, s);
        struct backend_name backend = backend_of(s);
        struct haproxy *h = haproxy_new(r->arena);
        struct str file =
                arena_join(r->arena, p->order.n < 10 ? STR("0") : STR(""), arena_u64(r->arena, p->order.n),
                           STR("_backend_"), backend.text, STR(".cfg"));

        if (!r->is_plain)
                haproxy_comment(h, "Generated by pyservice; do not edit.");
        haproxy_comment_app(h, r->app->name);
        if (p->via.index == VIA_DNS)
                put_resolvers(h, s);

        haproxy_section(h, "backend");
        haproxy_arg(h, backend);
        if (has_states(r, s))
                put_states(r, h, s);
        haproxy_line(h, "mode");
        haproxy_arg(h, ((struct name){ is_http(p) ? STR("http") : STR("tcp"), NOWHERE }));
        haproxy_line(h, "balance");
        haproxy_arg(h, ((struct name){ str_of(balances[p->balance.index]), NOWHERE }));
        put_check(h, s, &q);
        put_trusted(r, h, s);
        put_access(h, p);
        if (is_http(p))
                put_http(r, h, s);
        put_timeouts(h, p->timeouts);
        haproxy_line(h, "retries");
        haproxy_number(h, p->retries.n);
        haproxy_line(h, "option redispatch 1");
        /* Nothing that a server may have begun to do is ever sent again. */
        if (is_http(p))
                haproxy_line(h, "retry-on conn-failure");
        put_defaults(h, s, &q);
        file = proxy_path(r, p, file);
        hash_add(front, file);
        hash_add(front, haproxy_text(h));
        put_servers(r, h, s);

        tree_mark(tree_add(r->tree, file, 0644, haproxy_text(h)), TREE_SCALE, s->container.unit.text);
}

/* NULL: there is nothing in the file. */
static void add_front(struct str unit, struct hash_state *front, struct tree_file *file) {
        if (!file)
                return;

        tree_mark(file, TREE_SCALE, unit);
        hash_add(front, file->path);
        hash_add(front, file->text);
}

/* A comment with the settings of host.yaml: if they change, this file changes, and pyservice-proxy puts it in
 * place. */
static void put_settings(struct rendering *r, struct lines *routes) {
        const struct host_haproxy *settings = r->world->host.haproxy;
        struct hash_state *pages = hash_start(r->arena);

        lines_const(routes, "#");
        lines_number(routes, settings->http_port.n);
        lines_number(routes, settings->https_port.n);
        for (size_t i = 0; settings->errors && i < ERROR_PAGES; i++) {
                hash_add(pages, settings->errors->files[i].text);
                hash_add(pages, settings->errors->texts[i].text);
        }
        if (settings->errors)
                lines_word(routes, ((struct name){ hash_digits(r->arena, pages, 12), NOWHERE }));
        lines_end(routes);
}

/* Like put_settings(), for `front`. */
static void put_host_front(struct rendering *r, struct lines *lines) {
        const struct host_front *front = r->world->host.front;
        struct hash_state *h;

        if (!front)
                return;

        h = hash_start(r->arena);
        LIST_EACH(set, &front->trusted_proxies)
                hash_add(h, set->text);
        hash_add(h, front->client_ip_header.text);
        hash_add(h, front->proxy_protocol.yes ? STR("proxy") : STR(""));
        lines_const(lines, "#");
        lines_word(lines, ((struct name){ hash_digits(r->arena, h, 12), NOWHERE }));
        lines_end(lines);
}

static void render_routes(struct rendering *r, const struct service *s, struct hash_state *front) {
        const struct proxy *p = s->proxy;
        struct lines *routes = lines_new(r->arena), *certificates = lines_new(r->arena);
        struct str unit = s->container.unit.text;
        struct certificate_paths paths = proxy_certificates(r->arena, p);
        bool redirects = p->redirect_to_https.at.len > 0 ? p->redirect_to_https.yes : has_tls(p);

        if (p->domains.n > 0) {
                put_settings(r, routes);
                put_host_front(r, routes);
        }
        LIST_EACH(domain, &p->domains) {
                lines_word(routes, *domain);
                lines_word(routes, p->path);
                lines_word(routes, backend_of(s));
                if (redirects)
                        lines_const(routes, "https");
                else
                        lines_const(routes, "plain");
                lines_end(routes);
        }
        VEC_EACH(path, &paths.list) {
                lines_word(certificates, *path);
                lines_end(certificates);
        }

        add_front(unit, front,
                  lines_finish(routes, r->tree, proxy_path(r, p, arena_join(r->arena, STR("routes."), unit)),
                               0644));
        add_front(unit, front,
                  lines_finish(certificates, r->tree,
                               proxy_path(r, p, arena_join(r->arena, STR("certificates."), unit)), 0644));
}

/* pyservice-proxy writes the frontend: it knows if another one has the port, and if the machine has IPv6. */
static void render_listen(struct rendering *r, const struct service *s, struct hash_state *front) {
        struct lines *listens = lines_new(r->arena);
        struct str unit = s->container.unit.text;

        if (str_is_absent(s->proxy->listen.text))
                return;

        put_host_front(r, listens);
        lines_word(listens, s->proxy->listen);
        lines_word(listens, backend_of(s));
        lines_end(listens);
        add_front(unit, front,
                  lines_finish(listens, r->tree,
                               proxy_path(r, s->proxy, arena_join(r->arena, STR("listens."), unit)), 0644));
}

void render_proxy(struct rendering *r, const struct service *s) {
        struct str unit = s->container.unit.text;
        struct hash_state *front = hash_start(r->arena);

        if (is_nginx(s))
                add_front(unit, front, render_nginx(r, s));
        else {
                render_backend(r, s, front);
                render_routes(r, s, front);
                render_listen(r, s, front);
        }
        *vec_push(r->arena, &r->tree->record->fronts) =
                (struct record_front){ unit, hash_digits(r->arena, front, 12) };
}
