/* SPDX-License-Identifier: Apache-2.0 */

/* Keys of a Compose service that lead out of its container: ports, volumes, networks, secrets,
 * configuration files. */

#include "import/compose.h"

#define DIGITS "0123456789"

static struct str text_at(struct compose *c, const struct node *map, const char *key) {
        const struct node *n = node_get(map, key);

        return n ? compose_text(c, n) : (struct str){ NULL, 0 };
}

static void add(struct compose *c, struct draft_part *p, const char *key, struct str text) {
        (void) yaml_text_add_text(c->draft.arena,
                                  yaml_text_put(c->draft.arena, p->map, str_of(key), YAML_TEXT_LIST), text);
}

struct port {
        struct str address, host, container, protocol; /* absent if the file does not set them */
};

/* [ADDRESS:][HOST:]CONTAINER[/PROTOCOL] */
static struct port split_port(struct str text) {
        struct port port = { 0 };
        size_t slash = str_find(text, '/'), colon = text.n;

        if (slash < text.n)
                port.protocol = str_from(text, slash + 1);
        text.n = slash;
        for (size_t i = 0; i < text.n; i++)
                if (text.p[i] == ':')
                        colon = i;
        port.container = text;
        if (colon >= text.n)
                return port;

        port.container = str_from(text, colon + 1);
        port.host = (struct str){ text.p, colon };
        for (size_t i = colon; i-- > 0;)
                if (text.p[i] == ':') {
                        port.address = (struct str){ text.p, i };
                        port.host = (struct str){ text.p + i + 1, colon - i - 1 };
                        break;
                }
        return port;
}

/* The first TCP port is the one that the process listens on. On the loop-back interface alone, instances
 * of a service count up from it, as ours do; all else is published as it stands. */
static void put_port(struct compose *c, struct draft_part *p, struct port port, const struct node *at) {
        struct arena *a = c->draft.arena;
        bool is_tcp = str_is_absent(port.protocol) || str_is(port.protocol, "tcp");
        bool is_range = str_find(port.container, '-') < port.container.n;
        bool is_first = is_tcp && !is_range && !yaml_text_find(p->map, STR("port"));
        struct str text = port.container;

        if (is_first)
                import_put_scalar(c->draft.arena, p->map, STR("port"), port.container);
        if (str_is_absent(port.host) || (!is_range && str_find(port.host, '-') < port.host.n)) {
                draft_note(&c->draft, p->map, at->at,
                           "port %.*s has no fixed port of the machine; 'proxy:' or '%s:' gives it one",
                           STR_ARG(port.container), p->kind == PART_SERVICE ? "host_port" : "publish");
                return;
        }
        if (is_first && str_is(port.address, "127.0.0.1") && p->kind == PART_SERVICE) {
                import_put_scalar(c->draft.arena, p->map, STR("host_port"), port.host);
                return;
        }

        text = arena_join(a, port.host, STR(":"), text);
        if (!str_is_absent(port.address))
                text = arena_join(a, port.address, STR(":"), text);
        add(c, p, "publish", is_tcp ? text : arena_join(a, text, STR("/"), port.protocol));
}

static void put_long_port(struct compose *c, struct draft_part *p, const struct node *n) {
        struct port port = { text_at(c, n, "host_ip"), text_at(c, n, "published"), text_at(c, n, "target"),
                             text_at(c, n, "protocol") };

        if (!str_is_absent(port.container))
                put_port(c, p, port, n);
}

/* A port that several instances would publish. */
static void check_scale(struct compose *c, struct draft_part *p, const struct node *n) {
        struct yaml_text *publish = yaml_text_find(p->map, STR("publish"));
        const struct node *service = NULL, *services = node_get(c->root, "services");

        for (size_t i = 0; i < services->n; i++)
                if (node_get(services->pairs[i].value, "ports") == n)
                        service = services->pairs[i].value;
        if (publish && service && (node_get(service, "scale") || node_get(service, "deploy")))
                draft_note(&c->draft, p->map, n->at,
                           "only one instance can publish a port; several instances share one with "
                           "'proxy:'");
}

