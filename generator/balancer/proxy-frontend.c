/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/proxy-frontend.h"

#include <strings.h>

#include "balancer/acme.h"
#include "balancer/proxy-page.h"
#include "base/buf.h"
#include "bundle/layout.h"
#include "output/haproxy.h"
#include "schema/syntax.h"

/* Conditions behind trusted proxies. */
#define IS_PROXIED "{ var(txn.pyservice_proxied) -m bool }"
#define HAS(name) "{ req.hdr(X-Forwarded-" name ") -m found }"
#define IS_HTTPS "{ req.hdr(X-Forwarded-Proto) -m str -i https }"

/* With WSGI and CGI, HTTP_X_FORWARDED_FOR has both X-Forwarded-For and X_Forwarded_For, so that a client
 * could pretend by the latter. HAProxy makes all names lowercase. */
#define DELETE_UNDERSCORES "http-request del-header ^x(_forwarded|-forwarded_|_real|-real_) -m reg"

/* In a row, each with an address in X-Forwarded-For. */
enum { PROXIES_MAX = 4 };

bool proxy_frontend_is_directory(struct str path) {
        return str_has_prefix(path, STR("/")) &&
               str_is_made_of(path,
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+@:=~");
}

/* One line of the configuration, with its line end. */
static void put(struct buf *b, const char *line) {
        buf_put(b, "\t");
        buf_put(b, line);
        buf_put_char(b, '\n');
}

static void put_bind(struct buf *b, const struct proxy_frontend *f, uint64_t port, struct str more) {
        /* Two sockets: on one for both families, an IPv4 client's address would be passed on as
         * "::ffff:192.0.2.1". None for IPv6 can be made where the kernel has no IPv6. */
        for (size_t i = 0; i <= f->has_ipv6; i++) {
                buf_put(b, i == 0 ? "\tbind :" : "\tbind :::");
                buf_put_u64(b, port);
                buf_put(b, i == 0 ? "" : " v6only");
                buf_put_str(b, more);
                buf_put_char(b, '\n');
        }
}

static void put_forwarded(struct buf *b) {
        static const char *const lines[] = {
                DELETE_UNDERSCORES,
                "http-request del-header Forwarded",
                "http-request del-header X-Forwarded-For",
                "http-request del-header X-Forwarded-Server",
                "http-request del-header X-Forwarded-Prefix",
                "http-request del-header X-Forwarded-Ssl",
                "http-request del-header X-Real-IP",
                "http-request set-header X-Forwarded-Proto http",
                "http-request set-header X-Forwarded-Proto https if { ssl_fc }",
                "http-request set-header X-Forwarded-Host %[req.fhdr(host)]",
                "http-request set-header X-Forwarded-Port %[dst_port]",
                "option forwardfor",
        };

        for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
                put(b, lines[i]);
}

static bool is_header(const struct host_front *front, const char *name) {
        struct str header = front->client_ip_header.text;

        return strlen(name) == header.n && strncasecmp(header.p, name, header.n) == 0;
}

/* The addresses of the proxies, and their way to name a client before its first byte. */
static void put_proxies(struct haproxy *h, const struct host_front *front) {
        LIST_EACH(set, &front->trusted_proxies) {
                haproxy_line(h, "acl pyservice-proxies src");
                if (str_has_prefix(set->text, STR("/")))
                        haproxy_word(h, "-f");
                haproxy_arg(h, *set);
        }
        if (front->proxy_protocol.yes)
                haproxy_line(h, "tcp-request connection expect-proxy layer4 if pyservice-proxies");
}

/* The last address in X-Forwarded-For that is not a proxy's, one after the other from the end: the test of
 * `src` sees the address that the line before has set. An entry that is not an address ends the search: the
 * ones before it may be the client's invention. */
static void put_walk(struct buf *b) {
        for (unsigned i = 2; i <= 1 + PROXIES_MAX; i++) {
                buf_put(b, "\thttp-request unset-var(txn.pyservice_proxied) unless pyservice-proxies "
                           "{ req.hdr_ip(X-Forwarded-For,-");
                buf_put_u64(b, i);
                buf_put(b, ") -m found }\n\thttp-request set-src req.hdr_ip(X-Forwarded-For,-");
                buf_put_u64(b, i);
                buf_put(b, ") if " IS_PROXIED "\n");
        }
}

/* The client's address, for ACLs and the log, from the header that the proxies set. */
static void put_client(struct buf *b, struct arena *a, const struct host_front *front) {
        struct haproxy *h = haproxy_new(a);

        if (str_is_absent(front->client_ip_header.text) || is_header(front, "X-Forwarded-For")) {
                put_walk(b);
                return;
        }

        haproxy_line(h, "http-request del-header");
        haproxy_arg(h, front->client_ip_header);
        haproxy_word(h, "unless " IS_PROXIED);
        haproxy_line(h, "http-request set-src");
        haproxy_arg_begin(h);
        haproxy_part_const(h, "req.hdr_ip(");
        haproxy_part(h, front->client_ip_header);
        haproxy_part_const(h, ",-1)");
        haproxy_arg_end(h);
        haproxy_word(h, "if " IS_PROXIED);
        buf_put_str(b, haproxy_text(h));
}

/* Behind trusted proxies: their X-Forwarded-… are kept, and this machine's part is added. Proxies pass
 * Forwarded and X-Real-IP on as the client sent them, if they do not know these. */
static void put_forwarded_by(struct buf *b, struct arena *a, const struct host_front *front) {
        static const char *const lines[] = {
                DELETE_UNDERSCORES,
                "http-request set-var(txn.pyservice_proxied) bool(true) if pyservice-proxies",
                "http-request del-header Forwarded",
                "http-request del-header X-Forwarded- -m beg unless " IS_PROXIED,
                "http-request set-header X-Forwarded-Port %[dst_port] if !" HAS("Port") " !" HAS("Proto"),
                "http-request set-header X-Forwarded-Proto https if { ssl_fc } !" HAS("Proto"),
                "http-request set-header X-Forwarded-Proto http unless " HAS("Proto"),
                "http-request set-header X-Forwarded-Port 443 if !" HAS("Port") " " IS_HTTPS,
                "http-request set-header X-Forwarded-Port 80 unless " HAS("Port"),
                "http-request set-header X-Forwarded-Host %[req.fhdr(host)] unless " HAS("Host"),
                "http-request add-header X-Forwarded-For %[src]",
        };

        for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
                put(b, lines[i]);
        if (!is_header(front, "X-Real-IP"))
                put(b, "http-request del-header X-Real-IP");
        put_client(b, a, front);
}

/* txn.NAME from a map, by the host's own key, or else by that with "*". */
static void put_lookup(struct buf *b, const struct proxy_frontend *f, const char *variable, const char *map) {
        static const char *const keys[] = { "txn.pyservice_key", "txn.pyservice_any" };

        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                buf_put(b, "\thttp-request set-var(");
                buf_put(b, variable);
                buf_put(b, ") var(");
                buf_put(b, keys[i]);
                buf_put(b, "),map_beg(");
                buf_put_str(b, f->directory);
                buf_put_char(b, '/');
                buf_put(b, map);
                buf_put(b, i == 0 ? ")" : ") unless { var(");
                buf_put(b, i == 0 ? "" : variable);
                buf_put(b, i == 0 ? "\n" : ") -m found }\n");
        }
}

