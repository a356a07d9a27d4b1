/* SPDX-License-Identifier: Apache-2.0 */

/* nginx's part: an upstream, and a site for the domains. The files lie in nginx/; pyservice-proxy puts
 * them where nginx reads them.
 *
 * nginx has no command that takes a server out while it runs. So each instance that is ready has a file of
 * its own with its server's line, which its hooks write and remove before they reload nginx; the upstream
 * includes those that are there. */

#include "bundle/layout.h"
#include "output/nginx.h"
#include "render/parts.h"

/* A server of nginx's: a certificate that is ordered is one domain's. */
struct site {
        const struct domain *domains;
        size_t n;
        const struct abs_path *certificate; /* NULL without TLS */
};

bool is_nginx(const struct service *s) {
        return s->proxy && s->proxy->kind.index == PROXY_NGINX;
}

struct abs_path nginx_server_of(struct rendering *r, const struct service *s) {
        return (struct abs_path){ arena_join(r->arena, r->world->places.runtime, STR("/" LAYOUT_SERVERS "/"),
                                             s->container.unit.text),
                                  NOWHERE };
}

static void put_upstream(struct rendering *r, struct nginx *n, const struct service *s) {
        const unsigned balance = s->proxy->balance.index;

        nginx_line(n, "upstream");
        nginx_arg(n, s->container.unit);
        nginx_block(n);
        if (balance == BALANCE_LEASTCONN)
                nginx_line(n, "least_conn");
        else if (balance == BALANCE_SOURCE)
                nginx_line(n, "ip_hash");
        else if (balance == BALANCE_RANDOM)
                nginx_line(n, "random");
        nginx_comment(n, "An upstream needs a server even if no instance is ready.");
        nginx_line(n, "server unix:" LAYOUT_RUNTIME "/none down");
        nginx_line(n, "include");
        nginx_arg_begin(n);
        nginx_part(n, nginx_server_of(r, s));
        nginx_part_const(n, "@*.nginx");
        nginx_arg_end(n);
        LIST_EACH(server, &s->proxy->servers) {
                nginx_line(n, "server");
                nginx_arg(n, *server);
        }
        nginx_close(n);
}

static void put_listen(struct rendering *r, struct nginx *n, bool is_tls) {
        const struct host_nginx *settings = r->world->host.nginx;

        for (unsigned i = 0; i < 2; i++) {
                nginx_line(n, "listen");
                nginx_arg_begin(n);
                if (i == 1)
                        nginx_part_const(n, "[::]:");
                nginx_part(n, ((struct name){ arena_u64(r->arena, is_tls ? settings->https_port.n
                                                                         : settings->http_port.n),
                                              NOWHERE }));
                nginx_arg_end(n);
                if (is_tls)
                        nginx_word(n, "ssl");
        }
}

static void put_names(struct nginx *n, const struct site *site) {
        nginx_line(n, "server_name");
        for (size_t i = 0; i < site->n; i++)
                nginx_arg(n, site->domains[i]);
}

static void put_certificate(struct nginx *n, struct abs_path certificate) {
        nginx_line(n, "ssl_certificate");
        nginx_arg(n, certificate);
        nginx_line(n, "ssl_certificate_key");
        nginx_arg(n, certificate);
}

/* As directives of the server, so that they come before the redirect, and hide no location. */
static void put_challenge(struct nginx *n) {
        nginx_line(n, "include " LAYOUT_STATE "/" LAYOUT_ACME "/" LAYOUT_ACME_CHALLENGE);
}

/* Headers in which a client describes itself are not passed on. */
static void put_forwarded(struct nginx *n) {
        nginx_line(n, "proxy_http_version 1.1");
        nginx_line(n, "proxy_set_header Host $http_host");
        nginx_line(n, "proxy_set_header Upgrade $http_upgrade");
        nginx_line(n, "proxy_set_header Connection $pyservice_connection");
        nginx_line(n, "proxy_set_header Forwarded \"\"");
        nginx_line(n, "proxy_set_header X-Forwarded-Server \"\"");
        nginx_line(n, "proxy_set_header X-Forwarded-Prefix \"\"");
        nginx_line(n, "proxy_set_header X-Forwarded-Ssl \"\"");
        nginx_line(n, "proxy_set_header X-Real-IP \"\"");
        nginx_line(n, "proxy_set_header X-Forwarded-For $remote_addr");
        nginx_line(n, "proxy_set_header X-Forwarded-Proto $scheme");
        nginx_line(n, "proxy_set_header X-Forwarded-Host $http_host");
        nginx_line(n, "proxy_set_header X-Forwarded-Port $server_port");
}

static void put_timeouts(struct nginx *n, const struct timeouts *t) {
        if (!t)
                return;

        nginx_line(n, "proxy_connect_timeout");
        nginx_duration(n, t->connect);
        nginx_line(n, "proxy_send_timeout");
        nginx_duration(n, t->server);
        nginx_line(n, "proxy_read_timeout");
        nginx_duration(n, t->server);
}

static void put_trusted(struct rendering *r, struct nginx *n) {
        if (r->app->trusted.n == 0)
                return;

        LIST_EACH(address, &r->app->trusted) {
                nginx_line(n, "allow");
                nginx_arg(n, *address);
        }
        nginx_line(n, "deny all");
}