void compose_put_ports(struct compose *c, struct draft_part *p, const struct node *n) {
        for (size_t i = 0; n->kind == NODE_LIST && i < n->n; i++) {
                struct str text = compose_text(c, n->items[i]);

                if (n->items[i]->kind == NODE_MAP)
                        put_long_port(c, p, n->items[i]);
                else if (!str_is_absent(text))
                        put_port(c, p, split_port(text), n->items[i]);
        }
        check_scale(c, p, n);
}

/* Between containers of one network nothing has to be opened. */
void compose_put_expose(struct compose *c, struct draft_part *p, const struct node *n) {
        if (p->kind == PART_SERVICE && n->kind == NODE_LIST && n->n > 0 &&
            str_is_made_of(n->items[0]->text, DIGITS) && !yaml_text_find(p->map, STR("port")))
                import_put_scalar(c->draft.arena, p->map, STR("port"), n->items[0]->text);
}

/* The entry of one name in the map at the top of the file. */
static const struct node *object_of(const struct compose *c, const char *key, struct str name) {
        const struct node *all = node_get(c->root, key);

        return all ? node_get(all, arena_str(c->draft.arena, name).p) : NULL;
}

/* One that is there already has a name of its own; ours are named by the definition. */
static bool is_external(struct compose *c, const struct node *object, struct str name, struct str *ret) {
        struct str own = object ? text_at(c, object, "name") : (struct str){ NULL, 0 };
        const struct node *external = object ? node_get(object, "external") : NULL;

        if (!external || (external->kind == NODE_SCALAR && !node_is_true(external)))
                return false;
        if (external->kind == NODE_MAP && str_is_absent(own))
                own = text_at(c, external, "name");

        *ret = str_is_absent(own) ? name : own;
        return true;
}

/* cached, delegated and consistent mean something on a Mac. */
static struct str mount_options(struct compose *c, struct str options) {
        struct str rest = options, word, kept = { NULL, 0 };

        while (str_split(&rest, ',', &word))
                if (!str_is(word, "cached") && !str_is(word, "delegated") && !str_is(word, "consistent") &&
                    !str_is(word, "rw"))
                        kept = str_is_absent(kept) ? word : arena_join(c->draft.arena, kept, STR(","), word);

        return kept;
}

struct bind_mount {
        struct str source, target, options;
};

static void put_mount(struct compose *c, struct draft_part *p, struct bind_mount m, const struct node *at) {
        struct arena *a = c->draft.arena;
        struct str options = mount_options(c, m.options), source = m.source;

        if (str_is_absent(source) || source.n == 0) {
                draft_lost(&c->draft, p->map, at->at,
                           "the volume without a name at %.*s could not be carried over; give it one "
                           "under 'volumes:'",
                           STR_ARG(m.target));
                return;
        }
        source = compose_unfold(c, source);
        if (strchr("/.~", source.p[0])) {
                source = compose_path(c, p, source, at);
                if (str_is_absent(source))
                        return;
        } else if (is_external(c, object_of(c, "volumes", m.source), m.source, &source)) {
                import_foreign_volume(a, yaml_text_put(a, p->map, STR("volumes"), YAML_TEXT_LIST), source,
                                      str_is_absent(options) ? m.target
                                                             : arena_join(a, m.target, STR(":"), options));
                return;
        } else if (source.p[0] != '{')
                source = import_name(a, source);

        source = arena_join(a, source, STR(":"), m.target);
        add(c, p, "volumes", str_is_absent(options) ? source : arena_join(a, source, STR(":"), options));
}

static void put_long_volume(struct compose *c, struct draft_part *p, const struct node *n) {
        struct str type = text_at(c, n, "type"), selinux;
        const struct node *bind = node_get(n, "bind"), *tmpfs = node_get(n, "tmpfs");
        struct bind_mount m = { text_at(c, n, "source"), text_at(c, n, "target"), { NULL, 0 } };

        if (str_is(type, "tmpfs") && !str_is_absent(m.target)) {
                struct str size = tmpfs ? text_at(c, tmpfs, "size") : (struct str){ NULL, 0 };

                if (!str_is_absent(size))
                        m.target = arena_join(c->draft.arena, m.target, STR(":size="), size);
                draft_raw(&c->draft, p, (struct raw_key){ "Container", STR("Tmpfs"), m.target, n->at });
                return;
        }
        if ((!str_is(type, "bind") && !str_is(type, "volume")) || str_is_absent(m.target)) {
                compose_drop(c, p, "volumes", n);
                return;
        }

        selinux = bind ? text_at(c, bind, "selinux") : (struct str){ NULL, 0 };
        if (node_is_true(node_get(n, "read_only")))
                m.options =
                        str_is_absent(selinux) ? STR("ro") : arena_join(c->draft.arena, STR("ro,"), selinux);
        else
                m.options = selinux;
        put_mount(c, p, m, n);
}

