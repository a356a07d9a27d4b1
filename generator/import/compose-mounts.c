/* SPDX-License-Identifier: Apache-2.0 */

/* Keys of a Compose service that lead out of its container: ports, volumes, networks, secrets,
 * configuration files. */

#include <errno.h>
#include <unistd.h>

#include "app/resolve.h"
#include "base/path.h"
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
                        port.address = i > 0 ? (struct str){ text.p, i } : (struct str){ NULL, 0 };
                        port.host = (struct str){ text.p + i + 1, colon - i - 1 };
                        break;
                }
        return port;
}

static bool is_scaled(const struct compose *c) {
        const struct node *service = c->service->value, *deploy = node_get(service, "deploy");

        return node_get(service, "scale") || (deploy && node_get(deploy, "replicas"));
}

/* The first TCP port is the one that the process listens on. On the loop-back interface alone, the instances
 * of a service that has several count up from it; all else is published as it stands. */
static void put_port(struct compose *c, struct draft_part *p, struct port port, const struct node *at) {
        struct arena *a = c->draft.arena;
        bool has_address = !str_is_absent(port.address) && !compose_is_empty(c, port.address);
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
        if (is_first && str_is(port.address, "127.0.0.1") && p->kind == PART_SERVICE && is_scaled(c)) {
                import_put_scalar(c->draft.arena, p->map, STR("host_port"), port.host);
                draft_lost(
                        &c->draft, p->map, at->at,
                        "'127.0.0.1:' could not be carried over: port %.*s and those of the other instances "
                        "are open to all addresses, unless the service has 'proxy:'",
                        STR_ARG(port.host));
                return;
        }

        text = arena_join(a, port.host, STR(":"), text);
        if (has_address)
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

        if (publish && is_scaled(c))
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

        if (!external || (external->kind == NODE_SCALAR && !compose_is_true(c, NULL, external)))
                return false;
        if (external->kind == NODE_MAP && str_is_absent(own))
                own = text_at(c, external, "name");

        *ret = str_is_absent(own) ? name : own;
        return true;
}

/* A mount with its options. cached, delegated and consistent mean something on a Mac. */
static struct str with_options(struct compose *c, struct str mount, struct str options) {
        struct str word, separator = STR(":");

        while (str_split(&options, ',', &word))
                if (word.n > 0 && !str_is(word, "cached") && !str_is(word, "delegated") &&
                    !str_is(word, "consistent") && !str_is(word, "rw")) {
                        mount = arena_join(c->draft.arena, mount, separator, word);
                        separator = STR(",");
                }

        return mount;
}

/* A '/' at the end of a directory means nothing. */
static struct str without_slash(struct str path) {
        while (path.n > 1 && path.p[path.n - 1] == '/')
                path.n--;
        return path;
}

struct bind_mount {
        struct str source, target, options;
};

static void add_option(struct compose *c, struct bind_mount *m, struct str option) {
        if (!str_is_absent(option))
                m->options = str_is_absent(m->options)
                                     ? option
                                     : arena_join(c->draft.arena, m->options, STR(","), option);
}

static bool has_extension(struct str path) {
        struct str name = path_name(path);

        return name.n > 1 && str_find(str_from(name, 1), '.') < name.n - 1;
}

/* One that a container mounts, and that is not there, is a directory for Docker, which makes it, as the
 * option `create` does. Here a file that is missing is named instead, and nothing is made in directories of
 * the system. */
static void look_for(struct compose *c, struct bind_mount *m, struct str source) {
        static const struct str systems[] = { STR_INIT("/etc"),    STR_INIT("/dev"), STR_INIT("/proc"),
                                              STR_INIT("/run"),    STR_INIT("/sys"), STR_INIT("/usr"),
                                              STR_INIT("/var/run") };
        bool is_file = has_extension(source) && has_extension(m->target);

        if (source.p[0] != '/' || str_find_str(source, STR("{{")) < source.n ||
            str_has_prefix(source, STR("/CHANGE-ME")) ||
            access(arena_str(c->draft.arena, source).p, F_OK) == 0 || errno != ENOENT)
                return;

        for (size_t i = 0; i < ARRAY_SIZE(systems); i++)
                is_file = is_file || path_is_within(source, systems[i]);
        if (is_file)
                compose_enumerate(c, &c->files, source);
        else
                add_option(c, m, STR("create"));
}

