/* SPDX-License-Identifier: Apache-2.0 */
#include "app/place.h"

static const struct node *find_key(const struct node *map, const char *key) {
        for (size_t i = 0; map && map->kind == NODE_MAP && i < map->n; i++)
                if (str_is(map->pairs[i].key->text, key))
                        return map->pairs[i].key;

        return NULL;
}

static struct span beginning(struct span at) {
        return (struct span){ at.file, at.off, 1 };
}

struct span place_of_key(const struct app *app, const char *key) {
        const struct node *node = find_key(app->node, key);

        return node ? node->at : beginning(app->at);
}

const struct node *place_of_part(const struct app *app, const char *list, size_t i) {
        const struct node *parts = node_get(app->node, list);

        if (!parts && strcmp(list, "services") == 0)
                return app->node;

        return parts && parts->kind == NODE_LIST && i < parts->n ? parts->items[i] : NULL;
}

const struct node *place_of_kept(const struct app *app, const struct service *s) {
        return s->is_sidecar ? place_of_part(app, "sidecars", (size_t) (s - app->sidecars.at))
                             : place_of_part(app, "services", (size_t) (s - app->services.at));
}

static struct span place_in(const struct app *app, const struct node *part, const char *key) {
        const struct node *node = find_key(part, key);
        const struct node *name = part ? node_get(part, "name") : NULL;

        if (node)
                return node->at;
        if (!part)
                return beginning(app->at);

        return name && part != app->node ? name->at : beginning(part->at);
}

struct span place_in_part(const struct app *app, const char *list, size_t i, const char *key) {
        return place_in(app, place_of_part(app, list, i), key);
}

struct span place_in_kept(const struct app *app, const struct service *s, const char *key) {
        return place_in(app, place_of_kept(app, s), key);
}
