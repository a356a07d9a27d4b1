/* SPDX-License-Identifier: Apache-2.0 */

/* One file laid over another. */

#include <stdlib.h>

#include "schema/schema.h"

struct merging {
        struct arena *arena;
        struct diags *ds;
        bool is_definition; /* null takes a key away */
};

/* The rows of a map or a list; both are NULL if unknown. */
struct level {
        const struct schema *own;   /* of a map's keys */
        const struct schema *items; /* of the keys of what is in it */
};

static struct node *merge(const struct merging *m, struct level at, struct node *base, struct node *over);

/* The program ignores what is in it. */
static bool is_remark(const struct pair *pair) {
        return str_has_prefix(pair->key->text, STR("x-"));
}

/* A key without a value is more often forgotten than meant. */
static bool takes_away(const struct merging *m, const struct pair *pair) {
        return m->is_definition && node_is_null(pair->value) && pair->value->text.n > 0;
}

static void report_nothing(const struct merging *m, const struct pair *pair) {
        (void) diag_add(m->ds, DIAG_UNUSED_NULL, pair->key->at,
                        "null removes '%.*s', which does not exist here; remove this line",
                        STR_ARG(pair->key->text));
}

/* True if `over` has a key that excludes `f`. */
static bool has_rival(const struct merging *m, const struct schema *s, const struct field *f,
                      const struct node *over) {
        for (size_t i = 0; f->one_of && i < over->n; i++) {
                const struct pair *pair = &over->pairs[i];
                size_t offset = 0;
                const struct field *other = schema_find(s, pair->key->text, &offset);

                if (other && other->one_of && strcmp(other->one_of, f->one_of) == 0 && !takes_away(m, pair))
                        return true;
        }

        return false;
}

/* True if `over` sets something that replaces `key` without naming it. */
static bool is_replaced(const struct merging *m, const struct schema *s, struct str key,
                        const struct node *over) {
        size_t offset = 0;
        const struct field *f = s ? schema_find(s, key, &offset) : NULL;

        if (!f || node_get(over, f->key))
                return false;
        if (!f->goes_with)
                return has_rival(m, s, f, over);

        for (size_t i = 0; i < over->n; i++)
                if (str_is(over->pairs[i].key->text, f->goes_with))
                        return takes_away(m, &over->pairs[i]);

        return is_replaced(m, s, str_of(f->goes_with), over);
}

static struct level below(struct level at, struct str key, const struct node *value) {
        const struct field *f = at.own ? schema_row(at.own, key, value) : NULL;

        if (at.items)
                return (struct level){ at.items, NULL };
        if (!f || f->shape != SHAPE_STRUCT)
                return (struct level){ NULL, f ? f->schema : NULL };

        return (struct level){ f->schema, NULL };
}

/* Elements point at pairs. */
static int compare_pairs(const void *left, const void *right) {
        const struct pair *a = *(const struct pair *const *) left, *b = *(const struct pair *const *) right;

        return str_cmp(a->key->text, b->key->text);
}

static void lay_pair(const struct merging *m, struct level at, struct pair *pair, const struct pair *over) {
        const struct node *known = pair->value ? pair->value : over->value;

        pair->key = over->key;
        if (is_remark(over))
                pair->value = over->value;
        else
                pair->value = merge(m, below(at, over->key->text, known), pair->value, over->value);
}

static struct node *merge_maps(const struct merging *m, struct level at, const struct node *base,
                               const struct node *over) {
        struct arena *a = m->arena;
        struct node *merged = arena_new(a, struct node);
        struct pair **sorted = arena_array(a, base->n + 1, struct pair *), **found;
        size_t n_base = 0, n = 0;

        *merged = *base;
        merged->pairs = arena_array(a, base->n + over->n + 1, struct pair);
        for (size_t i = 0; i < base->n; i++)
                if (!is_replaced(m, at.own, base->pairs[i].key->text, over)) {
                        sorted[n_base] = &merged->pairs[n_base];
                        merged->pairs[n_base++] = base->pairs[i];
                }
        if (n_base > 1)
                qsort(sorted, n_base, sizeof(*sorted), compare_pairs);

        merged->n = n_base;
        for (size_t i = 0; i < over->n; i++) {
                const struct pair *wanted = &over->pairs[i];

                found = n_base > 0 ? bsearch(&wanted, sorted, n_base, sizeof(*sorted), compare_pairs) : NULL;
                if (!takes_away(m, wanted) || is_remark(wanted))
                        lay_pair(m, at, found ? *found : &merged->pairs[merged->n++], wanted);
                else if (found)
                        (*found)->value = NULL;
                else
                        report_nothing(m, wanted);
        }

        for (size_t i = 0; i < merged->n; i++)
                if (merged->pairs[i].value)
                        merged->pairs[n++] = merged->pairs[i];
        merged->n = n;
        return merged;
}