/* The settings of all requests that are passed on to a server. */
static void put_settings(struct rendering *r, struct nginx *n, const struct service *s) {
        const struct proxy *p = s->proxy;

        put_trusted(r, n);
        nginx_comment(n, "As with HAProxy: the application limits the size of a request.");
        nginx_line(n, "client_max_body_size 0");
        nginx_line(n, "proxy_request_buffering off");
        nginx_comment(n, "As with HAProxy: requests and responses may have headers of 16 KiB.");
        nginx_line(n, "large_client_header_buffers 4 16k");
        nginx_line(n, "proxy_buffer_size 16k");
        nginx_line(n, "proxy_buffers 8 16k");
        put_forwarded(n);
        put_timeouts(n, p->timeouts);
        nginx_comment(n, "Do not repeat a request that is not idempotent and that a server may have begun.");
        nginx_line(n, "proxy_next_upstream error");
        nginx_line(n, "proxy_next_upstream_tries");
        nginx_number(n, p->retries.n + 1);
        LIST_EACH(header, &p->headers) {
                nginx_line(n, "add_header");
                nginx_arg(n, header->key);
                nginx_arg(n, header->value);
                nginx_word(n, "always");
        }
}

/* Not in answers without TLS (RFC 6797, 7.2). The application may send one too. */
static void put_hsts(struct rendering *r, struct nginx *n, const struct proxy *p) {
        struct header_text hsts = proxy_hsts(r->arena, p);

        if (str_is_absent(hsts.text))
                return;

        nginx_line(n, "proxy_hide_header Strict-Transport-Security");
        nginx_line(n, "add_header Strict-Transport-Security");
        nginx_arg(n, hsts);
        nginx_word(n, "always");
}

static void put_pass(struct nginx *n, const struct service *s) {
        nginx_line(n, "proxy_pass");
        nginx_arg_begin(n);
        nginx_part_const(n, "http://");
        nginx_part(n, s->container.unit);
        if (s->proxy->strip.yes)
                nginx_part_const(n, "/");
        nginx_arg_end(n);
        nginx_close(n);
}

/* "/api" leads there, and what is below it, but not "/apix". */
static void put_locations(struct nginx *n, const struct service *s) {
        struct http_path path = s->proxy->path;

        while (path.text.n > 1 && path.text.p[path.text.n - 1] == '/')
                path.text.n--;
        if (path.text.n == 1) {
                nginx_line(n, "location");
                nginx_arg(n, path);
                nginx_block(n);
                put_pass(n, s);
                return;
        }

        nginx_line(n, "location =");
        nginx_arg(n, path);
        nginx_block(n);
        put_pass(n, s);
        nginx_line(n, "location ^~");
        nginx_arg_begin(n);
        nginx_part(n, path);
        nginx_part_const(n, "/");
        nginx_arg_end(n);
        nginx_block(n);
        put_pass(n, s);
        nginx_line(n, "location /");
        nginx_block(n);
        nginx_line(n, "return 404");
        nginx_close(n);
}

static void put_redirect(struct rendering *r, struct nginx *n) {
        struct number port = r->world->host.nginx->https_port;

        nginx_line(n, "return 308");
        nginx_arg_begin(n);
        nginx_part_const(n, "https://$host");
        if (port.n != 443) {
                nginx_part_const(n, ":");
                nginx_part(n, ((struct name){ arena_u64(r->arena, port.n), NOWHERE }));
        }
        nginx_part_const(n, "$request_uri");
        nginx_arg_end(n);
}

static void put_site(struct rendering *r, struct nginx *n, const struct service *s, const struct site *site) {
        const struct proxy *p = s->proxy;
        bool is_tls = site->certificate != NULL;
        bool redirects = p->redirect_to_https.at.len > 0 ? p->redirect_to_https.yes : has_tls(p);

        nginx_line(n, "server");
        nginx_block(n);
        put_listen(r, n, is_tls);
        put_names(n, site);
        if (is_tls)
                put_certificate(n, *site->certificate);
        else if (has_auto_tls(p))
                put_challenge(n);
        if (redirects && !is_tls) {
                put_redirect(r, n);
        } else {
                put_settings(r, n, s);
                if (is_tls)
                        put_hsts(r, n, p);
                put_locations(n, s);
        }
        nginx_close(n);
}

struct tree_file *render_nginx(struct rendering *r, const struct service *s) {
        struct nginx *n = nginx_new(r->arena);
        struct str unit = s->container.unit.text;
        const struct proxy *p = s->proxy;
        struct certificate_paths paths = proxy_certificates(r->arena, p);

        nginx_comment(n, "Generated by pyservice; do not edit.");
        put_upstream(r, n, s);
        if (p->domains.n > 0)
                put_site(r, n, s, &(struct site){ p->domains.at, p->domains.n, NULL });
        for (size_t i = 0; i < paths.list.n; i++) {
                struct site all = { p->domains.at, p->domains.n, &paths.list.at[i] },
                            one = { &p->domains.at[i], 1, &paths.list.at[i] };

                put_site(r, n, s, has_auto_tls(p) ? &one : &all);
        }

        return tree_add(r->tree, arena_join(r->arena, STR(LAYOUT_NGINX "/"), unit, STR(".conf")), 0644,
                        nginx_text(n));
}