void compose_put_volumes(struct compose *c, struct draft_part *p, const struct node *n) {
        for (size_t i = 0; n->kind == NODE_LIST && i < n->n; i++) {
                struct str text = compose_text(c, n->items[i]), rest = text;
                struct bind_mount m = { 0 };

                if (n->items[i]->kind == NODE_MAP)
                        put_long_volume(c, p, n->items[i]);
                if (str_is_absent(text))
                        continue;
                (void) str_split(&rest, ':', &m.source);
                if (!str_split(&rest, ':', &m.target)) {
                        m.target = m.source;
                        m.source = (struct str){ NULL, 0 };
                }
                m.options = rest;
                put_mount(c, p, m, n->items[i]);
        }
}

void compose_put_network_mode(struct compose *c, struct draft_part *p, const struct node *n) {
        struct str text = compose_text(c, n);

        if (str_is(text, "host") || str_is(text, "none"))
                (void) yaml_text_put_text(c->draft.arena, p->map, STR("network"), text);
        else if (!str_is(text, "bridge") && !str_is(text, "default"))
                compose_drop(c, p, "network_mode", n);
}

/* The name of a network in the definition. */
static struct str network_name(struct compose *c, struct str name) {
        struct str own;

        return is_external(c, object_of(c, "networks", name), name, &own)
                       ? own
                       : arena_join(c->draft.arena, import_name(c->draft.arena, name), STR(".network"));
}

static void put_aliases(struct compose *c, struct yaml_text *map, const struct node *aliases) {
        struct arena *a = c->draft.arena;

        for (size_t i = 0; aliases && aliases->kind == NODE_LIST && i < aliases->n; i++)
                (void) yaml_text_add_text(a, yaml_text_put(a, map, STR("aliases"), YAML_TEXT_LIST),
                                          node_text(aliases->items[i]));
}

/* An item of `networks`: the name alone if it has no options. */
static void put_attachment(struct compose *c, struct draft_part *p, struct str name,
                           const struct node *options) {
        static const char *const known[] = { "aliases", "ipv4_address", "priority" };
        struct arena *a = c->draft.arena;
        struct yaml_text *list = yaml_text_put(a, p->map, STR("networks"), YAML_TEXT_LIST), *one;
        const struct node *address = options ? node_get(options, "ipv4_address") : NULL;

        if (!options || options->kind != NODE_MAP) {
                (void) yaml_text_add_text(a, list, name);
                return;
        }

        one = yaml_text_add(a, list, YAML_TEXT_MAP);
        (void) yaml_text_put_text(a, one, STR("name"), name);
        put_aliases(c, one, node_get(options, "aliases"));
        if (address)
                (void) yaml_text_put_text(a, one, STR("address"), compose_text(c, address));
        for (size_t i = 0; i < options->n; i++) {
                bool is_known = false;

                for (size_t k = 0; k < ARRAY_SIZE(known); k++)
                        is_known = is_known || str_is(options->pairs[i].key->text, known[k]);
                if (!is_known)
                        compose_drop(c, p, options->pairs[i].key->text.p, options->pairs[i].value);
        }
}

