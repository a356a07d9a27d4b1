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

static struct node *merge_maps(struct arena *a, struct diags *ds, const struct node *base, const struct node *over) {
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
                pair->value = node_merge(a, ds, pair->value, wanted->value);
        }

        return merged;
}

/* The text of its `name`; absent where it has none. */
static struct str name_of(const struct node *item) {
        const struct node *name = node_get(item, "name");

        return name && name->kind == NODE_SCALAR ? name->text : (struct str) { NULL, 0 };
}

static bool has_names(const struct node *list) {
        for (size_t i = 0; i < list->n; i++)
                if (str_is_absent(name_of(list->items[i])))
                        return false;

        return list->n > 0;
}

static void report_no_item(struct arena *a, struct diags *ds, const struct node *list, const struct pair *pair) {
        const struct node *key = pair->key;
        struct str *names = arena_array(a, list->n, struct str), hint;
        struct diag *d;

        for (size_t i = 0; i < list->n; i++)
                names[i] = name_of(list->items[i]);
        hint = diag_hint(a, key->text, names, list->n, STR("write one that is, or the whole list"));
        d = diag_add(ds, DIAG_UNKNOWN_KEY, key->at, "'%.*s' is no name in the list that this is laid over; %.*s", STR_ARG(key->text), STR_ARG(hint));
        diag_note(ds, d, (struct span) { list->at.file, list->at.off, 1 }, "the list begins here");
        diag_hide(ds, pair->value->at);         /* it will not be decoded: nobody knows what is in it */
}

static struct node *merge_items(struct arena *a, struct diags *ds, const struct node *base, const struct node *over) {
        struct node *merged = arena_new(a, struct node);

        *merged = *base;
        merged->items = arena_array(a, base->n, struct node *);
        memcpy(merged->items, base->items, base->n * sizeof(struct node *));
        for (size_t i = 0; i < over->n; i++) {
                size_t k = 0;

                if (str_has_prefix(over->pairs[i].key->text, STR("x-")))
                        continue;
                while (k < base->n && !str_eq(name_of(base->items[k]), over->pairs[i].key->text))
                        k++;
                if (k < base->n)
                        merged->items[k] = node_merge(a, ds, merged->items[k], over->pairs[i].value);
                else
                        report_no_item(a, ds, base, &over->pairs[i]);
        }

        return merged;
}

struct node *node_merge(struct arena *a, struct diags *ds, struct node *base, struct node *over) {
        if (!base || !over)
                return over ? over : base;
        if (over->kind == NODE_MAP && base->kind == NODE_LIST && has_names(base))
                return merge_items(a, ds, base, over);
        if (base->kind != NODE_MAP || over->kind != NODE_MAP)
                return over;

        return merge_maps(a, ds, base, over);
}
