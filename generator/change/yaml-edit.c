/* SPDX-License-Identifier: Apache-2.0 */
#include "change/yaml-edit.h"

#include <errno.h>

#include "change/node-text.h"

struct edit {
        struct arena *arena;
        struct str text;
        struct node *root; /* NULL for a text without values */
        const struct key_path *path;
        struct node *maps[KEY_PATH_MAX + 1]; /* what the path leads through: maps[0] is the root */
        const struct pair *pairs[KEY_PATH_MAX];
        size_t n; /* words of the path that are there */
};

static bool parse(struct arena *a, struct str text, struct node **ret) {
        struct sources sources = { 0 };
        struct diags ds = { .arena = a, .sources = &sources };

        yaml_parse(a, &ds, source_add(a, &sources, STR(""), text), ret);
        return ds.n_errors == 0;
}

static int open_edit(struct edit *e) {
        if (!parse(e->arena, e->text, &e->root))
                return -EBADMSG;

        e->maps[0] = e->root;
        for (e->n = 0; e->n < e->path->n; e->n++) {
                const struct pair *pair = node_find_pair(e->maps[e->n], e->path->words[e->n]);

                if (!pair)
                        break;
                e->pairs[e->n] = pair;
                e->maps[e->n + 1] = pair->value;
        }
        return 0;
}

/* --- what is meant --- */

static struct node *new_key(struct arena *a, struct str key) {
        struct node *node = arena_new(a, struct node);

        *node = (struct node){ .kind = NODE_SCALAR, .text = key, .plain = !type_is_ambiguous(key) };
        return node;
}

/* `map` with the value at `words`. */
static struct node *with(struct arena *a, const struct node *map, const struct key_path *path, size_t from,
                         struct node *value) {
        struct node *copy;
        struct pair *pair;

        if (from == path->n)
                return value;

        copy = node_copy_map(a, map, 1);
        pair = node_find_pair(copy, path->words[from]);
        if (!pair) {
                pair = &copy->pairs[copy->n++];
                *pair = (struct pair){ new_key(a, path->words[from]), NULL };
        }
        pair->value = with(a, pair->value, path, from + 1, value);
        return copy;
}

/* `map` without the word `last` of the path. */
static struct node *without(struct arena *a, const struct node *map, const struct key_path *path, size_t from,
                            size_t last) {
        struct node *copy = node_copy_map(a, map, 1);
        struct pair *pair = node_find_pair(copy, path->words[from]);

        if (from < last) {
                pair->value = without(a, pair->value, path, from + 1, last);
                return copy;
        }

        memmove(pair, pair + 1, (size_t) (copy->pairs + copy->n - (pair + 1)) * sizeof(struct pair));
        copy->n--;
        return copy;
}

static int finish(struct edit *e, const struct node *meant, struct str text, struct str *ret) {
        struct node *root = NULL;
        bool is_meant = parse(e->arena, text, &root) && (root ? node_is_equal(root, meant) : meant->n == 0);

        if (!is_meant)
                return -ENOTSUP;

        *ret = text;
        return 0;
}

/* --- the text --- */

static size_t end_of(const struct node *node) {
        return node->at.off + node->at.len;
}

/* Where the line ends in which `at` is. */
static size_t line_end(struct str text, size_t at) {
        return at + str_find(str_from(text, at), '\n');
}

static size_t line_start(struct str text, size_t at) {
        while (at > 0 && text.p[at - 1] != '\n')
                at--;

        return at;
}

static bool is_in_brackets(const struct edit *e, const struct node *map) {
        return map->at.len > 0 && e->text.p[map->at.off] == '{';
}

/* Puts `piece` in the place of the bytes from `from` to `to`. */
static struct str splice(const struct edit *e, size_t from, size_t to, struct str piece) {
        return arena_join(e->arena, (struct str){ e->text.p, from }, piece, str_from(e->text, to));
}

static struct str inline_text(const struct edit *e, const struct node *value) {
        struct buf text = buf_in(e->arena);

        node_put_inline(&text, value);
        return buf_str(&text);
}

static struct str replace_value(const struct edit *e, const struct pair *pair, const struct node *value) {
        struct str piece = inline_text(e, value);
        size_t behind = end_of(pair->key), end = end_of(pair->value), eol;

