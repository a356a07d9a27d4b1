/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl import kamal: a deploy.yml (kamal-deploy.org/docs/configuration) becomes one application. Its
 * roles become services, its accessories sidecars. */

#include "import/import.h"

struct kamal {
        struct draft draft;
        const struct node *root;
};

static void lose(struct kamal *k, struct draft_part *p, const struct pair *pair) {
        draft_lost(&k->draft, p ? p->map : NULL, pair->key->at, "'%.*s' could not be carried over",
                   STR_ARG(pair->key->text));
}

static void put_text(struct kamal *k, struct yaml_text *map, const char *key, const struct node *n) {
        struct str text = node_text(n);

        if (!str_is_absent(text))
                (void) yaml_text_put_text(k->draft.arena, map, str_of(key),
                                          import_literal(k->draft.arena, text));
}

static void put_list(struct kamal *k, struct yaml_text *map, const char *key, const struct node *n) {
        struct arena *a = k->draft.arena;

        for (size_t i = 0; n && n->kind == NODE_LIST && i < n->n; i++) {
                struct str text = node_text(n->items[i]);

                if (!str_is_absent(text))
                        (void) yaml_text_add_text(a, yaml_text_put(a, map, str_of(key), YAML_TEXT_LIST),
                                                  import_literal(a, text));
        }
}

/* NAME, or NAME:OTHER for the variable NAME from the secret OTHER. */
static void put_secrets(struct kamal *k, struct yaml_text *env, const struct node *list) {
        struct draft *d = &k->draft;

        for (size_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++) {
                struct str text = node_text(list->items[i]);
                size_t colon = str_find(text, ':');
                struct str name = { text.p, colon },
                           secret = colon < text.n ? str_from(text, colon + 1) : text;

                if (str_is_absent(text))
                        continue;
                draft_put_secret(d, env, arena_str(d->arena, name), draft_secret(d, d->root, secret));
                draft_note(d, yaml_text_find(env, name), list->items[i]->at,
                           "store '%.*s' with 'pyservicectl secret set %.*s %.*s'", STR_ARG(secret),
                           STR_ARG(d->name), STR_ARG(import_name(d->arena, secret)));
        }
}

/* `env:`, or its maps `clear:` and `secret:`. */
static void put_env(struct kamal *k, struct yaml_text *map, const struct node *env) {
        struct arena *a = k->draft.arena;
        const struct node *clear = node_get(env, "clear"), *secret = node_get(env, "secret");
        struct yaml_text *to;

        if (env && env->kind != NODE_MAP)
                draft_lost(&k->draft, map, env->at, "'env' could not be carried over: it is not a map");
        if (!env || env->kind != NODE_MAP || env->n == 0)
                return;

        to = yaml_text_put(a, map, STR("env"), YAML_TEXT_MAP);
        if (!clear && !secret)
                clear = env;
        for (size_t i = 0; clear && clear->kind == NODE_MAP && i < clear->n; i++)
                put_text(k, to, clear->pairs[i].key->text.p, clear->pairs[i].value);
        put_secrets(k, to, secret);
}

static void put_health(struct kamal *k, struct yaml_text *map, const struct node *check) {
        struct arena *a = k->draft.arena;
        struct yaml_text *health = yaml_text_put(a, map, STR("health"), YAML_TEXT_MAP);
        struct str path = node_text(node_get(check, "path"));

        (void) yaml_text_put_text(a, health, STR("http"), str_is_absent(path) ? STR("/up") : path);
}

/* Kamal's proxy asks for /up on port 80 if nothing else is written. */
static void put_proxy(struct kamal *k, struct draft_part *p, const struct node *proxy) {
        static const struct str known = STR_INIT("host,hosts,app_port,healthcheck,ssl");
        struct draft *d = &k->draft;
        struct str port = node_text(node_get(proxy, "app_port"));
        struct yaml_text *to = yaml_text_put(d->arena, p->map, STR("proxy"), YAML_TEXT_MAP), *domains;

        import_put_scalar(d->arena, p->map, STR("port"), str_is_absent(port) ? STR("80") : port);
        domains = yaml_text_put(d->arena, to, STR("domains"), YAML_TEXT_LIST);
        if (!str_is_absent(node_text(node_get(proxy, "host"))))
                (void) yaml_text_add_text(d->arena, domains, node_text(node_get(proxy, "host")));
        put_list(k, to, "domains", node_get(proxy, "hosts"));
        if (domains->items.n == 0) {
                (void) yaml_text_add_text(d->arena, domains,
                                          arena_join(d->arena, d->name, STR(".example.com")));
                draft_note(d, p->map, p->at, "the file names no host: write the name that people visit");
        }
        put_health(k, p->map, node_get(proxy, "healthcheck"));
        if (node_is_true(node_get(proxy, "ssl")))
                draft_lost(d, to, node_get(proxy, "ssl")->at,
                           "'ssl' could not be carried over: write the path of a certificate under 'tls:'");
        for (size_t i = 0; proxy && proxy->kind == NODE_MAP && i < proxy->n; i++)
                if (!str_list_has(known, proxy->pairs[i].key->text))
                        lose(k, p, &proxy->pairs[i]);
}

