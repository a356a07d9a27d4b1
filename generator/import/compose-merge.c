/* SPDX-License-Identifier: Apache-2.0 */

/* Several Compose files as one, by the rules for merging of the Compose Specification (compose-spec.io). */

#include "import/compose.h"

/* A list of these replaces the earlier one. */
static const struct str replaced = STR_INIT("command,entrypoint,test");
/* A list of these may be written as a map: KEY=VALUE, or keys alone. */
static const struct str maps = STR_INIT("environment,labels,annotations,sysctls,args,depends_on,networks");
/* Items of these with one place in the container are one. */
static const struct str placed = STR_INIT("volumes,devices,secrets,configs");

static struct node *merge(struct arena *a, struct str key, struct node *base, struct node *over);

static struct node *new_scalar(struct arena *a, struct span at, struct str text, bool is_plain) {
        struct node *node = arena_new(a, struct node);

        *node = (struct node){ .kind = NODE_SCALAR, .plain = is_plain, .at = at, .text = arena_str(a, text) };
        return node;
}

/* The list ["A=b", "C"] as the map {A: b, C: }. */
static struct node *as_map(struct arena *a, struct node *list) {
        struct node *map;

        if (list->kind != NODE_LIST)
                return list;

        map = arena_new(a, struct node);
        *map = (struct node){ .kind = NODE_MAP, .at = list->at, .tag = list->tag };
        map->pairs = arena_array(a, list->n + 1, struct pair);
        for (size_t i = 0; i < list->n; i++) {
                const struct node *item = list->items[i];
                size_t sign = str_find(item->text, '=');
                bool has_value = item->kind == NODE_SCALAR && sign < item->text.n;

                if (item->kind == NODE_SCALAR)
                        map->pairs[map->n++] = (struct pair){
                                new_scalar(a, item->at, (struct str){ item->text.p, sign }, false),
                                new_scalar(a, item->at, has_value ? str_from(item->text, sign + 1) : STR(""),
                                           !has_value),
                        };
        }
        return map;
}

static struct node *as_list(struct arena *a, struct node *node) {
        struct node *list;

        if (node->kind == NODE_LIST)
                return node;

        list = arena_new(a, struct node);
        *list = (struct node){ .kind = NODE_LIST, .at = node->at, .n = 1 };
        list->items = arena_array(a, 1, struct node *);
        list->items[0] = node;
        return list;
}

/* Where an item is in the container: `target`, or what is behind the first colon of SOURCE:TARGET:OPTIONS. */
static struct str place_of(const struct node *item) {
        struct str rest = item->text, source = { NULL, 0 }, target = { NULL, 0 };

        if (item->kind != NODE_SCALAR) {
                const struct node *node = node_get(item, "target");

                return node_text(node ? node : node_get(item, "source"));
        }

        (void) str_split(&rest, ':', &source);
        return str_split(&rest, ':', &target) ? target : source;
}

static bool is_same(struct str key, const struct node *x, const struct node *y) {
        if (str_list_has(placed, key))
                return str_eq(place_of(x), place_of(y));

        return x->kind == NODE_SCALAR && y->kind == NODE_SCALAR && str_eq(x->text, y->text);
}

static struct node *merge_lists(struct arena *a, struct str key, const struct node *base,
                                const struct node *over) {
        struct node *merged = arena_new(a, struct node);

        *merged = *base;
        merged->items = arena_array(a, base->n + over->n + 1, struct node *);
        for (size_t i = 0; i < base->n; i++)
                merged->items[i] = base->items[i];
        for (size_t i = 0; i < over->n; i++) {
                size_t at = 0;

                while (at < merged->n && !is_same(key, merged->items[at], over->items[i]))
                        at++;
                merged->items[at] = over->items[i];
                merged->n += at == merged->n;
        }
        return merged;
}

static struct node *merge_maps(struct arena *a, const struct node *base, const struct node *over) {
        struct node *merged = node_copy_map(a, base, over->n);

        for (size_t i = 0; i < over->n; i++) {
                struct str key = over->pairs[i].key->text;
                struct pair *pair = node_find_pair(merged, key);

                if (!pair) {
                        pair = &merged->pairs[merged->n++];
                        *pair = (struct pair){ over->pairs[i].key, NULL };
                }
                pair->value = merge(a, key, pair->value, over->pairs[i].value);
        }
        return merged;
}

/* `base`: NULL if the key is new. */
static struct node *merge(struct arena *a, struct str key, struct node *base, struct node *over) {
        if (!base || str_is(over->tag, "!override") || str_is(over->tag, "!reset"))
                return over;
        if (str_list_has(maps, key)) {
                base = as_map(a, base);
                over = as_map(a, over);
        }
        if (base->kind == NODE_MAP && over->kind == NODE_MAP)
                return merge_maps(a, base, over);
        if ((base->kind == NODE_LIST || over->kind == NODE_LIST) && !str_list_has(replaced, key))
                return merge_lists(a, key, as_list(a, base), as_list(a, over));

        return over;
}

/* Without the keys that !reset takes away. */
static struct node *without_reset(struct arena *a, struct node *node) {
        struct node *copy;

        if (node->kind != NODE_MAP)
                return node;

        copy = node_copy_map(a, node, 0);
        copy->n = 0;
        for (size_t i = 0; i < node->n; i++)
                if (!str_is(node->pairs[i].value->tag, "!reset"))
                        copy->pairs[copy->n++] =
                                (struct pair){ node->pairs[i].key, without_reset(a, node->pairs[i].value) };
        return copy;
}

struct node *compose_merge(struct arena *a, struct node *base, struct node *over) {
        return without_reset(a, merge(a, STR(""), base, over));
}
