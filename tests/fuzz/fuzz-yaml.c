/* SPDX-License-Identifier: Apache-2.0 */

/* Any bytes as a definition: what comes out keeps the promises of yaml.h, and what is told of it can be printed. As a file that
 * was written for another program: what comes out is written down, with comments, and read again. */

#include <stdlib.h>

#include "app/app.h"
#include "base/utf8.h"
#include "output/yaml-text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert(): it must hold in every build. */
static void must(bool good) {
        if (!good)
                abort();
}

static bool is_within(struct span inner, struct span outer) {
        return inner.file == outer.file && inner.off >= outer.off
                && (uint64_t) inner.off + inner.len <= (uint64_t) outer.off + outer.len;
}

/* Does it hold only what yaml.h allows, and a NUL behind it? */
static void check_text(struct str text) {
        unsigned n;
        uint32_t c;

        must(text.p[text.n] == '\0');
        for (size_t at = 0; at < text.n; at += n) {
                n = utf8_decode(text, at, &c);
                must(n > 0 && !utf8_is_control(c));
        }
}

static void check_node(const struct node *node, struct span around, unsigned depth);

/* Of the document that is looked at: what an alias stands for lies elsewhere in it. */
static bool has_aliases;

static void check_map(const struct node *map, unsigned depth) {
        uint32_t end = map->at.off;

        for (size_t i = 0; i < map->n; i++) {
                const struct pair *pair = &map->pairs[i];

                must(pair->key->kind == NODE_SCALAR);
                must(has_aliases || (pair->key->at.off >= end && pair->value->at.off >= pair->key->at.off + pair->key->at.len));
                end = pair->value->at.off + pair->value->at.len;
                check_node(pair->key, map->at, depth + 1);
                check_node(pair->value, map->at, depth + 1);
                if (i < 50)
                        must(node_get(map, pair->key->text.p) == pair->value || memchr(pair->key->text.p, 0, pair->key->text.n));
        }
}

static void check_list(const struct node *list, unsigned depth) {
        uint32_t end = list->at.off;

        for (size_t i = 0; i < list->n; i++) {
                must(has_aliases || list->items[i]->at.off >= end);
                end = list->items[i]->at.off + list->items[i]->at.len;
                check_node(list->items[i], list->at, depth + 1);
        }
}

static void check_node(const struct node *node, struct span around, unsigned depth) {
        must(node && (has_aliases || is_within(node->at, around)) && depth <= YAML_DEPTH_MAX + 1);
        if (node->kind == NODE_MAP)
                check_map(node, depth);
        else if (node->kind == NODE_LIST)
                check_list(node, depth);
        else
                check_text(node->text);
}

/* Printed text must be fit for a terminal, whatever the file holds. */
static void check_printed(struct arena *a, const struct diags *ds, unsigned flags) {
        struct buf out = buf_in(a);
        struct str text;
        unsigned n;
        uint32_t c;

        diag_print(&out, ds, (struct str) { NULL, 0 }, flags);
        text = buf_str(&out);
        for (size_t at = 0; at < text.n; at += n) {
                n = utf8_decode(text, at, &c);
                must(n > 0 && c != '\t' && !utf8_is_control(c));
        }
        must((text.n > 0) == (ds->list.n > 0));
}

static void check_json(struct arena *a, const struct diags *ds) {
        struct buf out = buf_in(a);
        struct json_writer w = { .out = &out };
        struct str text;
        unsigned n;
        uint32_t c;

        json_open(&w, NULL, '{');
        diag_put_json(&w, ds, (struct str) { NULL, 0 });
        text = buf_str(&out);
        for (size_t at = 0; at < text.n; at += n) {
                n = utf8_decode(text, at, &c);
                must(n > 0 && c != '\t' && !utf8_is_control(c));
        }
}

static void check_diags(struct arena *a, struct diags *ds, struct span whole) {
        diag_sort(ds);
        VEC_EACH(d, &ds->list) {
                must(is_within(d->at, whole) || d->id == DIAG_FILE_TOO_LARGE);
                must(d->related.file == SPAN_NOWHERE || is_within(d->related, whole));
                must(d->text.n > 0 && d->text.p[d->text.n] == '\0');
        }
        check_printed(a, ds, 0);
        check_printed(a, ds, DIAG_BRIEF);
        check_json(a, ds);
}

