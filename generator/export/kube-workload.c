/* SPDX-License-Identifier: Apache-2.0 */

/* Services and sidecars: a Deployment, or a StatefulSet where instances differ; the Service by which
 * others find it; how many of its pods may be away at the same time. */

#include "export/kube.h"

/* Kubernetes' own for a rollout; minReadySeconds must be less. */
enum { DEADLINE = 600 };

static void start(struct kube *k, struct kube_part *p) {
        struct kube_document *d = kube_document(k, KUBE_WORKLOAD, "apps/v1",
                                                p->is_stateful ? "StatefulSet" : "Deployment", p->object);
        struct yaml_text *spec = kube_map(k, d->root, "spec");

        p->document = d;
        d->part = p->name;
        kube_labels(k, kube_map(k, d->root, "metadata"), p->name);
        kube_number(k, spec, "replicas", p->replicas);
        kube_selector(k, kube_map(k, kube_map(k, spec, "selector"), "matchLabels"), p->name);
}

/* A single pod with a volume of its own: a second one, perhaps on another node, could not have it. */
static bool holds_volume(const struct kube_part *p) {
        return p->replicas == 1 && p->container->volumes.n > 0;
}

static void put_rolling(struct kube *k, const struct kube_part *p, struct yaml_text *strategy) {
        const struct rollout *r = k->app->rollout;
        bool has_surge = p->service && has_spare(k->app, p->service) && !holds_volume(p);
        uint64_t away = r->max_unavailable.n;
        struct yaml_text *rolling = kube_map(k, strategy, "rollingUpdate");

        /* Where the spare one stands in for it, the only instance is not away either. */
        if (has_surge && away >= p->replicas)
                away = 0;
        kube_number(k, rolling, "maxSurge", has_surge);
        kube_number(k, rolling, "maxUnavailable", away);
}

static void put_strategy(struct kube *k, const struct kube_part *p) {
        const struct rollout *r = k->app->rollout;
        struct yaml_text *spec = kube_map(k, p->document->root, "spec"), *strategy;
        bool is_sidecar = p->service && p->service->is_sidecar;
        bool is_single = !p->service || is_sidecar || container_is_single(p->container);

        if (p->is_stateful) {
                kube_text(k, kube_map(k, spec, "updateStrategy"), "type", STR("RollingUpdate"));
                kube_text(k, spec, "podManagementPolicy", STR("Parallel"));
                if (r->strategy.index == STRATEGY_RECREATE)
                        kube_miss(k, p->document,
                                  STR("rollout.strategy recreate: a StatefulSet replaces one pod after "
                                      "another"));
                else if (r->max_unavailable.n > 1)
                        kube_miss(
                                k, p->document,
                                STR("rollout.max_unavailable: a StatefulSet replaces one pod after another"));
        } else {
                strategy = kube_map(k, spec, "strategy");
                if (is_single || r->strategy.index == STRATEGY_RECREATE)
                        kube_text(k, strategy, "type", STR("Recreate"));
                else {
                        kube_text(k, strategy, "type", STR("RollingUpdate"));
                        put_rolling(k, p, strategy);
                }
        }
        if (p->service && !is_sidecar && kube_seconds(r->min_ready) > 0)
                kube_number(k, spec, "minReadySeconds", kube_seconds(r->min_ready));
        if ((r->ready_timeout.usec > 0 || kube_seconds(r->min_ready) >= DEADLINE) && !p->is_stateful)
                kube_number(k, spec, "progressDeadlineSeconds",
                            (kube_seconds(r->ready_timeout) ?: DEADLINE) + kube_seconds(r->min_ready));
        if (r->pause.usec > 0)
                kube_miss(k, p->document, STR("rollout.pause: minReadySeconds is the nearest"));
}

static void put_service_port(struct kube *k, struct yaml_text *spec, const struct yaml_text *port) {
        struct yaml_text *item = kube_add_map(k, kube_list(k, spec, "ports"));
        struct str name = yaml_text_find(port, STR("name"))->text;

        kube_text(k, item, "name", name);
        (void) yaml_text_put_plain(k->arena, item, STR("port"),
                                   yaml_text_find(port, STR("containerPort"))->text);
        kube_text(k, item, "targetPort", name);
        kube_text(k, item, "protocol", yaml_text_find(port, STR("protocol"))->text);
}

