/* SPDX-License-Identifier: Apache-2.0 */

/* `volumes:` and `networks:` of a Compose file. */

#include "import/compose.h"

static void put(struct compose *c, struct yaml_text *map, const char *key, const struct node *n) {
        struct str text = n ? compose_text(c, n) : (struct str){ NULL, 0 };

        if (!str_is_absent(text))
                (void) yaml_text_put_text(c->draft.arena, map, str_of(key), text);
}

static bool is_external(struct compose *c, const struct node *object) {
        const struct node *external = node_get(object, "external");

        return external && (external->kind == NODE_MAP || compose_is_true(c, NULL, external));
}

/* Docker's driver has the server of an NFS among the options, and ":/PATH" as device. */
static void put_server(struct compose *c, struct yaml_text *volume) {
        struct arena *a = c->draft.arena;
        struct yaml_text *device = yaml_text_find(volume, STR("device")),
                         *options = yaml_text_find(volume, STR("options"));
        struct str rest = options ? options->text : (struct str){ NULL, 0 }, word, server = { NULL, 0 },
                   kept = STR("");

        if (!device || !str_has_prefix(device->text, STR(":/")))
                return;
        while (str_split(&rest, ',', &word)) {
                if (str_has_prefix(word, STR("addr=")))
                        server = str_from(word, 5);
                else
                        kept = arena_join(a, kept, kept.n > 0 ? STR(",") : STR(""), word);
        }
        if (str_is_absent(server))
                return;

        device->text = arena_join(a, server, device->text);
        options->text = kept.n > 0 ? kept : STR("rw");
}

/* Two whose names become one would share what they hold. */
static struct yaml_text *put_object(struct compose *c, const char *top, const struct pair *object,
                                    struct str name) {
        struct draft *d = &c->draft;
        struct yaml_text *all = yaml_text_put(d->arena, d->root, str_of(top), YAML_TEXT_MAP),
                         *other = yaml_text_find(all, name);

        if (other)
                draft_note(d, other, object->key->at,
                           "'%.*s' is '%.*s' here, like another one; rename one of the two, here and in its "
                           "references",
                           STR_ARG(object->key->text), STR_ARG(name));
        return yaml_text_put(d->arena, all, name, YAML_TEXT_MAP);
}

static void put_volume(struct compose *c, const struct pair *volume) {
        struct draft *d = &c->draft;
        struct yaml_text *one;
        const struct node *options = node_get(volume->value, "driver_opts"),
                          *driver = node_get(volume->value, "driver");
        struct str name = import_name(d->arena, volume->key->text),
                   own = node_text(node_get(volume->value, "name"));

        one = put_object(c, "volumes", volume, name);
        draft_note(d, one, volume->key->at,
                   "the data of Compose is in %s%.*s; 'podman volume export' and 'import' move it to "
                   "'%.*s-%.*s'",
                   str_is_absent(own) ? "its own volume" : "the volume ", STR_ARG(own), STR_ARG(d->name),
                   STR_ARG(name));
        if (driver && !str_is(driver->text, "local"))
                put(c, one, "driver", driver);
        if (!options)
                return;

        put(c, one, "type", node_get(options, "type"));
        put(c, one, "device", node_get(options, "device"));
        put(c, one, "options", node_get(options, "o"));
        put_server(c, one);
}

/* Docker's name of an option is longer than that of podman-network-create(1). A definition has one. */
static void put_driver_options(struct compose *c, struct yaml_text *network, const struct node *n) {
        static const char *const known[][2] = { { "com.docker.network.driver.mtu", "mtu=" },
                                                { "parent", "parent=" } };

        for (size_t i = 0; n && n->kind == NODE_MAP && i < n->n; i++) {
                const struct pair *pair = &n->pairs[i];
                size_t k = 0;

                while (k < ARRAY_SIZE(known) && !str_is(pair->key->text, known[k][0]))
                        k++;
                if (k == ARRAY_SIZE(known) || yaml_text_find(network, STR("options")))
                        compose_drop(
                                c, NULL,
                                arena_join(c->draft.arena, STR("networks: driver_opts: "), pair->key->text).p,
                                pair->value);
                else
                        (void) yaml_text_put_text(c->draft.arena, network, STR("options"),
                                                  arena_join(c->draft.arena, str_of(known[k][1]),
                                                             compose_text(c, pair->value)));
        }
}

