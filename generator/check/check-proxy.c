/* SPDX-License-Identifier: Apache-2.0 */

/* Settings that HAProxy needs to reach a service, and keys that depend on each other. */

#include <strings.h>

#include "app/place.h"
#include "check/check-parts.h"

/* The kernel's default of net.ipv4.ip_unprivileged_port_start. */
enum { LOW_PORTS_END = 1024 };

#define HSTS_HEADER "Strict-Transport-Security"
#define HSTS_PRELOAD (UINT64_C(365) * 86400 * 1000000) /* https://hstspreload.org/ */

static void check_ports(struct world *w, const struct app *app, const struct service *s) {
        if (s->proxy && s->port.n == 0)
                (void) diag_add(w->ds, DIAG_PORT_MISSING, place_in_kept(app, s, "proxy"),
                                "'%.*s' has 'proxy:' but no 'port:'; add the port on which it listens",
                                STR_ARG(s->name.text));
        if (!s->proxy && s->health && !str_is_absent(s->health->http.text) && s->port.n == 0)
                (void) diag_add(w->ds, DIAG_PORT_MISSING, s->health->http.at,
                                "'health: {http: …}' needs 'port:'; add the port on which it listens");
        if (s->host_port.n > 0 && s->port.n == 0)
                (void) diag_add(w->ds, DIAG_PORT_MISSING, s->host_port.at,
                                "'host_port:' needs 'port:', the port in the container");
        if (s->host_port.n > 0 && s->host_port.n + s->scale.n > 65536)
                (void) diag_add(w->ds, DIAG_OUT_OF_RANGE, s->host_port.at,
                                "host_port %llu and a scale of %llu go past port 65535; choose a lower one",
                                (unsigned long long) s->host_port.n, (unsigned long long) s->scale.n);
}

/* Networks on which Podman's DNS server answers nothing. */
static bool has_no_dns(const struct app *app, struct network_ref network) {
        struct str stem = network.text;

        if (str_has_suffix(stem, STR(".network")))
                stem.n -= strlen(".network");
        LIST_EACH(own, &app->networks)
                if (str_eq(own->key.text, stem))
                        return own->value.disable_dns.yes;

        return str_is(network.text, "podman") || str_is(network.text, "bridge");
}

/* Networks on which nothing is published: the machine's own, and none. */
static bool publishes_nothing(const struct service *s) {
        return str_is(s->container.network.text, "host") || str_is(s->container.network.text, "none");
}

/* Settings without effect. */
static void check_publishing(struct world *w, const struct service *s) {
        struct network_ref network = s->container.network;

        if (s->host_port.n > 0 && publishes_nothing(s))
                (void) diag_add(w->ds, DIAG_MISPLACED_KEY, s->host_port.at,
                                "'host_port:' has no effect with 'network: %.*s', which publishes no ports; "
                                "remove one of them",
                                STR_ARG(network.text));
        else if (s->host_port.n > 0 && s->proxy && s->proxy->via.index == VIA_DNS)
                (void) diag_add(w->ds, DIAG_MISPLACED_KEY, s->host_port.at,
                                "'host_port:' has no effect with 'via: dns', which publishes no port; remove "
                                "one of them");
        if (!s->proxy && s->health && !str_is_absent(s->health->http.text) && str_is(network.text, "none"))
                (void) diag_add(w->ds, DIAG_MISPLACED_KEY, s->health->http.at,
                                "with 'network: none' no HTTP check can reach it; write 'command:' instead");
        if (s->port.n > 0 && s->scale.n > 1 && str_is(network.text, "host"))
                (void) diag_add(w->ds, DIAG_SHARED_PORT, s->port.at,
                                "with 'network: host' all %llu instances listen on port %llu of the machine, "
                                "which they must share (SO_REUSEPORT); "
                                "set 'scale: 1', or choose another network",
                                (unsigned long long) s->scale.n, (unsigned long long) s->port.n);
}

/* On a network of its own it may (has_low_ports()). A capability in a user namespace has no effect on the
 * machine's network. */
static void check_low_port(struct world *w, const struct service *s) {
        const struct container *c = &s->container;

        if (c->hardening.index == HARDENING_STRICT && str_is(c->network.text, "host") && s->port.n > 0 &&
            s->port.n < LOW_PORTS_END && (has_own_users(c) || c->settings.cap_add.n == 0))
                (void) diag_add(
                        w->ds, DIAG_LOW_PORT, s->port.at,
                        "port %llu of the machine needs a capability, which 'hardening: strict' takes "
                        "away; add 'userns: host' and 'cap_add: [NET_BIND_SERVICE]', or choose another "
                        "network",
                        (unsigned long long) s->port.n);
}

/* HAProxy finds containers by name only on a network of their own with DNS, and their ports only where
 * some are published. */