/* A network without an address of its own is `network` and `aliases`. */
void compose_put_networks(struct compose *c, struct draft_part *p, const struct node *n) {
        bool is_map = n->kind == NODE_MAP;
        const struct node *only = is_map && n->n == 1 ? n->pairs[0].value : NULL;

        if (n->kind == NODE_SCALAR || n->n == 0)
                return;
        if (n->n == 1 && !(only && only->kind == NODE_MAP && !(only->n == 1 && node_get(only, "aliases")))) {
                (void) yaml_text_put_text(
                        c->draft.arena, p->map, STR("network"),
                        network_name(c, is_map ? n->pairs[0].key->text : n->items[0]->text));
                put_aliases(c, p->map, only ? node_get(only, "aliases") : NULL);
                return;
        }

        for (size_t i = 0; i < n->n; i++)
                put_attachment(c, p, network_name(c, is_map ? n->pairs[i].key->text : n->items[i]->text),
                               is_map ? n->pairs[i].value : NULL);
}

/* The names of a list of texts and maps with `source`. */
static struct str source_name(const struct node *n) {
        return n->kind == NODE_MAP ? node_text(node_get(n, "source")) : node_text(n);
}

void compose_put_secrets(struct compose *c, struct draft_part *p, const struct node *n) {
        struct arena *a = c->draft.arena;

        for (size_t i = 0; n->kind == NODE_LIST && i < n->n; i++) {
                struct str given = source_name(n->items[i]), name = import_name(a, given), file, podman;
                const struct node *secret = object_of(c, "secrets", given);
                struct yaml_text *one = yaml_text_put(
                        a, yaml_text_put(a, p->map, STR("secrets"), YAML_TEXT_MAP), name, YAML_TEXT_MAP);

                file = secret ? text_at(c, secret, "file") : (struct str){ NULL, 0 };
                if (!str_is_absent(file))
                        file = compose_path(c, p, file, secret);
                if (!str_is_absent(file))
                        (void) yaml_text_put_text(a, one, STR("file"), file);
                else if (is_external(c, secret, given, &podman))
                        (void) yaml_text_put_text(a, one, STR("podman"), podman);
                else {
                        (void) yaml_text_put_text(a, one, STR("credential"),
                                                  arena_join(a, c->draft.name, STR("."), name));
                        draft_note(&c->draft, p->map, n->items[i]->at,
                                   "store the secret '%.*s' with 'pyservicectl secret set %.*s %.*s'",
                                   STR_ARG(given), STR_ARG(c->draft.name), STR_ARG(name));
                }
                if (n->items[i]->kind == NODE_MAP && n->items[i]->n > 1)
                        draft_lost(&c->draft, p->map, n->items[i]->at,
                                   "the secret's target, owner and mode could not be carried over; it is the "
                                   "file /run/secrets/%.*s",
                                   STR_ARG(name));
        }
}

/* A file of the machine is mounted; a text is written beside the app's configuration, where only root can
 * write, and mounted from there. */
void compose_put_configs(struct compose *c, struct draft_part *p, const struct node *n) {
        struct arena *a = c->draft.arena;

        for (size_t i = 0; n->kind == NODE_LIST && i < n->n; i++) {
                struct str name = source_name(n->items[i]),
                           target = n->items[i]->kind == NODE_MAP ? text_at(c, n->items[i], "target")
                                                                  : (struct str){ NULL, 0 };
                const struct node *config = str_is_absent(name) ? NULL : object_of(c, "configs", name);
                struct str file = config ? text_at(c, config, "file") : (struct str){ NULL, 0 },
                           content = config ? text_at(c, config, "content") : (struct str){ NULL, 0 };
                struct yaml_text *entry;

                if (str_is_absent(target))
                        target = arena_join(a, STR("/"), name);
                if (!str_is_absent(file)) {
                        file = compose_path(c, p, file, config);
                        if (str_is_absent(file))
                                continue;
                } else if (!str_is_absent(content)) {
                        file = arena_join(a, STR("{{ app_dir }}/files/"), name);
                        entry = yaml_text_add(a,
                                              yaml_text_put(a, c->draft.root, STR("files"), YAML_TEXT_LIST),
                                              YAML_TEXT_MAP);
                        (void) yaml_text_put_text(a, entry, STR("dest"), file);
                        (void) yaml_text_put_text(a, entry, STR("content"), content);
                        (void) yaml_text_put_text(a, entry, STR("mode"), STR("0444"));
                } else {
                        compose_drop(c, p, "configs", n->items[i]);
                        continue;
                }
                add(c, p, "volumes", arena_join(a, file, STR(":"), target, STR(":ro")));
        }
}
