/* SPDX-License-Identifier: Apache-2.0 */

/* A pod of one container, and its probes. */

#include "app/health.h"
#include "export/kube.h"
#include "render/parts.h"

static void put_words(struct kube *k, struct yaml_text *of, const char *key, const struct word *words,
                      size_t n) {
        for (size_t i = 0; i < n; i++)
                (void) yaml_text_add_text(k->arena, kube_list(k, of, key), kube_expanded(k, words[i].text));
}

/* Podman's entry point is `command` in Kubernetes. A cleared entry point leaves the command alone. */
static void put_command(struct kube *k, const struct kube_part *p, struct yaml_text *container) {
        const struct container *c = p->container;
        bool is_cleared = c->entrypoint.at && c->entrypoint.n == 0;

        put_words(k, container, "command", c->entrypoint.at, c->entrypoint.n);
        put_words(k, container, is_cleared ? "command" : "args", c->command.at, c->command.n);
        if (is_cleared && c->command.n == 0)
                kube_miss(k, p->document,
                          STR("an entry point that is cleared, without a command; write the image's own "
                              "command"));
}

static void put_image(struct kube *k, const struct kube_part *p, struct yaml_text *pod,
                      struct yaml_text *container) {
        static const char *const policies[] = { "IfNotPresent", "Always", "Always", "Never" };
        const struct container *c = p->container;
        struct str image = c->image.text;
        bool is_local = is_built(k->app, c) || str_has_prefix(image, STR("localhost/"));

        kube_text(k, container, "image", image);
        kube_text(k, container, "imagePullPolicy",
                  str_of(policies[is_built(k->app, c) ? PULL_MISSING : container_pull(c)]));
        if (is_local)
                KUBE_MISS(k, p->document, STR("the image is on this machine only: podman push "), image,
                          STR(" docker://REGISTRY/NAME:TAG, and write that here"));
        if (c->tls_verify.at.len > 0 && !c->tls_verify.yes)
                kube_miss(k, p->document,
                          STR("tls_verify: the nodes' container runtime decides which "
                              "registries it trusts"));
        if (str_is_absent(c->auth_file.text) || is_local)
                return;

        kube_text(k, kube_add_map(k, kube_list(k, pod, "imagePullSecrets")), "name",
                  kube_object(k, STR("registry")));
        KUBE_SAY(k, p->document, STR("Before: kubectl create secret generic "),
                 kube_object(k, STR("registry")),
                 STR(" --type=kubernetes.io/dockerconfigjson --from-file=.dockerconfigjson="),
                 c->auth_file.text);
}

static bool is_number(struct str text) {
        return text.n > 0 && text.n < 10 && str_is_made_of(text, "0123456789");
}

static void put_user(struct kube *k, const struct kube_part *p, struct yaml_text *pod,
                     struct yaml_text *container) {
        const struct container *c = p->container;
        struct str rest = c->user.text, user = { 0 }, group = { 0 };

        if (c->runs_as_owner && !is_number(k->app->home->user.text)) {
                KUBE_MISS(k, p->document, STR("it runs as the machine's user '"), k->app->home->user.text,
                          STR("'; write a number in securityContext.runAsUser"));
                return;
        }
        if (!str_split(&rest, ':', &user) || user.n == 0)
                return;
        (void) str_split(&rest, ':', &group);
        if (!is_number(user) || (group.n > 0 && !is_number(group)))
                KUBE_MISS(k, p->document, STR("it runs as '"), c->user.text,
                          STR("'; Kubernetes takes numbers only (securityContext.runAsUser, runAsGroup)"));
        if (is_number(user))
                (void) yaml_text_put_plain(k->arena, kube_map(k, container, "securityContext"),
                                           STR("runAsUser"), user);
        if (is_number(group)) {
                (void) yaml_text_put_plain(k->arena, kube_map(k, container, "securityContext"),
                                           STR("runAsGroup"), group);
                (void) yaml_text_put_plain(k->arena, kube_map(k, pod, "securityContext"), STR("fsGroup"),
                                           group);
        }
}

/* One of the kernel parameters that every node allows. */
static void put_low_ports(struct kube *k, struct yaml_text *pod) {
        struct yaml_text *sysctl =
                kube_add_map(k, kube_list(k, kube_map(k, pod, "securityContext"), "sysctls"));

        kube_text(k, sysctl, "name", STR(LOW_PORTS_SYSCTL));
        kube_text(k, sysctl, "value", STR("0"));
}