static void put_closed(struct buf *b, const struct proxy_frontend *f) {
        buf_put(b, "\thttp-request set-var(txn.pyservice_closed) var(txn.pyservice_backend),map(");
        buf_put_str(b, f->directory);
        buf_put(b, "/" PROXY_CLOSED ")\n");
        put(b, "http-request set-var(txn.pyservice_why) str(\"The administrator stopped it.\") "
               "if { var(txn.pyservice_closed) -m str stopped }");
}

static void put_redirect(struct buf *b, const struct proxy_frontend *f) {
        buf_put(b, "\thttp-request redirect code 308 location https://%[var(txn.pyservice_host)]");
        if (f->https_port != 443) {
                buf_put_char(b, ':');
                buf_put_u64(b, f->https_port);
        }
        buf_put(b, "%[pathq] if { var(txn.pyservice_https) -m str yes } !");
        buf_put(b, f->proxies ? IS_HTTPS "\n" : "{ ssl_fc }\n");
}

/* Only for the domains whose certificates are ordered here: an application may order its own. The token goes
 * back to its sender as text, and has no other bytes than RFC 8555 allows. */
static void put_challenge(struct buf *b, const struct proxy_frontend *f) {
        buf_put(b, "\thttp-request return status 200 content-type application/octet-stream lf-string "
                   "\"%[path,field(4,/)].");
        buf_put_str(b, f->thumbprint);
        buf_put(b, "\" if { path_reg ^" ACME_CHALLENGE "[A-Za-z0-9_-]+$ } "
                   "{ var(txn.pyservice_host) -m str -f ");
        buf_put_str(b, f->directory);
        buf_put(b, "/" PROXY_ACME " }\n");
}