static void check_network(struct world *w, const struct app *app, const struct service *s) {
        struct network_ref network = s->container.network;
        bool is_none = publishes_nothing(s);

        if (s->proxy->via.index == VIA_DNS && network.at.len == 0) /* its own at most, without HAProxy */
                (void) diag_add(w->ds, DIAG_PROXY_NEEDS_NETWORK, s->proxy->via.at,
                                "'via: dns' needs 'network:'; write a network that HAProxy is on too");
        else if (s->proxy->via.index == VIA_DNS && (is_none || has_no_dns(app, network)))
                (void) diag_add(
                        w->ds, DIAG_PROXY_NEEDS_NETWORK, network.at,
                        "containers have no names on the network '%.*s'; 'via: dns' needs one with DNS",
                        STR_ARG(network.text));
        else if (is_none)
                (void) diag_add(w->ds, DIAG_PROXY_NEEDS_NETWORK, network.at,
                                "'network: %.*s' publishes no ports, so HAProxy cannot reach it; choose "
                                "another network",
                                STR_ARG(network.text));
}

/* Keys that only mean something of requests. */
static void check_mode(struct world *w, const struct app *app, const struct service *s) {
        static const char *const http_keys[] = { "domains", "redirect_from", "path",
                                                 "strip",   "tls",           "redirect_to_https",
                                                 "headers", "sticky",        "protocol",
                                                 "errors" };
        const struct node *part = place_of_kept(app, s);
        const struct node *proxy = part ? node_get(part, "proxy") : NULL;

        if (s->proxy->mode.index == MODE_HTTP && !str_is_absent(s->proxy->listen.text))
                (void) diag_add(w->ds, DIAG_MISPLACED_KEY, s->proxy->listen.at,
                                "'listen:' needs 'mode: tcp'; add that, or write 'domains:' for requests of "
                                "HTTP");
        if (s->proxy->mode.index != MODE_TCP || !proxy)
                return;

        for (size_t i = 0; i < proxy->n; i++)
                for (size_t k = 0; k < ARRAY_SIZE(http_keys); k++)
                        if (str_is(proxy->pairs[i].key->text, http_keys[k]))
                                (void) diag_add(w->ds, DIAG_MISPLACED_KEY, proxy->pairs[i].key->at,
                                                "'%s:' has no effect with 'mode: tcp'; remove one of them",
                                                http_keys[k]);
}

/* HAProxy's check goes to the port that 'health:' names, and that is not published. */
static void check_port_of_check(struct world *w, const struct service *s) {
        const struct check *check = s->proxy->check;
        const struct health *h = s->health;

        if (!h || h->port.n == 0 || h->port.n == s->port.n || s->proxy->via.index != VIA_PORT ||
            !(check || (h->on_failure.index == HEALTH_DRAIN && !str_is_absent(h->http.text))))
                return;

        (void) diag_add(w->ds, DIAG_MISPLACED_KEY, check ? check->path.at : h->on_failure.at,
                        "with 'via: port' HAProxy cannot check port %llu, which 'health:' names, because "
                        "only the service's 'port' is published; write 'via: dns', or remove this or that "
                        "port",
                        (unsigned long long) h->port.n);
}

/* The path unit of its certificate has the domain in its name, with '-' as "\x2d". systemd takes no name of
 * 256 bytes or more. */
static bool is_long(struct str domain) {
        size_t n = strlen("pyservice-certificate@var-lib-pyservice-.acme-certificates-.pem.path") + domain.n;

        for (size_t i = 0; i < domain.n; i++)
                n += domain.p[i] == '-' ? strlen("x2d") : 0;
        return n > 255;
}

void check_acme(struct world *w, struct url directory, struct mail_address email) {
        if (directory.at.len > 0 && !str_has_prefix(directory.text, STR("https://")))
                (void) diag_add(w->ds, DIAG_BAD_VALUE, directory.at,
                                "a certificate authority is reached by https; write 'https://…'");
        if (email.at.len > 0 && str_find(email.text, '@') + 1 >= email.text.n)
                (void) diag_add(w->ds, DIAG_BAD_VALUE, email.at,
                                "a certificate authority cannot send mail to a user of this machine; write "
                                "NAME@DOMAIN");
}

/* A certificate authority verifies a domain by a request to it on port 80. */
static void check_auto_tls(struct world *w, const struct proxy *p, struct span at) {
        if (!has_auto_tls(p))
                return;

        if (p->tls)
                check_acme(w, p->tls->acme->directory, p->tls->acme->email);
        if (w->places.is_user)
                (void) diag_add(w->ds, DIAG_MISPLACED_KEY, at,
                                "a user's applications cannot order certificates for the machine's HAProxy; "
                                "remove 'tls'");
        LIST_EACH(domain, &p->domains) {
                if (str_has_prefix(domain->text, STR("*.")))
                        (void) diag_add(w->ds, DIAG_BAD_VALUE, domain->at,
                                        "'tls: auto' cannot order a certificate for '%.*s': certificate "
                                        "authorities demand DNS records for that; list each host name, or "
                                        "write 'tls: {certificate: FILE}'",
                                        STR_ARG(domain->text));
                else if (str_find(domain->text, '.') == domain->text.n)
                        (void) diag_add(w->ds, DIAG_BAD_VALUE, domain->at,
                                        "'tls: auto' cannot order a certificate for '%.*s', which is not a "
                                        "name of the public DNS; write the full name",
                                        STR_ARG(domain->text));
                else if (is_long(domain->text))
                        (void) diag_add(w->ds, DIAG_BAD_VALUE, domain->at,
                                        "'%.*s' is too long for the name of a unit, which 'tls: auto' needs; "
                                        "write a shorter name, or 'tls: {certificate: FILE}'",
                                        STR_ARG(domain->text));
        }
}

