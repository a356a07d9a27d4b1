/* SPDX-License-Identifier: Apache-2.0 */

/* Aliases, and merge keys (yaml.org/type/merge). */

#include "input/yaml-parts.h"

/* The last one of that name, as YAML has it. */
static struct yaml_anchor *find_anchor(const struct yaml_anchors *f, struct str name) {
        for (size_t i = f->list.n; i-- > 0;)
                if (str_eq(f->list.at[i].name, name))
                        return &f->list.at[i];

        return NULL;
}

bool yaml_resolve_alias(struct yaml_anchors *f, struct node *alias, unsigned depth) {
        struct yaml_anchor *anchor = find_anchor(f, alias->text);
        struct span at = alias->at;

        if (!anchor) {
                (void) diag_add(f->diags, DIAG_YAML_ALIAS, at,
                                "'*%.*s' is an alias, and no '&%.*s' comes before it; write a value that "
                                "begins with '*' in quotes",
                                STR_ARG(alias->text), STR_ARG(alias->text));
                alias->is_refused = true;
                return true;
        }
        if (f->n_nodes + anchor->n_nodes > f->n_max || depth + anchor->height > YAML_DEPTH_MAX) {
                (void) diag_add(
                        f->diags, DIAG_YAML_ALIAS, at,
                        "with this alias the file has more than %zu values, or is nested deeper than %d",
                        f->n_max, YAML_DEPTH_MAX);
                return false;
        }

        f->n_nodes += anchor->n_nodes;
        if (depth + anchor->height > f->deepest)
                f->deepest = depth + anchor->height;
        anchor->is_used = true;
        diag_alias(f->diags, at, anchor->node->at);
        *alias = *anchor->node;
        alias->at = at;
        return true;
}

void yaml_check_unused(const struct yaml_anchors *f) {
        VEC_EACH(anchor, &f->list)
                if (anchor->node->kind == NODE_SCALAR && !anchor->is_used)
                        (void) diag_add(f->diags, DIAG_YAML_ANCHOR, anchor->at,
                                        "'&%.*s' names a value that no alias uses; write a value that begins "
                                        "with '&' in quotes",
                                        STR_ARG(anchor->name));
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
static void add_pairs(struct yaml_anchors *f, struct node *merged, const struct node *from) {
        struct pair *pairs = arena_array(f->arena, merged->n + from->n, struct pair);

        if (merged->n > 0)
                memcpy(pairs, merged->pairs, merged->n * sizeof(*pairs));
        merged->pairs = pairs;
        for (size_t i = 0; i < from->n; i++)
                if (from->pairs[i].key->kind == NODE_SCALAR && !has_key(merged, from->pairs[i].key))
                        merged->pairs[merged->n++] = from->pairs[i];
}

static void merge(struct yaml_anchors *f, struct node *merged, const struct node *value) {
        if (value->kind == NODE_MAP)
                add_pairs(f, merged, value);
        for (size_t i = 0; value->kind == NODE_LIST && i < value->n; i++)
                if (value->items[i]->kind == NODE_MAP)
                        add_pairs(f, merged, value->items[i]);
        if (value->kind == NODE_SCALAR)
                (void) diag_add(f->diags, DIAG_WRONG_KIND, value->at, "'<<' merges a map, or a list of maps");
}

void yaml_merge_keys(struct yaml_anchors *f, struct node *map) {
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
