/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl import compose: a Compose file becomes one application. What others need in order to start,
 * has no ports and is not built here is a sidecar; what others wait for until it has ended is a task; all
 * else is a service. */

#include "import/compose.h"

struct key {
        const char *name;
        compose_put put; /* NULL: see the rest */
        const char *to;  /* the definition's key, for a text or a command */
        bool is_words;
        const char *raw; /* Quadlet's, for each text of it */
};

static const struct key keys[] = {
        { "annotations", .raw = "Annotation" },
        { "build", compose_put_build },
        { "cap_add", .raw = "AddCapability" },
        { "cap_drop", .raw = "DropCapability" },
        { "command", .to = "command", .is_words = true },
        { "configs", compose_put_configs },
        { "depends_on", compose_put_depends_on },
        { "deploy", compose_put_deploy },
        { "devices", .raw = "AddDevice" },
        { "dns", .raw = "DNS" },
        { "dns_opt", .raw = "DNSOption" },
        { "dns_search", .raw = "DNSSearch" },
        { "entrypoint", .to = "entrypoint", .is_words = true },
        { "env_file", compose_put_env_file },
        { "environment", compose_put_environment },
        { "expose", compose_put_expose },
        { "extra_hosts", .raw = "AddHost" },
        { "group_add", .raw = "GroupAdd" },
        { "healthcheck", compose_put_healthcheck },
        { "init", .to = "init" },
        { "network_mode", compose_put_network_mode },
        { "networks", compose_put_networks },
        { "ports", compose_put_ports },
        { "read_only", .raw = "ReadOnly" },
        { "restart", compose_put_restart },
        { "scale", .to = "scale" },
        { "secrets", compose_put_secrets },
        { "shm_size", .raw = "ShmSize" },
        { "stop_grace_period", .to = "stop_timeout" },
        { "stop_signal", .to = "stop_signal" },
        { "sysctls", .raw = "Sysctl" },
        { "tmpfs", .raw = "Tmpfs" },
        { "ulimits", compose_put_ulimits },
        { "user", .to = "user" },
        { "userns_mode", .raw = "UserNS" },
        { "volumes", compose_put_volumes },
        { "working_dir", .to = "workdir" },
};

void compose_drop(struct compose *c, struct draft_part *p, const char *key, const struct node *n) {
        struct str text = node_text(n);

        if (str_is_absent(text))
                draft_note(&c->draft, p ? p->map : NULL, n->at, "'%s' could not be carried over", key);
        else
                draft_note(&c->draft, p ? p->map : NULL, n->at, "'%s: %.*s' could not be carried over", key,
                           STR_ARG(text));
}

/* One of `services:`; NULL for none. */
static const struct node *compose_service(const struct compose *c, struct str name) {
        const struct node *services = node_get(c->root, "services");

        return services ? node_get(services, arena_str(c->draft.arena, name).p) : NULL;
}

/* Does somebody depend on it, under this condition (NULL: any)? */
static bool is_needed(const struct compose *c, struct str name, const char *condition) {
        const struct node *services = node_get(c->root, "services");

        for (size_t i = 0; i < services->n; i++) {
                const struct node *on = node_get(services->pairs[i].value, "depends_on");
                const struct node *one = on ? node_get(on, arena_str(c->draft.arena, name).p) : NULL;

                for (size_t k = 0; on && on->kind == NODE_LIST && !condition && k < on->n; k++)
                        if (str_eq(on->items[k]->text, name))
                                return true;
                if (one && (!condition || str_is(node_text(node_get(one, "condition")), condition)))
                        return true;
        }

        return false;
}

struct str compose_name(const struct compose *c, struct str service) {
        const struct node *services = node_get(c->root, "services");

        for (size_t i = 0; i < services->n; i++)
                if (str_eq(services->pairs[i].key->text, service))
                        return c->names[i];

        return import_name(c->draft.arena, service);
}

enum part_kind compose_kind(const struct compose *c, struct str name) {
        static const char *const signs[] = { "ports", "build", "scale" };
        const struct node *service = compose_service(c, name), *deploy = node_get(service, "deploy");

        if (is_needed(c, name, "service_completed_successfully"))
                return PART_TASK;
        for (size_t i = 0; i < ARRAY_SIZE(signs); i++)
                if (node_get(service, signs[i]))
                        return PART_SERVICE;
        if (deploy && node_get(deploy, "replicas"))
                return PART_SERVICE;

        return is_needed(c, name, NULL) ? PART_SIDECAR : PART_SERVICE;
}

static bool is_number(struct str s) {
        return s.n > 0 && s.n < 10 && str_is_made_of(s, "0123456789");
}