/* The first domain is where they are redirected to. */
static void check_redirects(struct world *w, const struct proxy *p) {
        if (p->redirect_from.n == 0)
                return;

        if (p->redirect_from.n == p->domains.n)
                (void) diag_add(w->ds, DIAG_MISSING_KEY, p->redirect_from.at[0].at,
                                "'redirect_from:' needs 'domains:', whose first name is where requests are "
                                "redirected to; add them");
        else if (str_has_prefix(p->domains.at[0].text, STR("*.")))
                (void) diag_add(w->ds, DIAG_BAD_VALUE, p->domains.at[0].at,
                                "'redirect_from:' cannot redirect to '%.*s'; write another name first",
                                STR_ARG(p->domains.at[0].text));
        LIST_EACH(domain, &p->redirect_from)
                if (str_has_prefix(domain->text, STR("*.")))
                        (void) diag_add(w->ds, DIAG_BAD_VALUE, domain->at,
                                        "'redirect_from:' takes no names with '*'; list each host name");
}

static void check_hsts(struct world *w, const struct proxy *p) {
        const struct hsts *hsts = p->tls ? p->tls->hsts : NULL;

        if (hsts && hsts->max_age.at.len > 0 && hsts->preload.yes &&
            (!hsts->include_subdomains.yes || hsts->max_age.usec < HSTS_PRELOAD))
                (void) diag_add(w->ds, DIAG_BAD_VALUE, hsts->preload.at,
                                "browser vendors accept 'preload: true' only with 'include_subdomains: true' "
                                "and a 'max_age' of at least 365 days; add these, or remove it");
        if (str_is_absent(proxy_hsts(w->arena, p).text))
                return;
        LIST_EACH(header, &p->headers)
                if (header->key.text.n == strlen(HSTS_HEADER) &&
                    strncasecmp(header->key.text.p, HSTS_HEADER, strlen(HSTS_HEADER)) == 0)
                        (void) diag_add(w->ds, DIAG_MISPLACED_KEY, header->key.at,
                                        "'hsts:' sets this header too; remove one of them");
}

static void check_tls(struct world *w, const struct app *app, const struct service *s) {
        const struct node *part = place_of_kept(app, s), *proxy = part ? node_get(part, "proxy") : NULL,
                          *node = proxy ? node_get(proxy, "tls") : NULL;
        struct span at = node ? node->at : s->name.at;
        const struct proxy *p = s->proxy;

        check_auto_tls(w, p, at);
        check_hsts(w, p);
        if (p->tls && !p->tls->acme && str_is_absent(p->tls->certificate.text))
                (void) diag_add(w->ds, DIAG_MISSING_KEY, at,
                                "'tls:' needs 'certificate: FILE', or 'acme:' to order one; add it");
        if (p->tls && p->tls->acme && p->tls->certificate.at.len > 0)
                (void) diag_add(w->ds, DIAG_MISPLACED_KEY, p->tls->certificate.at,
                                "'certificate:' has no effect with 'acme:'; remove one of them");
        if (has_tls(p) && p->domains.n == 0)
                (void) diag_add(w->ds, DIAG_MISSING_KEY, at,
                                "'tls:' needs 'domains:', the names that the certificate is for; add them");
}

static void check_routes(struct world *w, const struct app *app, const struct service *s) {
        const struct proxy *p = s->proxy;

        if (p->mode.index == MODE_TCP)
                return;
        check_tls(w, app, s);
        check_redirects(w, p);
        if (p->strip.yes && str_is(p->path.text, "/"))
                (void) diag_add(w->ds, DIAG_STRIP_NEEDS_PATH, p->strip.at,
                                "'strip: true' needs 'path:', the prefix that it removes; add it");
        if (p->redirect_to_https.yes && p->domains.n == 0)
                (void) diag_add(w->ds, DIAG_MISSING_KEY, p->redirect_to_https.at,
                                "'redirect_to_https:' needs 'domains:'; add them");
        if (str_find(p->path.text, '?') < p->path.text.n)
                (void) diag_add(w->ds, DIAG_BAD_VALUE, p->path.at,
                                "'%.*s' has a query, which is not part of a path; end it before the '?'",
                                STR_ARG(p->path.text));
}

void check_proxies(struct world *w, struct app *app) {
        APP_EACH_KEPT(s, app) {
                check_ports(w, app, s);
                check_publishing(w, s);
                check_low_port(w, s);
                if (!s->proxy)
                        continue;

                check_network(w, app, s);
                check_mode(w, app, s);
                check_routes(w, app, s);
                check_port_of_check(w, s);
                check_nginx(w, app, s);
        }
}
