/* SPDX-License-Identifier: Apache-2.0 */

/* What YAML written for other programs has and definitions have not: aliases, and merge keys
 * (yaml.org/type/merge). */

#include "input/yaml-parts.h"

/* The last one of that name, as YAML has it. */
static const struct yaml_anchor *find_anchor(const struct yaml_foreign *f, struct str name) {
        for (size_t i = f->anchors.n; i-- > 0;)
                if (str_eq(f->anchors.at[i].name, name))
                        return &f->anchors.at[i];

        return NULL;
}

struct node *yaml_resolve_alias(struct yaml_foreign *f, const struct node *alias, unsigned depth) {
        const struct yaml_anchor *anchor = find_anchor(f, alias->text);

        if (!anchor) {
                (void) diag_add(f->diags, DIAG_YAML_ALIAS, alias->at,
                                "unknown anchor '&%.*s'; define it before this alias", STR_ARG(alias->text));
                return NULL;
        }
        if (f->n_nodes + anchor->n_nodes > YAML_FOREIGN_MAX || depth + anchor->height > YAML_DEPTH_MAX) {
                (void) diag_add(
                        f->diags, DIAG_YAML_ALIAS, alias->at,
                        "with this alias the file has more than %d values, or is nested deeper than %d",
                        YAML_FOREIGN_MAX, YAML_DEPTH_MAX);
                return NULL;
        }

        f->n_nodes += anchor->n_nodes;
        if (depth + anchor->height > f->deepest)
                f->deepest = depth + anchor->height;
        return anchor->node;
}

static bool is_merge(const struct pair *p) {
        return p->key->kind == NODE_SCALAR && p->key->plain && str_is(p->key->text, "<<");
}

static bool has_key(const struct node *map, const struct node *key) {
        for (size_t i = 0; i < map->n; i++)
                if (map->pairs[i].key->kind == NODE_SCALAR && str_eq(map->pairs[i].key->text, key->text))
                        return true;

        return false;
}

/* Those of `from` that `merged` has not. */
static void add_pairs(struct yaml_foreign *f, struct node *merged, const struct node *from) {
        struct pair *pairs = arena_array(f->arena, merged->n + from->n, struct pair);

        if (merged->n > 0)
                memcpy(pairs, merged->pairs, merged->n * sizeof(*pairs));
        merged->pairs = pairs;
        for (size_t i = 0; i < from->n; i++)
                if (from->pairs[i].key->kind == NODE_SCALAR && !has_key(merged, from->pairs[i].key))
                        merged->pairs[merged->n++] = from->pairs[i];
}

static void merge(struct yaml_foreign *f, struct node *merged, const struct node *value) {
        if (value->kind == NODE_MAP)
                add_pairs(f, merged, value);
        for (size_t i = 0; value->kind == NODE_LIST && i < value->n; i++)
                if (value->items[i]->kind == NODE_MAP)
                        add_pairs(f, merged, value->items[i]);
        if (value->kind == NODE_SCALAR)
                (void) diag_add(f->diags, DIAG_WRONG_KIND, value->at, "'<<' merges a map, or a list of maps");
}

void yaml_merge_keys(struct yaml_foreign *f, struct node *map) {
        const struct node *value = node_get(map, "<<");
        size_t n = 0;

        if (!value)
                return;
        for (size_t i = 0; i < map->n; i++)
                if (!is_merge(&map->pairs[i]))
                        map->pairs[n++] = map->pairs[i];
        if (n == map->n)
                return;

        map->n = n;
        merge(f, map, value);
}