/* The container of a template. */
static const struct yaml_text *container_of(const struct kube_document *d) {
        const struct yaml_text *template =
                yaml_text_find(yaml_text_find(d->root, STR("spec")), STR("template"));

        return yaml_text_find(yaml_text_find(template, STR("spec")), STR("containers"))->items.at[0];
}

/* By name, or, for a StatefulSet, by the names of its pods. */
static void add_service(struct kube *k, const struct kube_part *p) {
        const struct yaml_text *ports = yaml_text_find(container_of(p->document), STR("ports"));
        const struct proxy *proxy = p->service->proxy;
        struct kube_document *d;
        struct yaml_text *spec;

        if (!ports && !p->is_stateful)
                return;

        d = kube_document(k, KUBE_SERVICE, "v1", "Service", p->object);
        d->part = p->name;
        kube_labels(k, kube_map(k, d->root, "metadata"), p->name);
        spec = kube_map(k, d->root, "spec");
        if (p->is_stateful)
                kube_text(k, spec, "clusterIP", STR("None"));
        kube_selector(k, kube_map(k, spec, "selector"), p->name);
        for (size_t i = 0; ports && i < ports->items.n; i++)
                put_service_port(k, spec, ports->items.at[i]);
        if (proxy && proxy->balance.index == BALANCE_SOURCE)
                kube_text(k, spec, "sessionAffinity", STR("ClientIP"));
        if (proxy && proxy->mode.index == MODE_TCP && p->is_stateful)
                kube_miss(k, d,
                          STR("proxy.mode tcp: an Ingress has only HTTP, and this Service only names the "
                              "pods; add one of type LoadBalancer"));
        else if (proxy && proxy->mode.index == MODE_TCP) {
                kube_text(k, spec, "type", STR("LoadBalancer"));
                kube_say(k, d,
                         STR("proxy.mode tcp: an Ingress has only HTTP, so this Service is reachable from "
                             "outside if the cluster has load balancers."));
        }
}

static void add_budget(struct kube *k, const struct kube_part *p) {
        struct kube_document *d;
        struct yaml_text *spec;

        if (p->replicas < 2)
                return;

        d = kube_document(k, KUBE_BUDGET, "policy/v1", "PodDisruptionBudget", p->object);
        kube_labels(k, kube_map(k, d->root, "metadata"), p->name);
        spec = kube_map(k, d->root, "spec");
        kube_number(k, spec, "maxUnavailable", k->app->rollout->max_unavailable.n);
        kube_selector(k, kube_map(k, kube_map(k, spec, "selector"), "matchLabels"), p->name);
}

static void tell_restart(struct kube *k, const struct kube_part *p, struct choice restart) {
        if (restart.index != RESTART_ALWAYS)
                KUBE_MISS(k, p->document, STR("restart: a pod of a "),
                          p->is_stateful ? STR("StatefulSet") : STR("Deployment"),
                          STR(" is always restarted"));
}

static void tell_hooks(struct kube *k, const struct kube_part *p, const struct hooks *h) {
        if (h->before_start.command.n > 0)
                kube_miss(k, p->document, STR("before_start: write an initContainer"));
        if (h->after_start.command.n > 0)
                kube_miss(k, p->document, STR("after_start: write lifecycle.postStart.exec"));
        if (h->before_stop.command.n > 0)
                kube_miss(k, p->document, STR("before_stop: write lifecycle.preStop.exec"));
}

/* A sidecar is a companion of the app, not of each instance: so it is a pod of its own, not a container of
 * their pods. */
void kube_service(struct kube *k, struct service *s) {
        struct kube_part p = {
                .container = &s->container,
                .name = s->name.text,
                .health = s->health,
                .service = s,
                .replicas = s->scale.n,
                .is_stateful = kube_has_instance(&s->container),
        };
        struct yaml_text *spec;

        p.object = kube_name(k->arena, s->container.unit.text, p.is_stateful ? 52 : 63);
        start(k, &p);
        spec = kube_map(k, p.document->root, "spec");
        if (p.is_stateful)
                kube_text(k, spec, "serviceName", p.object);
        put_strategy(k, &p);
        kube_pod(k, &p, kube_map(k, spec, "template"));
        if (p.claims) {
                p.claims->key = STR("volumeClaimTemplates");
                *vec_push(k->arena, &spec->items) = p.claims;
        }
        kube_order(k, p.document, &s->container, &s->order);
        tell_hooks(k, &p, &s->hooks);
        tell_restart(k, &p, s->restart);
        add_service(k, &p);
        add_budget(k, &p);
        if (s->proxy)
                kube_ingress(k, &p);
}