enum { SIMPLE_KEY_MAX = 1000 };         /* libyaml takes no longer one before a ':' */

static void fill(struct arena *a, struct yaml_text *to, const struct node *from, unsigned depth) {
        must(depth <= YAML_DEPTH_MAX + 1);
        yaml_text_remark(a, to, from->kind == NODE_SCALAR ? from->text : STR("a comment"));
        for (size_t i = 0; i < from->n; i++) {
                const struct node *value = from->kind == NODE_MAP ? from->pairs[i].value : from->items[i];
                enum yaml_shape shape = value->kind == NODE_MAP ? YAML_TEXT_MAP : value->kind == NODE_LIST ? YAML_TEXT_LIST : YAML_TEXT_SCALAR;
                struct yaml_text *item = from->kind == NODE_MAP ? yaml_text_put(a, to, from->pairs[i].key->text, shape) : yaml_text_add(a, to, shape);

                item->text = value->text;
                fill(a, item, value, depth + 1);
        }
}

static bool has_long_key(const struct node *node) {
        for (size_t i = 0; i < node->n; i++)
                if (has_long_key(node->kind == NODE_MAP ? node->pairs[i].value : node->items[i]) ||
                    (node->kind == NODE_MAP && node->pairs[i].key->text.n * 4 > SIMPLE_KEY_MAX))
                        return true;

        return false;
}

static void check_same(const struct node *left, const struct node *right) {
        must(left->kind == right->kind && left->n == right->n && str_eq(left->text, right->text));
        for (size_t i = 0; i < left->n; i++) {
                if (left->kind == NODE_MAP)
                        must(str_eq(left->pairs[i].key->text, right->pairs[i].key->text));
                check_same(left->kind == NODE_MAP ? left->pairs[i].value : left->items[i], right->kind == NODE_MAP ? right->pairs[i].value : right->items[i]);
        }
}

static void check_foreign(struct arena *a, struct str text) {
        struct sources sources = { 0 };
        struct diags ds = { .arena = a, .sources = &sources };
        struct buf out = buf_in(a);
        struct yaml_text *written;
        struct node *root, *again;

        yaml_parse_foreign(a, &ds, source_add(a, &sources, STR("fuzz.yaml"), text), &root);
        check_diags(a, &ds, (struct span) { 0, 0, (uint32_t) text.n });
        if (!root || root->kind == NODE_SCALAR || has_long_key(root))
                return;

        written = yaml_text_new(a, root->kind == NODE_MAP ? YAML_TEXT_MAP : YAML_TEXT_LIST);
        fill(a, written, root, 1);
        yaml_text_write(&out, written, true);
        if (buf_str(&out).n > SOURCE_MAX)
                return;
        yaml_parse(a, &ds, source_add(a, &sources, STR("again.yaml"), buf_str(&out)), &again);
        must(again != NULL);
        check_same(root, again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct arena a = { 0 };
        struct sources sources = { 0 };
        struct diags ds = { .arena = &a, .sources = &sources };
        struct span whole = { 0, 0, (uint32_t) size };
        struct str text = { NULL, size };
        struct node *root;
        char *copy;

        /* Without a NUL behind it, so that a sanitizer sees who reads too far. */
        copy = malloc(size > 0 ? size : 1);
        must(copy != NULL);
        if (size > 0)
                memcpy(copy, data, size);
        text.p = copy;

        yaml_parse(&a, &ds, source_add(&a, &sources, STR("fuzz.yaml"), text), &root);
        must(!root || ds.list.n == 0);
        has_aliases = ds.aliases.n > 0;
        if (root) {
                check_node(root, whole, 1);
                check_node(schema_merge(&a, &ds, &app_schema, root, root), whole, 1);
        }
        check_diags(&a, &ds, whole);
        check_foreign(&a, text);

        arena_done(&a);
        free(copy);
        return 0;
}