/* Programs that speak to Docker speak to Podman too. */
static struct str without_docker(struct compose *c, struct draft_part *p, struct str source,
                                 const struct node *at) {
        if (!str_is(source, "/var/run/docker.sock") && !str_is(source, "/run/docker.sock"))
                return source;

        draft_note(&c->draft, p->map, at->at,
                   "Docker's socket is Podman's here, which needs 'systemctl enable --now podman.socket'");
        return STR("/run/podman/podman.sock");
}

static void put_mount(struct compose *c, struct draft_part *p, struct bind_mount m, const struct node *at) {
        struct arena *a = c->draft.arena;
        struct str source = m.source;

        m.target = without_slash(m.target);
        source = without_slash(source);
        if (str_is_absent(source) || source.n == 0) {
                source = import_name(a, arena_join(a, p->name, m.target));
                draft_note(&c->draft, p->map, at->at,
                           "the volume at %.*s has no name in Compose; it is '%.*s' here", STR_ARG(m.target),
                           STR_ARG(source));
        }
        source = compose_unfold(c, source);
        if (strchr("/.~", source.p[0])) {
                source = compose_path(c, p, source, at);
                if (str_is_absent(source))
                        return;
                source = without_docker(c, p, source, at);
                if (!str_is(source, "/run/podman/podman.sock"))
                        look_for(c, &m, source);
        } else if (!str_is_absent(m.source) &&
                   is_external(c, object_of(c, "volumes", m.source), m.source, &source)) {
                import_foreign_volume(a, yaml_text_put(a, p->map, STR("volumes"), YAML_TEXT_LIST), source,
                                      with_options(c, m.target, m.options));
                return;
        } else if (source.p[0] == '{')
                look_for(c, &m, compose_with_value(c, source));
        else
                source = import_name(a, source);

        add(c, p, "volumes", with_options(c, arena_join(a, source, STR(":"), m.target), m.options));
}

/* A value that no file has is one that a path may have. */
static struct str path_at(struct compose *c, const struct node *n, const char *key) {
        struct str text;

        c->placeholder = "/CHANGE-ME";
        text = key ? text_at(c, n, key) : compose_text(c, n);
        c->placeholder = NULL;
        return text;
}

static void put_long_volume(struct compose *c, struct draft_part *p, const struct node *n) {
        struct str type = text_at(c, n, "type");
        const struct node *bind = node_get(n, "bind"), *tmpfs = node_get(n, "tmpfs"),
                          *volume = node_get(n, "volume");
        struct bind_mount m = { path_at(c, n, "source"), text_at(c, n, "target"), { NULL, 0 } };

        if (str_is(type, "tmpfs") && !str_is_absent(m.target)) {
                struct str size = tmpfs ? text_at(c, tmpfs, "size") : (struct str){ NULL, 0 };

                if (!str_is_absent(size))
                        m.target = arena_join(c->draft.arena, m.target, STR(":size="), size);
                draft_raw(&c->draft, p, (struct raw_key){ "Container", STR("Tmpfs"), m.target, n->at });
                return;
        }
        if (str_is(type, "image") && !str_is_absent(m.source) && !str_is_absent(m.target)) {
                if (node_get(n, "image"))
                        compose_drop(c, p, "volumes: image", node_get(n, "image"));
                draft_raw(&c->draft, p,
                          (struct raw_key){ "Container", STR("Mount"),
                                            arena_join(c->draft.arena, STR("type=image,source="), m.source,
                                                       STR(",destination="), m.target),
                                            n->at });
                return;
        }
        if ((!str_is(type, "bind") && !str_is(type, "volume")) || str_is_absent(m.target)) {
                compose_drop(c, p, "volumes", n);
                return;
        }

        add_option(c, &m,
                   compose_is_true(c, p, node_get(n, "read_only")) ? STR("ro") : (struct str){ NULL, 0 });
        add_option(c, &m, bind ? text_at(c, bind, "selinux") : (struct str){ NULL, 0 });
        add_option(c, &m, bind ? text_at(c, bind, "propagation") : (struct str){ NULL, 0 });
        if (volume && compose_is_true(c, p, node_get(volume, "nocopy")))
                add_option(c, &m, STR("nocopy"));
        if (volume && node_get(volume, "subpath"))
                compose_drop(c, p, "volumes: subpath", node_get(volume, "subpath"));
        put_mount(c, p, m, n);
}