/* hostUsers has been there since Kubernetes 1.25, and nodes that cannot do it refuse the pod. */
static void put_hardening(struct kube *k, const struct kube_part *p, struct yaml_text *pod,
                          struct yaml_text *container) {
        static const char *const in_memory[][2] = { { "run", "/run" },
                                                    { "tmp", "/tmp" },
                                                    { "var-tmp", "/var/tmp" } };
        struct yaml_text *context;

        if (p->container->hardening.index != HARDENING_STRICT)
                return;

        context = kube_map(k, container, "securityContext");
        kube_flag(k, context, "allowPrivilegeEscalation", false);
        kube_flag(k, context, "readOnlyRootFilesystem", true);
        (void) yaml_text_add_text(k->arena, kube_list(k, kube_map(k, context, "capabilities"), "drop"),
                                  STR("ALL"));
        if (has_own_users(p->container))
                kube_flag(k, pod, "hostUsers", false);
        if (has_low_ports(p->container))
                put_low_ports(k, pod);
        for (size_t i = 0; i < ARRAY_SIZE(in_memory); i++) {
                struct str name = arena_join(k->arena, STR("memory-"), str_of(in_memory[i][0]));
                struct yaml_text *volume = kube_add_map(k, kube_list(k, pod, "volumes"));
                struct yaml_text *mount = kube_add_map(k, kube_list(k, container, "volumeMounts"));

                kube_text(k, volume, "name", name);
                kube_text(k, kube_map(k, volume, "emptyDir"), "medium", STR("Memory"));
                kube_text(k, mount, "name", name);
                kube_text(k, mount, "mountPath", str_of(in_memory[i][1]));
        }
}

/* Kubernetes' own units: 512Mi, 1500m. */
static struct str bytes_text(struct kube *k, uint64_t bytes) {
        static const char *const units[] = { "", "Ki", "Mi", "Gi" };
        size_t unit = 0;

        while (unit + 1 < ARRAY_SIZE(units) && bytes % 1024 == 0 && bytes > 0) {
                bytes /= 1024;
                unit++;
        }
        return arena_join(k->arena, arena_u64(k->arena, bytes), str_of(units[unit]));
}

static void put_resources(struct kube *k, const struct kube_part *p, struct yaml_text *container) {
        const struct resources *r = p->container->resources;

        if (!r)
                return;
        if (r->memory.bytes > 0 && r->memory.bytes != UINT64_MAX)
                kube_text(k, kube_map(k, kube_map(k, container, "resources"), "limits"), "memory",
                          bytes_text(k, r->memory.bytes));
        if (r->cpus.milli > 0)
                kube_text(k, kube_map(k, kube_map(k, container, "resources"), "limits"), "cpu",
                          arena_join(k->arena, arena_u64(k->arena, r->cpus.milli), STR("m")));
        if (yaml_text_find(container, STR("resources")))
                kube_say(k, p->document, STR("Limits are also requests, unless requests are set."));
        if (r->pids.n > 0)
                kube_miss(k, p->document,
                          STR("resources.pids: the kubelet's podPidsLimit sets it for all pods of a node"));
        if (r->nofile.n > 0)
                kube_miss(k, p->document, STR("resources.nofile: the container runtime sets it"));
}

/* The request of the probe on this machine. */
static void put_request(struct kube *k, const struct kube_part *p, struct yaml_text *probe) {
        const struct health_request q = health_request(k->arena, p->service);
        struct yaml_text *get = kube_map(k, probe, "httpGet"), *headers;

        kube_text(k, get, "path", p->health->http.text);
        kube_number(k, get, "port", q.port.n);
        if (q.is_tls)
                kube_text(k, get, "scheme", STR("HTTPS"));
        headers = kube_list(k, get, "httpHeaders");
        LIST_EACH(header, &q.headers) {
                struct yaml_text *item = kube_add_map(k, headers);

                kube_text(k, item, "name", header->key.text);
                kube_text(k, item, "value", header->value.text);
        }
}

static void put_health_command(struct kube *k, const struct kube_part *p, struct yaml_text *probe) {
        const struct health *h = p->health;
        struct yaml_text *words = kube_list(k, kube_map(k, probe, "exec"), "command");
        struct str line = instance_mark_replace(k->arena, h->command.text, STR("${" KUBE_INSTANCE "}"));

        LIST_EACH(word, &h->words)
                (void) yaml_text_add_text(k->arena, words, kube_shown(k, word->text));
        if (h->words.n > 0)
                return;

        (void) yaml_text_add_text(k->arena, words, STR("/bin/sh"));
        (void) yaml_text_add_text(k->arena, words, STR("-c"));
        (void) yaml_text_add_text(k->arena, words, line);
}