/* A text is split as a shell does, a list is one of words. */
static void put_words(struct compose *c, struct draft_part *p, const char *key, const struct node *n) {
        struct draft *d = &c->draft;
        struct str text = compose_text(c, n);
        struct yaml_text *list;

        if (!str_is_absent(text)) {
                (void) yaml_text_put_text(d->arena, p->map, str_of(key),
                                          compose_hosts(c, p, str_trim(text), false, n));
                return;
        }
        if (n->kind != NODE_LIST)
                return;
        if (n->n == 0 && strcmp(key, "entrypoint") == 0) {
                (void) yaml_text_put_text(d->arena, p->map, str_of(key), STR(""));
                return;
        }

        list = yaml_text_put(d->arena, p->map, str_of(key), YAML_TEXT_LIST);
        for (size_t i = 0; i < n->n; i++) {
                text = compose_text(c, n->items[i]);
                if (!str_is_absent(text))
                        (void) yaml_text_add_text(d->arena, list,
                                                  compose_hosts(c, p, text, false, n->items[i]));
        }
}

static void put_raw_text(struct compose *c, struct draft_part *p, const char *raw, const struct node *n) {
        struct str text = compose_text(c, n);

        if (strcmp(raw, "ShmSize") == 0)
                text = compose_size(c, text);
        if (!str_is_absent(text))
                draft_raw(&c->draft, p, (struct raw_key){ "Container", str_of(raw), text, n->at });
}

static void put_raw(struct compose *c, struct draft_part *p, const char *raw, const struct node *n) {
        for (size_t i = 0; n->kind == NODE_LIST && i < n->n; i++)
                put_raw_text(c, p, raw, n->items[i]);
        for (size_t i = 0; n->kind == NODE_MAP && i < n->n; i++) {
                const char *sign = strcmp(raw, "AddHost") == 0 ? ":" : "=";
                struct str value = compose_text(c, n->pairs[i].value);

                if (!str_is_absent(value))
                        draft_raw(&c->draft, p,
                                  (struct raw_key){ "Container", str_of(raw),
                                                    arena_join(c->draft.arena, n->pairs[i].key->text,
                                                               str_of(sign), value),
                                                    n->at });
        }
        if (n->kind == NODE_SCALAR)
                put_raw_text(c, p, raw, n);
}

static void put_by_row(struct compose *c, struct draft_part *p, const struct key *row, const struct node *n) {
        struct str text;

        if (row->put) {
                row->put(c, p, n);
                return;
        }
        if (row->raw) {
                put_raw(c, p, row->raw, n);
                return;
        }
        if (row->is_words) {
                put_words(c, p, row->to, n);
                return;
        }

        text = compose_text(c, n);
        if ((is_number(text) && strcmp(row->to, "scale") == 0) ||
            (strcmp(row->to, "init") == 0 && (str_is(text, "true") || str_is(text, "false"))))
                (void) yaml_text_put_plain(c->draft.arena, p->map, str_of(row->to), text);
        else if (!str_is_absent(text))
                (void) yaml_text_put_text(c->draft.arena, p->map, str_of(row->to), text);
}

/* Docker's short names are of its own registry. */
static void put_image(struct compose *c, struct draft_part *p, const struct node *n) {
        struct draft *d = &c->draft;
        struct str image = compose_text(c, n), host = { image.p, str_find(image, '/') };

        if (str_is_absent(image))
                return;
        if (host.n == image.n)
                image = arena_join(d->arena, STR("docker.io/library/"), image);
        else if (str_find(host, '.') == host.n && str_find(host, ':') == host.n &&
                 !str_is(host, "localhost") && str_find(host, '{') == host.n)
                image = arena_join(d->arena, STR("docker.io/"), image);
        (void) yaml_text_put_text(d->arena, p->map, STR("image"), image);
}

static void put_pull(struct compose *c, struct draft_part *p, const struct node *n) {
        struct str text = compose_text(c, n);

        if (str_is(text, "if_not_present"))
                text = STR("missing");
        if (str_is(text, "always") || str_is(text, "never") || str_is(text, "missing"))
                (void) yaml_text_put_text(c->draft.arena, p->map, STR("pull"), text);
        else
                compose_drop(c, p, "pull_policy", n);
}

static void put_security(struct compose *c, struct draft_part *p, const struct node *n) {
        for (size_t i = 0; n->kind == NODE_LIST && i < n->n; i++) {
                struct str text = node_text(n->items[i]);

                if (str_is(text, "no-new-privileges") || str_is(text, "no-new-privileges:true") ||
                    str_is(text, "no-new-privileges=true"))
                        draft_raw(
                                &c->draft, p,
                                (struct raw_key){ "Container", STR("NoNewPrivileges"), STR("true"), n->at });
                else
                        compose_drop(c, p, "security_opt", n->items[i]);
        }
}