        while (behind < e->text.n && e->text.p[behind] != ':')
                behind++;
        if (behind < e->text.n)
                behind++;
        eol = line_end(e->text, behind);

        if (pair->value->at.len == 0)
                return splice(e, behind, behind, arena_join(e->arena, STR(" "), piece));
        if (pair->value->at.off < eol)
                return splice(e, pair->value->at.off, end, piece);

        /* A map or list on lines of its own; what is written behind the colon stays. */
        return arena_join(e->arena, (struct str){ e->text.p, behind }, STR(" "), piece,
                          (struct str){ e->text.p + behind, eol - behind }, str_from(e->text, end));
}

/* Behind the last pair of the map. `rest`: a map of one pair. */
static struct str insert(const struct edit *e, const struct node *map, const struct node *rest) {
        struct buf lines = buf_in(e->arena);
        size_t start, at;

        if (!map || map->n == 0) {
                bool is_flow = map && is_in_brackets(e, map);

                at = is_flow ? map->at.off : e->text.n;
                if (is_flow)
                        return splice(e, at, end_of(map), inline_text(e, rest));
                if (at > 0 && e->text.p[at - 1] != '\n')
                        buf_put_char(&lines, '\n');
                node_put_lines(&lines, rest, 0, NULL);
                return splice(e, at, at, buf_str(&lines));
        }

        at = end_of(map->pairs[map->n - 1].value);
        if (is_in_brackets(e, map)) {
                struct str piece = inline_text(e, rest);

                return splice(e, at, at,
                              arena_join(e->arena, STR(", "), (struct str){ piece.p + 1, piece.n - 2 }));
        }

        start = map->pairs[0].key->at.off;
        at = line_end(e->text, at);
        if (at == e->text.n)
                buf_put_char(&lines, '\n');
        else
                at++;
        node_put_lines(&lines, rest, (unsigned) (start - line_start(e->text, start)), NULL);
        return splice(e, at, at, buf_str(&lines));
}

int yaml_edit_set(struct arena *a, struct str text, const struct key_path *path, struct node *value,
                  struct str *ret) {
        struct edit e = { .arena = a, .text = text, .path = path };
        const struct node *rest, *meant, *last;
        int r = open_edit(&e);

        if (r < 0)
                return r;

        meant = with(a, e.root, path, 0, value);
        last = e.maps[e.n];
        rest = with(a, NULL, path, e.n, value);
        if (e.n == path->n)
                return finish(&e, meant, replace_value(&e, e.pairs[e.n - 1], value), ret);
        if (!last || last->kind == NODE_MAP)
                return finish(&e, meant, insert(&e, last, rest), ret);
        if (e.n > 0 && last->kind == NODE_SCALAR && last->at.len == 0)
                return finish(&e, meant, replace_value(&e, e.pairs[e.n - 1], rest), ret);

        return -ENOTSUP;
}

static struct str take_out(const struct edit *e, const struct node *map, const struct pair *pair) {
        size_t i = (size_t) (pair - map->pairs), from = pair->key->at.off, to = end_of(pair->value);

        if (is_in_brackets(e, map)) {
                if (i + 1 < map->n)
                        to = map->pairs[i + 1].key->at.off;
                else if (i > 0)
                        from = end_of(map->pairs[i - 1].value);
                return splice(e, from, to, STR(""));
        }

        to = line_end(e->text, to);
        return splice(e, line_start(e->text, from), to < e->text.n ? to + 1 : to, STR(""));
}

int yaml_edit_remove(struct arena *a, struct str text, const struct key_path *path, struct str *ret,
                     bool *ret_is_empty) {
        struct edit e = { .arena = a, .text = text, .path = path };
        const struct node *meant;
        size_t last;
        int r = open_edit(&e);

        if (r < 0)
                return r;
        if (e.n < path->n)
                return -ENOENT;

        for (last = path->n - 1; last > 0 && e.maps[last]->n == 1; last--)
                ;
        meant = without(a, e.root, path, 0, last);
        r = finish(&e, meant, take_out(&e, e.maps[last], e.pairs[last]), ret);
        if (r == 0)
                *ret_is_empty = meant->n == 0;
        return r;
}
