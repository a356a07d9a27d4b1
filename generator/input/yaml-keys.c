/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "input/yaml-parts.h"

static int compare_keys(const void *left, const void *right) {
        const struct node *a = *(const struct node *const *) left, *b = *(const struct node *const *) right;
        int r = str_cmp(a->text, b->text);

        if (r != 0)
                return r;

        return a->at.off < b->at.off ? -1 : a->at.off > b->at.off;
}

/* `{{ name }}` without quotes is, to YAML, a map whose key is a map. */
static bool is_template(const struct node *map) {
        const struct node *key = map->kind == NODE_MAP && map->n == 1 ? map->pairs[0].key : NULL;

        return key && key->kind == NODE_MAP && key->at.off == map->at.off + 1;
}

static bool is_key(struct diags *ds, const struct node *map, const struct node *key) {
        if (is_template(key))
                return false; /* already reported */
        if (is_template(map)) {
                (void) diag_add(
                        ds, DIAG_YAML_KEY, map->at,
                        "a value that begins with '{{' is a map to YAML; write it in quotes: \"{{ … }}\"");
                return false;
        }
        if (key->kind != NODE_SCALAR) {
                (void) diag_add(ds, DIAG_YAML_KEY, key->at, "a key must be text, not a %s",
                                key->kind == NODE_MAP ? "map" : "list");
                return false;
        }
        if (key->plain && key->text.n == 0) {
                (void) diag_add(ds, DIAG_YAML_KEY, key->at, "a key is missing before ':'");
                return false;
        }

        return true;
}

void yaml_check_keys(struct arena *a, struct diags *ds, const struct node *map) {
        const struct node **keys = arena_array(a, map->n, const struct node *), *first;
        struct diag *d;
        size_t n = 0;

        for (size_t i = 0; i < map->n; i++)
                if (is_key(ds, map, map->pairs[i].key))
                        keys[n++] = map->pairs[i].key;
        if (n < 2)
                return;

        qsort(keys, n, sizeof(*keys), compare_keys);
        first = keys[0];
        for (size_t i = 1; i < n; i++) {
                if (!str_eq(first->text, keys[i]->text)) {
                        first = keys[i];
                        continue;
                }
                d = diag_add(ds, DIAG_YAML_DUPLICATE_KEY, keys[i]->at, "duplicate key '%.*s'; keep one",
                             STR_ARG(keys[i]->text));
                diag_note(ds, d, first->at, "'%.*s' is first defined here", STR_ARG(first->text));
        }
}