static struct str frontend_text(struct arena *a, const struct proxy_frontend *f, bool has_certificates,
                                bool has_acme) {
        struct buf b = buf_in(a);

        buf_put_str(&b, f->mark);
        buf_put(&b, "\nfrontend pyservice\n\tmode http\n");
        put_bind(&b, f, f->http_port, STR(""));
        if (has_certificates)
                put_bind(&b, f, f->https_port,
                         arena_join(a, STR(" ssl crt-list "), f->directory,
                                    STR("/" PROXY_CERTIFICATES " alpn h2,http/1.1")));

        /* Without this, the old process closes idle connections at once after a reload, and a request that is
         * on its way is lost. With it, the process answers one more request, and announces that it closes. */
        put(&b, "option idle-close-on-response");
        if (f->proxies) {
                struct haproxy *h = haproxy_new(a);

                put_proxies(h, f->proxies);
                buf_put_str(&b, haproxy_text(h));
                put_forwarded_by(&b, a, f->proxies);
        } else {
                put_forwarded(&b);
        }
        put(&b, "http-request set-var(txn.pyservice_host) req.fhdr(host),field(1,:),lower");
        if (has_acme && !str_is_absent(f->thumbprint))
                put_challenge(&b, f);
        put(&b, "http-request set-var(txn.pyservice_rest) var(txn.pyservice_host),field(2,.,0)");
        put(&b, "http-request set-var(txn.pyservice_path) path");
        put(&b,
            "http-request set-var(txn.pyservice_key) var(txn.pyservice_host),concat(,txn.pyservice_path,/)");
        put(&b, "http-request set-var(txn.pyservice_any) "
                "str(*.),concat(,txn.pyservice_rest,),concat(,txn.pyservice_path,/)");
        put_lookup(&b, f, "txn.pyservice_backend", PROXY_ROUTES);
        put_lookup(&b, f, "txn.pyservice_https", PROXY_REDIRECTS);
        if (f->closed)
                put_closed(&b, f);
        proxy_page_put(a, &b, f->pages);
        put_redirect(&b, f);
        if (f->closed)
                proxy_page_put_maintenance(a, &b);
        put(&b, "use_backend %[var(txn.pyservice_backend)]");
        return buf_str(&b);
}