void compose_put_volumes(struct compose *c, struct draft_part *p, const struct node *n) {
        for (size_t i = 0; n->kind == NODE_LIST && i < n->n; i++) {
                struct str given = node_text(n->items[i]), rest, text;
                struct bind_mount m = { 0 };

                text = given.n > 0 && given.p[0] == '$' ? path_at(c, n->items[i], NULL)
                                                        : compose_text(c, n->items[i]);
                rest = text;

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

/* The service that service:NAME or container:NAME means; absent if the file has none. */
static struct str network_owner(struct compose *c, struct str mode) {
        const struct node *services = node_get(c->root, "services");
        struct str rest = mode, kind = { NULL, 0 };

        (void) str_split(&rest, ':', &kind);
        for (size_t i = 0; i < services->n; i++) {
                const struct node *name = node_get(services->pairs[i].value, "container_name");

                if ((str_is(kind, "service") && str_eq(services->pairs[i].key->text, rest)) ||
                    (str_is(kind, "container") && name && str_eq(compose_text(c, name), rest)))
                        return services->pairs[i].key->text;
        }

        return (struct str){ NULL, 0 };
}

/* In a definition, all parts name the part whose network it is. */
static struct str first_owner(struct compose *c, struct str mode) {
        struct str owner = network_owner(c, mode), next = owner;

        for (size_t i = 0; i < node_get(c->root, "services")->n && !str_is_absent(next); i++) {
                const struct node *n = node_get(compose_service(c, next), "network_mode");

                owner = next;
                next = n ? network_owner(c, node_text(n)) : (struct str){ NULL, 0 };
        }

        return owner;
}

void compose_put_network_mode(struct compose *c, struct draft_part *p, const struct node *n) {
        struct str text = compose_choice(c, p, n), owner = first_owner(c, text);

        if (!str_is_absent(owner) && compose_kind(c, owner) != PART_TASK)
                (void) yaml_text_put_text(c->draft.arena, p->map, STR("network_of"), compose_name(c, owner));
        else if (str_is(text, "host") || str_is(text, "none"))
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

static void put_alias(struct compose *c, struct yaml_text *map, struct str alias) {
        struct arena *a = c->draft.arena;
        struct yaml_text *list = yaml_text_put(a, map, STR("aliases"), YAML_TEXT_LIST);

        VEC_EACH(item, &list->items)
                if (str_eq((*item)->text, alias))
                        return;
        (void) yaml_text_add_text(a, list, alias);
}

/* Names by which others know it: that of the service or of the container, if it has another one here, and
 * those of `links:`. */
static void put_own_aliases(struct compose *c, struct draft_part *p, struct yaml_text *map) {
        const struct node *services = node_get(c->root, "services");
        struct str service = c->service->key->text, container;

        container = text_at(c, c->service->value, "container_name");
        if (!str_eq(service, p->name))
                put_alias(c, map, service);
        if (!str_is_absent(container) && !str_eq(container, p->name) &&
            str_find(container, '{') == container.n)
                put_alias(c, map, container);
        for (size_t i = 0; i < services->n; i++) {
                const struct node *links = node_get(services->pairs[i].value, "links");

                for (size_t k = 0; links && links->kind == NODE_LIST && k < links->n; k++) {
                        struct str alias = node_text(links->items[k]), name;

                        if (str_split(&alias, ':', &name) && str_eq(name, service) && !str_is_absent(alias) &&
                            !str_eq(alias, p->name))
                                put_alias(c, map, alias);
                }
        }
}

static void put_aliases(struct compose *c, struct draft_part *p, struct yaml_text *map,
                        const struct node *aliases) {
        for (size_t i = 0; aliases && aliases->kind == NODE_LIST && i < aliases->n; i++)
                put_alias(c, map, compose_choice(c, p, aliases->items[i]));
        put_own_aliases(c, p, map);
}

/* On a network that has names; compose_put_networks() did it for those of the file. */
void compose_put_aliases(struct compose *c, struct draft_part *p) {
        const struct node *container = node_get(c->service->value, "container_name");
        const struct yaml_text *network = yaml_text_find(p->map, STR("network"));
        bool is_own = network || yaml_text_find(p->map, STR("networks"));

        if (yaml_text_find(p->map, STR("network_of")))
                return; /* others reach it by the names of that part */
        if (c->needs_network && p->kind != PART_TASK && !is_own)
                put_own_aliases(c, p, p->map);
        else if (container && (!is_own || (network && network_is_mode(network->text))))
                draft_note(
                        &c->draft, p->map, container->at,
                        "the container is not named %.*s here, but like its unit; use that name to reach it",
                        STR_ARG(container->text));
}

/* An item of `networks`: the name alone if it has no options. */
static void put_attachment(struct compose *c, struct draft_part *p, struct str name,
                           const struct node *options) {
        static const char *const known[] = { "aliases", "ipv4_address", "priority" };
        struct arena *a = c->draft.arena;
        struct yaml_text *list = yaml_text_put(a, p->map, STR("networks"), YAML_TEXT_LIST), *one;
        const struct node *address = options ? node_get(options, "ipv4_address") : NULL;

        one = yaml_text_add(a, list, YAML_TEXT_MAP);
        (void) yaml_text_put_text(a, one, STR("name"), name);
        if (!options || options->kind != NODE_MAP) {
                put_own_aliases(c, p, one);
                if (one->items.n == 1)
                        *one = (struct yaml_text){ .shape = YAML_TEXT_SCALAR, .text = name };
                return;
        }

        put_aliases(c, p, one, node_get(options, "aliases"));
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
                put_aliases(c, p, p->map, only ? node_get(only, "aliases") : NULL);
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

/* 0440, and YAML 1.2's 0o440, which are four digits here. */
static struct str mode_of(struct compose *c, const struct node *n) {
        struct str text = compose_text(c, n);

        if (str_has_prefix(text, STR("0o")))
                text = str_from(text, 2);
        return text.n == 3 ? arena_join(c->draft.arena, STR("0"), text) : text;
}

/* Owner and mode; the file's name is that of the secret. */
static void put_secret_options(struct compose *c, struct draft_part *p, struct yaml_text *secret,
                               const struct node *n) {
        static const char *const keys[] = { "uid", "gid", "mode" };
        const struct node *target = node_get(n, "target");
        struct str text = target ? compose_text(c, target) : (struct str){ NULL, 0 };

        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                const struct node *value = node_get(n, keys[i]);

                if (!value)
                        continue;
                if (strcmp(keys[i], "mode") == 0)
                        (void) yaml_text_put_text(c->draft.arena, secret, STR("mode"), mode_of(c, value));
                else
                        import_put_scalar(c->draft.arena, secret, str_of(keys[i]), compose_text(c, value));
        }
        if (!str_is_absent(text) && !str_eq(text, secret->key) &&
            !str_eq(text, arena_join(c->draft.arena, STR("/run/secrets/"), secret->key)))
                draft_lost(&c->draft, p->map, target->at,
                           "the secret's target could not be carried over; it is the file /run/secrets/%.*s",
                           STR_ARG(secret->key));
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
                put_secret_options(c, p, one, n->items[i]);
        }
}

/* Several services may have one. */
static void put_file(struct compose *c, struct str file, struct str content) {
        struct arena *a = c->draft.arena;
        struct yaml_text *files = yaml_text_put(a, c->draft.root, STR("files"), YAML_TEXT_LIST), *entry;

        VEC_EACH(other, &files->items)
                if (str_eq(yaml_text_find(*other, STR("dest"))->text, file))
                        return;

        entry = yaml_text_add(a, files, YAML_TEXT_MAP);
        (void) yaml_text_put_text(a, entry, STR("dest"), file);
        (void) yaml_text_put_text(a, entry, STR("content"), content);
        (void) yaml_text_put_text(a, entry, STR("mode"), STR("0444"));
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

                if (config && node_get(config, "environment"))
                        content = compose_expand(c,
                                                 arena_join(a, STR("${"),
                                                            node_text(node_get(config, "environment")),
                                                            STR("}")),
                                                 config->at);
                if (str_is_absent(target))
                        target = arena_join(a, STR("/"), name);
                if (!str_is_absent(file)) {
                        file = compose_path(c, p, file, config);
                        if (str_is_absent(file))
                                continue;
                } else if (!str_is_absent(content)) {
                        file = arena_join(a, STR("{{ app_dir }}/files/"), name);
                        put_file(c, file, content);
                } else {
                        compose_drop(c, p, "configs", n->items[i]);
                        continue;
                }
                add(c, p, "volumes", arena_join(a, file, STR(":"), target, STR(":ro")));
        }
}