/* One of `servers:`: a list of hosts, or a map. Without `proxy: true`, only "web" is behind the proxy. */
static void put_role(struct kamal *k, struct str name, const struct node *role, struct span at) {
        static const struct str known = STR_INIT("hosts,cmd,env,proxy");
        struct draft *d = &k->draft;
        const struct node *proxy = node_get(role, "proxy"), *hosts = node_get(role, "hosts");
        bool is_off = proxy && str_is(node_text(proxy), "false");
        struct draft_part *p = draft_part(d, PART_SERVICE, draft_part_name(d, name), at);

        put_text(k, p->map, "command", node_get(role, "cmd"));
        put_env(k, p->map, node_get(role, "env"));
        /* At the top, accessories would have them too. */
        put_list(k, p->map, "volumes", node_get(k->root, "volumes"));
        if ((str_is(name, "web") || proxy) && !is_off)
                put_proxy(k, p, proxy && proxy->kind == NODE_MAP ? proxy : node_get(k->root, "proxy"));
        if (!hosts && role->kind == NODE_LIST)
                hosts = role;
        if (hosts && hosts->kind == NODE_LIST && hosts->n > 1)
                draft_note(d, p->map, hosts->at,
                           "it ran on %zu machines: copy the definition to each, and balance between them "
                           "outside, or raise 'scale:'",
                           hosts->n);
        for (size_t i = 0; role->kind == NODE_MAP && i < role->n; i++)
                if (!str_list_has(known, role->pairs[i].key->text))
                        lose(k, p, &role->pairs[i]);
}

/* A number alone is the port on both sides. */
static void put_published(struct kamal *k, struct draft_part *p, struct str port) {
        struct arena *a = k->draft.arena;

        if (port.n == 0)
                return;
        if (str_find(port, ':') == port.n)
                port = arena_join(a, port, STR(":"), port);
        (void) yaml_text_add_text(a, yaml_text_put(a, p->map, STR("publish"), YAML_TEXT_LIST), port);
}

static void put_accessory(struct kamal *k, const struct pair *pair) {
        static const struct str known =
                STR_INIT("image,host,hosts,role,roles,cmd,env,volumes,directories,port,proxy");
        struct draft *d = &k->draft;
        const struct node *accessory = pair->value;
        struct str image = node_text(node_get(accessory, "image"));
        struct draft_part *p =
                draft_part(d, PART_SIDECAR, draft_part_name(d, pair->key->text), pair->key->at);

        if (!str_is_absent(image))
                (void) yaml_text_put_text(d->arena, p->map, STR("image"),
                                          import_image(d->arena, import_literal(d->arena, image)));
        put_text(k, p->map, "command", node_get(accessory, "cmd"));
        put_env(k, p->map, node_get(accessory, "env"));
        put_list(k, p->map, "volumes", node_get(accessory, "volumes"));
        put_list(k, p->map, "volumes", node_get(accessory, "directories"));
        put_published(k, p, node_text(node_get(accessory, "port")));
        if (node_get(accessory, "proxy"))
                put_proxy(k, p, node_get(accessory, "proxy"));
        for (size_t i = 0; accessory->kind == NODE_MAP && i < accessory->n; i++)
                if (!str_list_has(known, accessory->pairs[i].key->text))
                        lose(k, p, &accessory->pairs[i]);
}

/* Kamal adds the commit as tag. */
static void put_image(struct kamal *k) {
        struct draft *d = &k->draft;
        const struct node *image = node_get(k->root, "image");
        struct str name = node_text(image),
                   server = node_text(node_get(node_get(k->root, "registry"), "server"));

        if (str_is_absent(name))
                return;

        name = arena_join(d->arena, str_is_absent(server) ? STR("docker.io") : server, STR("/"), name,
                          STR(":latest"));
        draft_note(d, yaml_text_put_text(d->arena, d->root, STR("image"), name), image->at,
                   "Kamal has the commit as tag: write the tag that your build gives");
}

static void put_servers(struct kamal *k, const struct node *servers) {
        if (servers && servers->kind == NODE_MAP)
                for (size_t i = 0; i < servers->n; i++)
                        put_role(k, servers->pairs[i].key->text, servers->pairs[i].value,
                                 servers->pairs[i].key->at);
        else if (servers)
                put_role(k, STR("web"), servers, servers->at);
}

static size_t count(const struct node *n) {
        return n && n->kind == NODE_MAP ? n->n : 0;
}

int import_kamal(struct ctl *ctl) {
        static const struct str known =
                STR_INIT("service,image,servers,proxy,env,volumes,registry,builder,accessories,ssh,aliases");
        struct kamal k = { 0 };
        struct node *root = NULL;
        const struct node *accessories;
        struct import m;
        int r;

        if (ctl->argc > 1)
                return ctl_usage(ctl, "kamal: write one deploy.yml");
        import_begin(&m, ctl);
        r = import_read_yaml(&m, ctl->argv[0], &root);
        if (r != CTL_GOOD)
                return r;
        if (str_is_absent(node_text(node_get(root, "service"))) || !node_get(root, "servers")) {
                (void) fprintf(stderr, "pyservicectl: %s: a Kamal file has 'service:' and 'servers:'\n",
                               ctl->argv[0]);
                return CTL_ERROR;
        }

        accessories = node_get(root, "accessories");
        if (!draft_can_have(&m.ds, count(node_get(root, "servers")) + count(accessories), root->at))
                return import_report(&m);

        k.root = root;
        draft_begin(&k.draft, &m, node_text(node_get(root, "service")));
        put_image(&k);
        put_env(&k, k.draft.root, node_get(root, "env"));
        put_servers(&k, node_get(root, "servers"));
        for (size_t i = 0; accessories && accessories->kind == NODE_MAP && i < accessories->n; i++)
                put_accessory(&k, &accessories->pairs[i]);
        for (size_t i = 0; i < root->n; i++)
                if (!str_list_has(known, root->pairs[i].key->text) &&
                    !str_has_prefix(root->pairs[i].key->text, STR("x-")))
                        lose(&k, NULL, &root->pairs[i]);
        return draft_print(&k.draft, false);
}
