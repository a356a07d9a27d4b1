/* SPDX-License-Identifier: Apache-2.0 */
#include "input/yaml.h"

struct pair *node_find_pair(const struct node *map, struct str key) {
        for (size_t i = 0; map && map->kind == NODE_MAP && i < map->n; i++)
                if (str_eq(map->pairs[i].key->text, key))
                        return &map->pairs[i];

        return NULL;
}

struct node *node_get(const struct node *map, const char *key) {
        const struct pair *pair = node_find_pair(map, str_of(key));

        return pair ? pair->value : NULL;
}

struct node *node_copy_map(struct arena *a, const struct node *map, size_t room) {
        struct node *copy = arena_new(a, struct node);

        *copy = map && map->kind == NODE_MAP ? *map : (struct node){ .kind = NODE_MAP };
        copy->pairs = arena_array(a, copy->n + room + 1, struct pair);
        for (size_t i = 0; i < copy->n; i++)
                copy->pairs[i] = map->pairs[i];
        return copy;
}

bool node_is_equal(const struct node *x, const struct node *y) {
        if (x->kind != y->kind || x->n != y->n)
                return false;
        if (x->kind == NODE_SCALAR)
                return str_eq(x->text, y->text);

        for (size_t i = 0; i < x->n; i++) {
                if (x->kind == NODE_LIST && !node_is_equal(x->items[i], y->items[i]))
                        return false;
                if (x->kind == NODE_MAP && (!str_eq(x->pairs[i].key->text, y->pairs[i].key->text) ||
                                            !node_is_equal(x->pairs[i].value, y->pairs[i].value)))
                        return false;
        }
        return true;
}

bool node_is_null(const struct node *n) {
        return n->kind == NODE_SCALAR && n->plain &&
               (n->text.n == 0 || str_is(n->text, "~") || str_is(n->text, "null") ||
                str_is(n->text, "Null") || str_is(n->text, "NULL"));
}
