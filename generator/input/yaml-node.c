/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

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

/* Elements point at pairs. */
static int compare_pairs(const void *left, const void *right) {
        const struct pair *a = *(const struct pair *const *) left, *b = *(const struct pair *const *) right;

        return str_cmp(a->key->text, b->key->text);
}

static struct node *merge_maps(struct arena *a, const struct node *base, const struct node *over) {
        struct node *merged = arena_new(a, struct node);
        struct pair **sorted = arena_array(a, base->n, struct pair *), **found, *pair;
        const struct pair *wanted;

        *merged = *base;
        merged->pairs = arena_array(a, base->n + over->n, struct pair);
        for (size_t i = 0; i < base->n; i++) {
                merged->pairs[i] = base->pairs[i];
                sorted[i] = &merged->pairs[i];
        }
        if (base->n > 1)
                qsort(sorted, base->n, sizeof(*sorted), compare_pairs);

        for (size_t i = 0; i < over->n; i++) {
                wanted = &over->pairs[i];
                found = base->n > 0 ? bsearch(&wanted, sorted, base->n, sizeof(*sorted), compare_pairs) : NULL;
                pair = found ? *found : &merged->pairs[merged->n++];
                pair->key = wanted->key;
                pair->value = node_merge(a, pair->value, wanted->value);
        }

        return merged;
}

struct node *node_merge(struct arena *a, struct node *base, struct node *over) {
        if (!base || !over)
                return over ? over : base;
        if (base->kind != NODE_MAP || over->kind != NODE_MAP)
                return over;

        return merge_maps(a, base, over);
}