static bool put_special(struct compose *c, struct draft_part *p, struct str key, const struct node *n) {
        static const char *const silent[] = { "image", "stdin_open", "tty", "attach" };

        if (str_is(key, "labels"))
                compose_pairs(c, p, n, NULL);
        else if (str_is(key, "container_name"))
                draft_note(
                        &c->draft, p->map, n->at,
                        "the container is not named %.*s here, but like its unit; use that name to reach it",
                        STR_ARG(n->text));
        else if (str_is(key, "pull_policy"))
                put_pull(c, p, n);
        else if (str_is(key, "security_opt"))
                put_security(c, p, n);
        else if (str_is(key, "privileged") && node_is_true(n))
                draft_raw(&c->draft, p,
                          (struct raw_key){ "Container", STR("PodmanArgs"), STR("--privileged"), n->at });
        else if (str_is(key, "mem_limit"))
                compose_put_limit(c, p, "memory", n);
        else if (str_is(key, "cpus"))
                compose_put_limit(c, p, "cpus", n);
        else if (str_is(key, "pids_limit"))
                compose_put_limit(c, p, "pids", n);
        else {
                for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
                        if (str_is(key, silent[i]))
                                return true;
                return str_has_prefix(key, STR("x-"));
        }

        return true;
}

static void put_key(struct compose *c, struct draft_part *p, const struct pair *pair) {
        if (node_is_null(pair->value))
                return;

        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (str_is(pair->key->text, keys[i].name)) {
                        put_by_row(c, p, &keys[i], pair->value);
                        return;
                }
        if (!put_special(c, p, pair->key->text, pair->value))
                compose_drop(c, p, pair->key->text.p, pair->value);
}

static void put_service(struct compose *c, const struct pair *service) {
        struct draft *d = &c->draft;
        struct str given = service->key->text, name = compose_name(c, given);
        enum part_kind kind = compose_kind(c, given);
        struct draft_part *p = draft_part(d, kind, name, service->key->at);

        if (!str_eq(name, given))
                draft_note(d, p->map, service->key->at, "'%.*s' is '%.*s' here", STR_ARG(given),
                           STR_ARG(name));
        /* What is built may be named by it. */
        for (size_t i = 0; i < service->value->n; i++)
                if (str_is(service->value->pairs[i].key->text, "image"))
                        put_image(c, p, service->value->pairs[i].value);
        for (size_t i = 0; i < service->value->n; i++)
                put_key(c, p, &service->value->pairs[i]);
        if (kind == PART_TASK)
                (void) yaml_text_add_text(
                        d->arena, yaml_text_put(d->arena, d->root, STR("before_update"), YAML_TEXT_LIST),
                        name);
        if (!yaml_text_find(p->map, STR("image")) && !yaml_text_find(d->root, STR("source")))
                draft_note(d, p->map, service->key->at, "'%.*s' has neither an image nor a build",
                           STR_ARG(given));
}

static void choose_names(struct compose *c, const struct node *services) {
        c->names = arena_array(c->draft.arena, services->n, struct str);
        c->is_mentioned = arena_array(c->draft.arena, services->n, bool);
        for (size_t i = 0; i < services->n; i++)
                c->names[i] = draft_part_name(&c->draft, services->pairs[i].key->text);
}

static bool is_service_list(const struct node *services) {
        for (size_t i = 0; services && services->kind == NODE_MAP && i < services->n; i++)
                if (services->pairs[i].value->kind != NODE_MAP)
                        return false;

        return services && services->kind == NODE_MAP && services->n > 0;
}

/* `name:`, or the directory that the file is in, as Compose has it. */
static struct str project_name(struct compose *c, struct import *m) {
        struct str name = node_text(node_get(c->root, "name")), path, part = { NULL, 0 }, next = { NULL, 0 };

        c->draft = (struct draft){ .arena = &m->ctl->arena, .sources = &m->sources };
        if (!str_is_absent(name))
                return name;

        path = import_path(&c->draft, c->root->at, STR("."));
        while (str_split(&path, '/', &next))
                part = next.n > 0 ? next : part;
        return part;
}

int import_compose(struct ctl *ctl) {
        static const char *const known[] = { "name",     "version", "services", "volumes",
                                             "networks", "secrets", "configs" };
        struct compose c = { 0 };
        struct node *root = NULL;
        const struct node *services;
        struct import m;
        int r;

        import_begin(&m, ctl);
        r = import_read_yaml(&m, ctl->argv[0], &root);
        if (r != CTL_GOOD)
                return r;

        c.root = root;
        services = node_get(root, "services");
        if (!is_service_list(services)) {
                (void) fprintf(stderr, "pyservicectl: %s: a Compose file has 'services:', a map of maps\n",
                               ctl->argv[0]);
                return CTL_MISTAKE;
        }

        draft_begin(&c.draft, &m, project_name(&c, &m));
        c.needs_network = services->n > 1;
        choose_names(&c, services);
        compose_put_top(&c);
        for (size_t i = 0; i < services->n; i++)
                put_service(&c, &services->pairs[i]);
        for (size_t i = 0; i < root->n; i++) {
                bool is_known = str_has_prefix(root->pairs[i].key->text, STR("x-"));

                for (size_t k = 0; k < ARRAY_SIZE(known); k++)
                        is_known = is_known || str_is(root->pairs[i].key->text, known[k]);
                if (!is_known)
                        compose_drop(&c, NULL, root->pairs[i].key->text.p, root->pairs[i].value);
        }
        compose_note_hosts(&c);
        return draft_print(&c.draft, false);
}