static void put_listen(struct haproxy *h, const struct proxy_frontend *f, const struct proxy_listen *l) {
        struct syntax_listen on = syntax_listen_split(l->on.text);
        bool is_every = str_is_absent(on.address);

        haproxy_section(h, "frontend");
        haproxy_arg_begin(h);
        haproxy_part_const(h, "pyservice-");
        haproxy_part(h, l->backend);
        haproxy_arg_end(h);
        haproxy_line(h, "mode tcp");
        haproxy_line(h, "option tcplog");
        for (size_t i = 0; i <= (is_every && f->has_ipv6); i++) {
                haproxy_line(h, "bind");
                haproxy_arg_begin(h);
                if (is_every)
                        haproxy_part_text(h, i == 0 ? STR(":") : STR(":::"));
                haproxy_part(h, l->on);
                haproxy_arg_end(h);
                if (i == 1 || str_has_prefix(on.address, STR("[")))
                        haproxy_word(h, "v6only");
        }
        if (f->proxies && f->proxies->proxy_protocol.yes)
                put_proxies(h, f->proxies);
        haproxy_line(h, "default_backend");
        haproxy_arg(h, l->backend);
}

static struct str listens_text(struct arena *a, const struct proxy_frontend *f,
                               const struct proxy_directory *d) {
        struct haproxy *h = haproxy_new(a);

        VEC_EACH(l, &d->listens)
                put_listen(h, f, l);
        return arena_join(a, f->mark, haproxy_text(h));
}

static void add(struct arena *a, struct proxy_directory *to, const char *name, struct buf *text) {
        *vec_push(a, &to->files) = (struct proxy_file){ .name = str_of(name), .text = buf_str(text) };
}

static void add_maps(struct arena *a, const struct proxy_frontend *f, const struct proxy_directory *d,
                     struct proxy_directory *to) {
        struct buf routes = buf_in(a), redirects = buf_in(a);

        buf_put_str(&routes, f->mark);
        buf_put_str(&redirects, f->mark);
        VEC_EACH(route, &d->routes) {
                buf_put_str(&routes, arena_join(a, route->key, STR(" "), route->backend, STR("\n")));
                /* All keys are in both, so that the same one is found in both. */
                buf_put_str(&redirects,
                            arena_join(a, route->key, route->is_redirected ? STR(" yes\n") : STR(" no\n")));
        }

        add(a, to, PROXY_ROUTES, &routes);
        add(a, to, PROXY_REDIRECTS, &redirects);
}

void proxy_frontend_add(struct arena *a, const struct proxy_frontend *f, const struct proxy_directory *d,
                        const struct str *certificates, struct proxy_directory *to) {
        struct buf list = buf_in(a), domains = buf_in(a);
        bool has_acme = false;

        if (d->listens.n > 0)
                *vec_push(a, &to->files) =
                        (struct proxy_file){ .name = STR(PROXY_LISTENS), .text = listens_text(a, f, d) };
        if (d->routes.n == 0)
                return;

        add_maps(a, f, d, to);
        if (f->closed)
                *vec_push(a, &to->files) =
                        (struct proxy_file){ .name = STR(PROXY_CLOSED),
                                             .text = proxy_closed_map(a, f->mark, f->closed, d) };
        buf_put_str(&list, f->mark);
        buf_put_str(&domains, f->mark);
        for (size_t i = 0; i < d->certificates.n; i++) {
                struct str domain = layout_acme_domain(d->certificates.at[i].path);

                buf_put_str(&list, arena_join(a, certificates[i], STR("\n")));
                if (str_is_absent(domain))
                        continue;
                has_acme = true;
                buf_put_str(&domains, arena_join(a, domain, STR("\n")));
        }
        if (d->certificates.n > 0)
                add(a, to, PROXY_CERTIFICATES, &list);
        if (has_acme)
                add(a, to, PROXY_ACME, &domains);

        if (!f->is_left_out)
                *vec_push(a, &to->files) =
                        (struct proxy_file){ .name = STR(PROXY_FRONTEND),
                                             .text = frontend_text(a, f, d->certificates.n > 0, has_acme) };
}
