/* SPDX-License-Identifier: Apache-2.0 */
#include "input/yaml.h"

struct node *node_get(const struct node *map, const char *key) {
        struct str wanted = str_of(key);

        if (!map || map->kind != NODE_MAP)
                return NULL;

        for (size_t i = 0; i < map->n; i++)
                if (str_eq(map->pairs[i].key->text, wanted))
                        return map->pairs[i].value;

        return NULL;
}

bool node_is_null(const struct node *n) {
        return n->kind == NODE_SCALAR && n->plain &&
               (n->text.n == 0 || str_is(n->text, "~") || str_is(n->text, "null") ||
                str_is(n->text, "Null") || str_is(n->text, "NULL"));
}