static void put_network(struct compose *c, const struct pair *network) {
        struct draft *d = &c->draft;
        struct yaml_text *one;
        const struct node *n = network->value, *ipam = node_get(n, "ipam"),
                          *list = ipam ? node_get(ipam, "config") : NULL, *driver = node_get(n, "driver");
        struct str name = import_name(d->arena, network->key->text), own = node_text(node_get(n, "name"));

        one = put_object(c, "networks", network, name);
        if (!str_is_absent(own))
                draft_note(d, one, network->key->at, "the network is '%.*s-%.*s' here, not '%.*s'",
                           STR_ARG(d->name), STR_ARG(name), STR_ARG(own));
        if (driver && !str_is(driver->text, "bridge"))
                put(c, one, "driver", driver);
        if (compose_is_true(c, NULL, node_get(n, "internal")))
                (void) yaml_text_put_plain(d->arena, one, STR("internal"), STR("true"));
        if (compose_is_true(c, NULL, node_get(n, "enable_ipv6")))
                (void) yaml_text_put_plain(d->arena, one, STR("ipv6"), STR("true"));
        put_driver_options(c, one, node_get(n, "driver_opts"));
        if (!list || list->kind != NODE_LIST || list->n == 0)
                return;

        put(c, one, "subnet", node_get(list->items[0], "subnet"));
        put(c, one, "gateway", node_get(list->items[0], "gateway"));
        if (list->n > 1)
                compose_drop(c, NULL, "networks: a second subnet", list->items[1]);
}

static bool names_default(const struct node *networks) {
        for (size_t i = 0; networks && networks->kind == NODE_LIST && i < networks->n; i++)
                if (str_is(node_text(networks->items[i]), "default"))
                        return true;

        return networks && networks->kind == NODE_MAP && node_get(networks, "default");
}

/* True if a service is on the network that Compose makes by itself. */
static bool has_default_users(const struct compose *c) {
        const struct node *services = node_get(c->root, "services");

        for (size_t i = 0; i < services->n; i++)
                if ((c->needs_network && !node_get(services->pairs[i].value, "networks") &&
                     !node_get(services->pairs[i].value, "network_mode")) ||
                    names_default(node_get(services->pairs[i].value, "networks")))
                        return true;

        return false;
}

void compose_put_top(struct compose *c) {
        struct draft *d = &c->draft;
        const struct node *volumes = node_get(c->root, "volumes"), *networks = node_get(c->root, "networks"),
                          *by_default;

        for (size_t i = 0; volumes && volumes->kind == NODE_MAP && i < volumes->n; i++)
                if (!is_external(c, volumes->pairs[i].value))
                        put_volume(c, &volumes->pairs[i]);
        for (size_t i = 0; networks && networks->kind == NODE_MAP && i < networks->n; i++)
                if (!is_external(c, networks->pairs[i].value))
                        put_network(c, &networks->pairs[i]);

        by_default = networks ? node_get(networks, "default") : NULL;
        if (!has_default_users(c))
                return;
        if (by_default && is_external(c, by_default)) {
                struct str name = node_text(node_get(by_default, "name"));

                (void) yaml_text_put_text(d->arena, d->root, STR("network"),
                                          str_is_absent(name) ? STR("default") : name);
                return;
        }
        (void) yaml_text_put(d->arena, yaml_text_put(d->arena, d->root, STR("networks"), YAML_TEXT_MAP),
                             STR("default"), YAML_TEXT_MAP);
        (void) yaml_text_put_text(d->arena, d->root, STR("network"), STR("default.network"));
}
