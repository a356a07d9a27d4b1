/* SPDX-License-Identifier: Apache-2.0 */

/* Who reaches the app: the Ingress of its domains, and the NetworkPolicy of `trusted`. */

#include "export/kube.h"

/* Settings that the API has no field for; many controllers have an annotation. */
static void tell_front(struct kube *k, struct kube_document *d, const struct proxy *x) {
        if (!str_is_absent(proxy_hsts(k->arena, x).text))
                kube_miss(
                        k, d,
                        STR("proxy.tls.hsts: with ingress-nginx: hsts-max-age and others in its ConfigMap"));
        if (x->redirect_to_https.yes)
                kube_miss(k, d, STR("proxy.redirect_to_https: ingress-nginx redirects if there is TLS"));
        LIST_EACH(domain, &x->redirect_from)
                KUBE_MISS(k, d, STR("proxy.redirect_from: the redirect of "), domain->text,
                          STR("; with ingress-nginx: nginx.ingress.kubernetes.io/from-to-www-redirect"));
        if (x->allow.n > 0 || x->deny.n > 0)
                kube_miss(
                        k, d,
                        STR("proxy.allow and proxy.deny: with ingress-nginx: "
                            "nginx.ingress.kubernetes.io/whitelist-source-range and denylist-source-range"));
        if (!str_is_absent(x->listen.text))
                KUBE_MISS(k, d, STR("proxy.listen: connections to "), x->listen.text,
                          STR(" of the machine; with a load balancer: type: LoadBalancer in the Service"));
}

static void tell_proxy(struct kube *k, struct kube_document *d, const struct proxy *x) {
        bool is_http = x->mode.index == MODE_HTTP;
        struct str who = is_http ? STR("the controller") : STR("the cluster");

        tell_front(k, d, x);
        if (x->strip.yes && !str_is(x->path.text, "/"))
                KUBE_MISS(k, d, STR("proxy.strip: the path "), x->path.text,
                          STR(" is not removed; with ingress-nginx: "
                              "nginx.ingress.kubernetes.io/rewrite-target"));
        if (x->sticky.yes)
                kube_miss(k, d,
                          STR("proxy.sticky: with ingress-nginx: nginx.ingress.kubernetes.io/affinity: "
                              "cookie"));
        if (x->protocol.index == PROTOCOL_H2)
                kube_miss(k, d,
                          STR("proxy.protocol: with ingress-nginx: "
                              "nginx.ingress.kubernetes.io/backend-protocol: GRPC"));
        LIST_EACH(header, &x->headers)
                KUBE_MISS(k, d, STR("proxy.headers: the header "), header->key.text, STR(" of responses"));
        LIST_EACH(server, &x->servers)
                KUBE_MISS(k, d, STR("proxy.servers: the additional server "), server->text);
        if (x->maxconn.n > 0)
                kube_miss(k, d, STR("proxy.maxconn: nothing queues requests"));
        if (x->balance.at.len > 0 && x->balance.index != BALANCE_SOURCE)
                KUBE_MISS(k, d, STR("proxy.balance: "), who, STR(" chooses a pod"));
        if (x->retries.at.len > 0)
                KUBE_MISS(k, d, STR("proxy.retries: "), who, STR(" has its own number"));
        if (x->check)
                kube_miss(k, d, STR("proxy.check: 'health' decides about readiness"));
        if (x->timeouts && (x->timeouts->connect.at.len > 0 || x->timeouts->server.at.len > 0 ||
                            x->timeouts->queue.at.len > 0 || x->timeouts->tunnel.at.len > 0))
                KUBE_MISS(k, d, STR("proxy.timeouts but 'drain'"),
                          is_http ? STR(": with ingress-nginx: "
                                        "nginx.ingress.kubernetes.io/proxy-read-timeout and others")
                                  : STR(": a Service has none"));
}

static void put_rule(struct kube *k, struct yaml_text *spec, const struct service *s, struct str domain,
                     struct str object) {
        struct yaml_text *rule = kube_add_map(k, kube_list(k, spec, "rules")), *path, *backend;

        kube_text(k, rule, "host", domain);
        path = kube_add_map(k, kube_list(k, kube_map(k, rule, "http"), "paths"));
        kube_text(k, path, "path", s->proxy->path.text);
        kube_text(k, path, "pathType", STR("Prefix"));
        backend = kube_map(k, kube_map(k, path, "backend"), "service");
        kube_text(k, backend, "name", object);
        kube_number(k, kube_map(k, backend, "port"), "number", s->port.n);
}

static void put_tls(struct kube *k, struct kube_document *d, struct yaml_text *spec,
                    const struct service *s) {
        struct str secret =
                kube_name(k->arena, arena_join(k->arena, s->container.unit.text, STR("-tls")), 63);
        struct yaml_text *tls = kube_add_map(k, kube_list(k, spec, "tls"));

        LIST_EACH(domain, &s->proxy->domains)
                (void) yaml_text_add_text(k->arena, kube_list(k, tls, "hosts"), domain->text);
        kube_text(k, tls, "secretName", secret);
        if (has_auto_tls(s->proxy))
                KUBE_SAY(k, d, STR("Before: have cert-manager keep the certificate in the secret "), secret);
        else
                KUBE_SAY(k, d, STR("Before: kubectl create secret tls "), secret,
                         STR(" --cert=CERTIFICATE --key=KEY, both from "), s->proxy->tls->certificate.text);
}