static void put_probe(struct kube *k, const struct kube_part *p, struct yaml_text *container,
                      const char *key) {
        struct yaml_text *probe = kube_map(k, container, key);
        uint64_t period = kube_seconds(p->health->interval), failures = p->health->retries.n;

        if (str_is_absent(p->health->http.text))
                put_health_command(k, p, probe);
        else
                put_request(k, p, probe);
        if (strcmp(key, "startupProbe") == 0)
                failures += kube_seconds(p->health->start_period) / period;
        kube_number(k, probe, "periodSeconds", period);
        kube_number(k, probe, "timeoutSeconds", kube_seconds(p->health->timeout));
        kube_number(k, probe, "failureThreshold", failures);
}

/* A start is complete when the instance is healthy; then `on_failure` decides: no requests while it is
 * unhealthy, and a restart. */
static void put_health(struct kube *k, const struct kube_part *p, struct yaml_text *container) {
        const struct health *h = p->health;

        if (!h || (!has_health_command(h) && (!p->service || p->service->port.n == 0)))
                return;

        put_probe(k, p, container, "startupProbe");
        if (h->on_failure.index != HEALTH_NONE)
                put_probe(k, p, container, "readinessProbe");
        if (h->on_failure.index == HEALTH_RESTART)
                put_probe(k, p, container, "livenessProbe");
        LIST_EACH(word, &h->words)
                if (has_instance_mark(word->text))
                        kube_miss(k, p->document,
                                  STR("{{ instance }} in health.command: a probe expands no variables"));
        if (!str_is_absent(h->http.text) && !str_is(h->status.text, "200-399"))
                KUBE_MISS(k, p->document, STR("health.status "), h->status.text,
                          STR(": Kubernetes takes 200-399"));
}

static struct str protocol_of(struct str publish, struct str *ret_port) {
        size_t slash = str_find(publish, '/');
        size_t start = slash;

        while (start > 0 && publish.p[start - 1] != ':')
                start--;
        *ret_port = (struct str){ publish.p + start, slash - start };
        return slash < publish.n && str_is(str_from(publish, slash + 1), "udp") ? STR("UDP") : STR("TCP");
}

static void put_port(struct kube *k, struct yaml_text *container, struct str name, struct str port,
                     struct str protocol) {
        struct yaml_text *item = kube_add_map(k, kube_list(k, container, "ports"));

        kube_text(k, item, "name", name);
        (void) yaml_text_put_plain(k->arena, item, STR("containerPort"), port);
        kube_text(k, item, "protocol", protocol);
}

static void put_ports(struct kube *k, const struct kube_part *p, struct yaml_text *container) {
        const struct service *s = p->service;

        if (!s)
                return;
        if (s->port.n > 0)
                put_port(k, container, STR("main"), arena_u64(k->arena, s->port.n), STR("TCP"));
        LIST_EACH(publish, &s->publish) {
                struct str port, protocol = protocol_of(publish->text, &port);
                struct str name =
                        arena_join(k->arena, str_is(protocol, "UDP") ? STR("udp-") : STR("tcp-"), port);

                if (str_find(port, '-') < port.n)
                        KUBE_MISS(k, p->document, STR("publish "), publish->text,
                                  STR(": a container lists each of its ports"));
                else if (s->port.n == 0 || !str_eq(port, arena_u64(k->arena, s->port.n)) ||
                         str_is(protocol, "UDP"))
                        put_port(k, container, name, port, protocol);
                KUBE_MISS(k, p->document, STR("publish "), publish->text,
                          STR(": a Service of type NodePort or LoadBalancer has a port outside the cluster"));
        }
        if (s->host_port.n > 0)
                kube_miss(k, p->document, STR("host_port: a cluster has no ports of one machine"));
}

/* Requests still come for a moment after a pod gets the signal to end; those that are open may continue as
 * long as HAProxy let them. */
static void put_end(struct kube *k, const struct kube_part *p, struct yaml_text *pod,
                    struct yaml_text *container) {
        uint64_t drain = p->service && p->service->proxy ? kube_seconds(service_drain(p->service)) : 0;

        kube_number(k, pod, "terminationGracePeriodSeconds",
                    kube_seconds(p->container->stop_timeout) + drain);
        if (drain > 0) {
                kube_number(k,
                            kube_map(k, kube_map(k, kube_map(k, container, "lifecycle"), "preStop"), "sleep"),
                            "seconds", drain);
                kube_say(k, p->document,
                         STR("preStop.sleep is timeouts.drain, and needs Kubernetes 1.30. A "
                             "pod without requests waits as long too; shorten it if "
                             "necessary."));
        }
        if (!str_is_absent(p->container->stop_signal.text))
                KUBE_MISS(k, p->document, STR("stop_signal "), p->container->stop_signal.text,
                          STR(": the image sets it (STOPSIGNAL)"));
}