/* The text of its `name`; absent if it has none. */
static struct str name_of(const struct node *item) {
        const struct node *name = node_get(item, "name");

        return name && name->kind == NODE_SCALAR ? name->text : (struct str){ NULL, 0 };
}

static bool has_names(const struct node *list) {
        for (size_t i = 0; i < list->n; i++)
                if (str_is_absent(name_of(list->items[i])))
                        return false;

        return list->n > 0;
}

static void report_no_item(const struct merging *m, const struct node *list, const struct pair *pair) {
        const struct node *key = pair->key;
        struct str *names = arena_array(m->arena, list->n, struct str), hint;
        struct diag *d;

        for (size_t i = 0; i < list->n; i++)
                names[i] = name_of(list->items[i]);
        hint = diag_hint(m->arena, key->text, names, list->n,
                         STR("write one of its names, or the whole list"));
        d = diag_add(m->ds, DIAG_UNKNOWN_KEY, key->at,
                     "unknown name '%.*s': the list that this drop-in changes has no such item; %.*s",
                     STR_ARG(key->text), STR_ARG(hint));
        diag_note(m->ds, d, (struct span){ list->at.file, list->at.off, 1 }, "the list begins here");
        diag_hide(m->ds, pair->value->at); /* it will not be decoded: its content is unknown */
}

static struct node *merge_items(const struct merging *m, struct level at, const struct node *base,
                                const struct node *over) {
        const struct level item = { at.items, NULL };
        struct node *merged = arena_new(m->arena, struct node);
        size_t n = 0;

        *merged = *base;
        merged->items = arena_array(m->arena, base->n, struct node *);
        memcpy(merged->items, base->items, base->n * sizeof(struct node *));
        for (size_t i = 0; i < over->n; i++) {
                const struct pair *pair = &over->pairs[i];
                size_t k = 0;

                while (k < base->n && !str_eq(name_of(base->items[k]), pair->key->text))
                        k++;
                if (is_remark(pair))
                        continue;
                if (k == base->n && takes_away(m, pair))
                        report_nothing(m, pair);
                else if (k == base->n)
                        report_no_item(m, base, pair);
                else if (takes_away(m, pair))
                        merged->items[k] = NULL;
                else
                        merged->items[k] = merge(m, item, merged->items[k], pair->value);
        }

        for (size_t i = 0; i < merged->n; i++)
                if (merged->items[i])
                        merged->items[n++] = merged->items[i];
        merged->n = n;
        return merged;
}

static struct node *merge(const struct merging *m, struct level at, struct node *base, struct node *over) {
        struct node *empty;

        if (!over)
                return base;
        if (base && base->kind == NODE_LIST && over->kind == NODE_MAP && has_names(base))
                return merge_items(m, at, base, over);
        if (over->kind != NODE_MAP)
                return over;
        if (base && base->kind == NODE_MAP)
                return merge_maps(m, at, base, over);
        if (!m->is_definition)
                return over;

        /* There may be null in it. */
        empty = arena_new(m->arena, struct node);
        *empty = (struct node){ .kind = NODE_MAP, .at = over->at };
        return merge_maps(m, at, empty, over);
}

struct node *schema_merge(struct arena *a, struct diags *ds, const struct schema *s, struct node *base,
                          struct node *over) {
        return merge(&(struct merging){ a, ds, s != NULL }, (struct level){ s, NULL }, base, over);
}