void kube_ingress(struct kube *k, const struct kube_part *p) {
        const struct service *s = p->service;
        struct kube_document *d;
        struct yaml_text *spec;

        if (s->proxy->mode.index == MODE_HTTP && s->proxy->domains.n == 0)
                KUBE_MISS(k, NULL, s->name.text,
                          STR(": a proxy without domains: no Ingress; write one for the Service "),
                          p->object);
        if (s->proxy->domains.n == 0) {
                tell_proxy(k, p->document, s->proxy);
                return;
        }

        d = kube_document(k, KUBE_INGRESS, "networking.k8s.io/v1", "Ingress", p->object);
        d->part = s->name.text;
        kube_labels(k, kube_map(k, d->root, "metadata"), s->name.text);
        spec = kube_map(k, d->root, "spec");
        kube_say(k, d, STR("Without ingressClassName the cluster's default controller takes it."));
        if (has_tls(s->proxy))
                put_tls(k, d, spec, s);
        LIST_EACH(domain, &s->proxy->domains)
                put_rule(k, spec, s, domain->text, p->object);
        tell_proxy(k, d, s->proxy);
}

/* All addresses, and the app's own pods. */
static void put_peers(struct kube *k, struct yaml_text *peers) {
        LIST_EACH(address, &k->app->trusted) {
                struct str text = address->text;
                bool has_bits = str_find(text, '/') < text.n, is_v6 = str_find(text, ':') < text.n;

                if (!has_bits)
                        text = arena_join(k->arena, text, is_v6 ? STR("/128") : STR("/32"));
                kube_text(k, kube_map(k, kube_add_map(k, peers), "ipBlock"), "cidr", text);
        }
        kube_selector(k, kube_map(k, kube_map(k, kube_add_map(k, peers), "podSelector"), "matchLabels"),
                      (struct str){ 0 });
}

static void put_dns(struct kube *k, struct yaml_text *egress) {
        static const char *const protocols[] = { "UDP", "TCP" };
        struct yaml_text *rule = kube_add_map(k, egress), *ports = kube_list(k, rule, "ports");
        struct yaml_text *space = kube_map(k, kube_add_map(k, kube_list(k, rule, "to")), "namespaceSelector");

        kube_text(k, kube_map(k, space, "matchLabels"), "kubernetes.io/metadata.name", STR("kube-system"));
        for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
                struct yaml_text *port = kube_add_map(k, ports);

                kube_number(k, port, "port", 53);
                kube_text(k, port, "protocol", str_of(protocols[i]));
        }
}

/* Tasks and timers accept no connections, and may connect to any address. */
static void put_parts(struct kube *k, struct yaml_text *selector) {
        struct yaml_text *expression = kube_add_map(k, kube_list(k, selector, "matchExpressions")), *values;

        kube_selector(k, kube_map(k, selector, "matchLabels"), (struct str){ 0 });
        kube_text(k, expression, "key", STR("app.kubernetes.io/component"));
        kube_text(k, expression, "operator", STR("In"));
        values = kube_list(k, expression, "values");
        APP_EACH_KEPT(s, k->app)
                (void) yaml_text_add_text(k->arena, values, s->name.text);
}

void kube_policy(struct kube *k) {
        struct kube_document *d;
        struct yaml_text *spec, *egress;

        if (k->app->trusted.n == 0)
                return;

        d = kube_document(k, KUBE_POLICY, "networking.k8s.io/v1", "NetworkPolicy",
                          kube_object(k, STR("trusted")));
        kube_labels(k, kube_map(k, d->root, "metadata"), (struct str){ 0 });
        spec = kube_map(k, d->root, "spec");
        put_parts(k, kube_map(k, spec, "podSelector"));
        (void) yaml_text_add_text(k->arena, kube_list(k, spec, "policyTypes"), STR("Ingress"));
        (void) yaml_text_add_text(k->arena, kube_list(k, spec, "policyTypes"), STR("Egress"));
        put_peers(k, kube_list(k, kube_add_map(k, kube_list(k, spec, "ingress")), "from"));
        egress = kube_list(k, spec, "egress");
        put_peers(k, kube_list(k, kube_add_map(k, egress), "to"));
        put_dns(k, egress);
        kube_say(k, d,
                 STR("trusted: both directions, as with systemd; the cluster's name servers are "
                     "allowed. It has an effect if the cluster's network plugin supports "
                     "NetworkPolicy."));
        APP_EACH_KEPT(s, k->app)
                if (s->proxy && s->proxy->domains.n > 0)
                        KUBE_MISS(k, d, s->name.text,
                                  STR(": this also blocks its Ingress controller. Let "
                                      "the controller refuse all addresses except the "
                                      "trusted ones (with ingress-nginx: "
                                      "whitelist-source-range), then add its namespace "
                                      "to 'from'"));
}