static bool is_annotation(struct str key) {
        size_t slash = str_find(key, '/');
        struct str name = slash < key.n ? str_from(key, slash + 1) : key;

        return name.n > 0 && name.n <= 63 && name.p[0] != '.' && name.p[0] != '-' && name.p[0] != '_' &&
               name.p[name.n - 1] != '.' && name.p[name.n - 1] != '-' && name.p[name.n - 1] != '_' &&
               (slash == key.n || is_annotation((struct str){ key.p, slash })) &&
               str_is_made_of(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
}

static void put_metadata(struct kube *k, const struct kube_part *p, struct yaml_text *metadata) {
        kube_labels(k, metadata, p->name);
        if (k->config || k->files)
                kube_text(k, kube_map(k, metadata, "annotations"), "io.pyservice/config", k->config_hash);
        LIST_EACH(label, &p->container->labels)
                if (is_annotation(label->key.text) && !mark_name_in(label->value.text))
                        (void) yaml_text_put_text(k->arena, kube_map(k, metadata, "annotations"),
                                                  label->key.text, label->value.text);
                else
                        KUBE_MISS(k, p->document, STR("the label "), label->key.text);
}

static void tell_host(struct kube *k, const struct kube_part *p) {
        const struct container *c = p->container;

        LIST_EACH(host, &c->hosts)
                KUBE_MISS(k, p->document, STR("hosts: "), host->text,
                          STR("; a nodeSelector (kubernetes.io/hostname) selects where pods run"));
        if (shares_network(c))
                KUBE_MISS(k, p->document, STR("network_of "), c->network_of.text,
                          STR(": it is a pod of its own; to share the network, make it a container of that "
                              "pod"));
        if (str_is(c->network.text, "host") || str_is(c->network.text, "none"))
                KUBE_MISS(k, p->document, STR("network "), c->network.text,
                          STR(": it gets the cluster's network"));
}

/* The labels that kubelet gives each node; a variant has none. */
static void put_platform(struct kube *k, const struct kube_part *p, struct yaml_text *pod) {
        struct platform platform = p->container->settings.platform;
        struct platform_parts parts = platform_split(platform);
        struct yaml_text *selector;

        if (str_is_absent(platform.text))
                return;

        selector = kube_map(k, pod, "nodeSelector");
        kube_text(k, selector, "kubernetes.io/os", parts.os.text);
        kube_text(k, selector, "kubernetes.io/arch", parts.arch.text);
        if (!str_is_absent(parts.variant.text))
                KUBE_MISS(k, p->document, STR("the variant of the platform "), platform.text,
                          STR(": nodes have no label for it"));
}

static void tell_settings(struct kube *k, const struct kube_part *p) {
        for (size_t i = 0; i < settings_schema.n; i++) {
                const struct field *f = &settings_schema.fields[i];

                if (strcmp(f->key, "platform") != 0 && !field_is_absent(f, &p->container->settings))
                        KUBE_MISS(k, p->document, str_of(f->key),
                                  STR(": see securityContext, hostAliases, dnsConfig and volumes of a pod"));
        }
}

void kube_pod(struct kube *k, struct kube_part *p, struct yaml_text *of) {
        struct yaml_text *pod, *container;

        put_metadata(k, p, kube_map(k, of, "metadata"));
        pod = kube_map(k, of, "spec");
        if (p->runs_to_end)
                kube_text(k, pod, "restartPolicy", STR("Never"));
        /* Else its token lies below /run/secrets, and each Service of the namespace is a variable. */
        kube_flag(k, pod, "automountServiceAccountToken", false);
        kube_flag(k, pod, "enableServiceLinks", false);
        container = kube_add_map(k, kube_list(k, pod, "containers"));
        kube_text(k, container, "name", p->name);
        put_image(k, p, pod, container);
        put_command(k, p, container);
        if (has_instance_mark(p->container->workdir.text))
                kube_miss(k, p->document, STR("a workdir with {{ instance }}"));
        else if (!str_is_absent(p->container->workdir.text))
                kube_text(k, container, "workingDir", p->container->workdir.text);
        put_ports(k, p, container);
        kube_environment(k, p, container);
        put_resources(k, p, container);
        put_user(k, p, pod, container);
        put_hardening(k, p, pod, container);
        put_health(k, p, container);
        put_end(k, p, pod, container);
        kube_secret_mounts(k, p, pod, container);
        kube_file_mounts(k, p, pod, container);
        kube_volumes(k, p, pod, container);
        put_platform(k, p, pod);
        tell_host(k, p);
        tell_settings(k, p);
}
