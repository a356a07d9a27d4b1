/* SPDX-License-Identifier: Apache-2.0 */
#include "input/yaml.h"

#include <stdlib.h>
#include <yaml.h>

#include "base/utf8.h"
#include "input/yaml-parts.h"

/* A named node of a file. */
struct anchor {
        struct str name;
        struct span at; /* of the name */
        struct node *node;
        size_t n_nodes;  /* with all that is in it */
        unsigned height; /* of the collections in it */
        bool is_used;
};

struct anchors {
        struct arena *arena;
        struct diags *diags;
        VEC(struct anchor) list;
        size_t n_nodes;   /* as if each alias were a copy */
        size_t n_max;     /* the most of them */
        unsigned deepest; /* since it was last set */
};

/* The last one of that name, as YAML has it. */
static struct anchor *find_anchor(const struct anchors *f, struct str name) {
        for (size_t i = f->list.n; i-- > 0;)
                if (str_eq(f->list.at[i].name, name))
                        return &f->list.at[i];

        return NULL;
}

/* Makes `alias` (its text is the name) what it stands for, with `depth` collections around it. False if it
 * would make the file too large. */
static bool resolve_alias(struct anchors *f, struct node *alias, unsigned depth) {
        struct anchor *anchor = find_anchor(f, alias->text);
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

/* Reports names of single values that no alias uses: such a value more likely begins with '&'. */
static void check_unused(const struct anchors *f) {
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
static void add_pairs(struct anchors *f, struct node *merged, const struct node *from) {
        struct pair *pairs = arena_array(f->arena, merged->n + from->n, struct pair);

        if (merged->n > 0)
                memcpy(pairs, merged->pairs, merged->n * sizeof(*pairs));
        merged->pairs = pairs;
        for (size_t i = 0; i < from->n; i++)
                if (from->pairs[i].key->kind == NODE_SCALAR && !has_key(merged, from->pairs[i].key))
                        merged->pairs[merged->n++] = from->pairs[i];
}

static void merge(struct anchors *f, struct node *merged, const struct node *value) {
        if (value->kind == NODE_MAP)
                add_pairs(f, merged, value);
        for (size_t i = 0; value->kind == NODE_LIST && i < value->n; i++)
                if (value->items[i]->kind == NODE_MAP)
                        add_pairs(f, merged, value->items[i]);
        if (value->kind == NODE_SCALAR)
                (void) diag_add(f->diags, DIAG_WRONG_KIND, value->at, "'<<' merges a map, or a list of maps");
}

/* Puts the pairs of merge keys (yaml.org/type/merge) among the map's own, which count more. */
static void merge_keys(struct anchors *f, struct node *map) {
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

/* Reports keys of a map that are not text, or that appear twice. */
static void check_keys(struct arena *a, struct diags *ds, const struct node *map) {
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

/* One message for each kind: a file with Windows line ends has as many of them as it has lines. */
enum kind {
        KIND_NOT_UTF8,
        KIND_CARRIAGE_RETURN,
        KIND_LINE_SEPARATOR,
        KIND_MARK,
        KIND_CONTROL,
        KIND_COUNT,
};

static enum kind kind_of(uint32_t c) {
        if (c == '\r')
                return KIND_CARRIAGE_RETURN;
        if (c == 0x85 || c == 0x2028 || c == 0x2029)
                return KIND_LINE_SEPARATOR;

        return c == 0xfeff ? KIND_MARK : KIND_CONTROL;
}

static void report_carriage_return(struct diags *ds, struct span at, struct str text) {
        bool is_crlf = at.off + 1 < text.n && text.p[at.off + 1] == '\n';

        (void) diag_add(
                ds, DIAG_LINE_BREAK, at,
                is_crlf ? "lines end with CR LF, as on Windows; convert them with: sed -i 's/\\r$//' FILE"
                        : "a carriage return does not end a line; end lines with a line feed");
}

static void report(struct diags *ds, enum kind kind, struct span at, uint32_t c) {
        struct str text = ds->sources->list.at[at.file].text;

        if (kind == KIND_CARRIAGE_RETURN)
                report_carriage_return(ds, at, text);
        if (kind == KIND_NOT_UTF8)
                (void) diag_add(ds, DIAG_NOT_UTF8, at, "byte 0x%02X is not UTF-8; save the file as UTF-8",
                                (unsigned) (uint8_t) text.p[at.off]);
        if (kind == KIND_LINE_SEPARATOR)
                (void) diag_add(ds, DIAG_LINE_BREAK, at,
                                "U+%04X is a line break to YAML, but not to editors; remove it", c);
        if (kind == KIND_MARK)
                (void) diag_add(ds, DIAG_CONTROL_CHARACTER, at,
                                "a byte order mark (U+FEFF) may only be at the start; remove it");
        if (kind == KIND_CONTROL)
                (void) diag_add(ds, DIAG_CONTROL_CHARACTER, at, "control character U+%04X; remove it", c);
}

static bool is_utf16(struct str text) {
        return text.n >= 2 && (memcmp(text.p, "\xff\xfe", 2) == 0 || memcmp(text.p, "\xfe\xff", 2) == 0);
}

/* Reports characters that no definition may hold, the first of each kind, before libyaml sees the text.
 * False if there are any. Sets *ret_is_ascii when characters and bytes are the same. */
static bool check_bytes(struct diags *ds, uint32_t file, bool *ret_is_ascii) {
        struct str text = ds->sources->list.at[file].text;
        bool seen[KIND_COUNT] = { false }, is_ascii = true, is_good = true;
        unsigned n;

        if (is_utf16(text)) {
                (void) diag_add(ds, DIAG_NOT_UTF8, (struct span){ file, 0, 2 },
                                "the file is UTF-16; save it as UTF-8");
                return false;
        }

        for (size_t at = 0; at<text.n; at += n> 0 ? n : 1) {
                uint8_t byte = (uint8_t) text.p[at];
                enum kind kind = KIND_NOT_UTF8;
                uint32_t c = byte;

                n = 1;
                if ((byte >= ' ' && byte < 0x7f) || byte == '\n')
                        continue;

                is_ascii = is_ascii && byte < 0x80;
                n = utf8_decode(text, at, &c);
                if (n > 0 && (!utf8_is_control(c) || (c == 0xfeff && at == 0)))
                        continue;

                if (n > 0)
                        kind = kind_of(c);
                if (!seen[kind])
                        report(ds, kind, (struct span){ file, (uint32_t) at, n > 0 ? n : 1 }, c);
                seen[kind] = true;
                is_good = false;
        }

        *ret_is_ascii = is_ascii;
        return is_good;
}

/* Where a character of libyaml's is in bytes. Marks come almost in order, so that a few steps lead from
 * one to the next. */
struct cursor {
        size_t character, byte;
};

struct reader {
        struct arena *arena;
        struct diags *diags;
        struct str text;
        uint32_t file;
        bool is_ascii; /* characters are bytes; the cursor stays unused */
        struct cursor cursor;
        yaml_parser_t parser;
        yaml_event_t event; /* the current one */
        uint32_t end;       /* of the last scalar */
        bool has_tags;      /* they are kept */
        struct anchors anchors;
        VEC(struct node *) open; /* children of the collections that are being read */
};

static bool is_inner(char byte) {
        return (byte & 0xc0) == 0x80;
}

static uint32_t byte_of(struct reader *r, size_t character) {
        struct cursor *c = &r->cursor;

        if (r->is_ascii)
                return (uint32_t) (character < r->text.n ? character : r->text.n);

        while (c->character < character && c->byte < r->text.n) {
                do
                        c->byte++;
                while (c->byte < r->text.n && is_inner(r->text.p[c->byte]));
                c->character++;
        }
        while (c->character > character) {
                do
                        c->byte--;
                while (is_inner(r->text.p[c->byte]));
                c->character--;
        }

        return (uint32_t) c->byte;
}

static struct span span_between(const struct reader *r, uint32_t start, uint32_t end) {
        return (struct span){ r->file, start, end > start ? end - start : 0 };
}

/* The position of the current event. */
static struct span event_span(struct reader *r) {
        uint32_t start = byte_of(r, r->event.start_mark.index);

        return span_between(r, start, byte_of(r, r->event.end_mark.index));
}

static bool is_blank(char c) {
        return c == ' ' || c == '\t';
}

static void report_failure(struct reader *r) {
        const yaml_parser_t *p = &r->parser;
        struct yaml_failure f = {
                .text = r->text, .file = r->file, .problem = p->problem, .context = p->context
        };

        /* libyaml reports a lack of memory separately; it is handled like one of the arena. */
        if (p->error == YAML_MEMORY_ERROR)
                (void) arena_alloc(r->arena, SIZE_MAX, 1);

        f.problem_at = byte_of(r, p->problem_mark.index);
        f.context_at = p->context ? byte_of(r, p->context_mark.index) : f.problem_at;
        yaml_explain(r->diags, &f);
}

static bool next_event(struct reader *r) {
        yaml_event_delete(&r->event);
        if (yaml_parser_parse(&r->parser, &r->event))
                return true;

        report_failure(r);
        return false;
}

static bool is_space(char c) {
        return is_blank(c) || c == '\n';
}

/* libyaml gives the place of what comes next; here an empty value is where the text before it ends. */
static uint32_t empty_place(const struct reader *r, uint32_t at) {
        while (at > r->end && is_space(r->text.p[at - 1]))
                at--;

        return at;
}

/* A block scalar's mark is where the next line's text begins: goes back to the end of its own last line. */
static uint32_t block_end(const struct reader *r, struct span at) {
        uint32_t end = at.off + at.len;

        for (uint32_t i = end; i > at.off && is_space(r->text.p[i - 1]); i--)
                if (r->text.p[i - 1] == '\n')
                        end = i - 1;

        return end;
}

static void read_scalar(struct reader *r, struct node *node) {
        struct str value = { (const char *) r->event.data.scalar.value, r->event.data.scalar.length };
        yaml_scalar_style_t style = r->event.data.scalar.style;
        unsigned n;
        uint32_t c;

        node->kind = NODE_SCALAR;
        node->plain = style == YAML_PLAIN_SCALAR_STYLE;
        node->text = arena_str(r->arena, value);
        if (style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE)
                node->at.len = block_end(r, node->at) - node->at.off;
        if (node->at.len == 0)
                node->at.off = empty_place(r, node->at.off);
        r->end = node->at.off + node->at.len;
        if (style != YAML_DOUBLE_QUOTED_SCALAR_STYLE)
                return;

        /* Only here escapes can give what the file itself does not hold. */
        for (size_t at = 0; at < value.n; at += n) {
                n = utf8_decode(value, at, &c);
                if (n == 0 || utf8_is_control(c)) {
                        (void) diag_add(
                                r->diags, DIAG_CONTROL_CHARACTER, node->at,
                                "an escape gives control character U+%04X; only \\n and \\t may be written",
                                n > 0 ? c : 0);
                        return;
                }
        }
}

static struct node *read_node(struct reader *r, unsigned depth);

static void fill_list(struct reader *r, struct node *node, size_t bottom) {
        node->n = r->open.n - bottom;
        node->items = arena_array(r->arena, node->n, struct node *);
        if (node->n > 0)
                memcpy(node->items, r->open.at + bottom, node->n * sizeof(struct node *));
}

static void fill_map(struct reader *r, struct node *node, size_t bottom) {
        node->n = (r->open.n - bottom) / 2;
        node->pairs = arena_array(r->arena, node->n, struct pair);
        for (size_t i = 0; i < node->n; i++)
                node->pairs[i] = (struct pair){ r->open.at[bottom + 2 * i], r->open.at[bottom + 2 * i + 1] };
}

/* The current event ends the collection: up to where does it reach? Only a bracket has a width; the end of a
 * collection without brackets is that of its last part. */
static uint32_t collection_end(struct reader *r, const struct node *node, size_t bottom) {
        struct span at = event_span(r), last;

        if (at.len > 0 || r->open.n == bottom)
                return at.off + at.len;

        last = r->open.at[r->open.n - 1]->at;
        return last.off + last.len > node->at.off ? last.off + last.len : node->at.off;
}

static bool read_collection(struct reader *r, struct node *node, unsigned depth) {
        yaml_event_type_t end = node->kind == NODE_MAP ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
        size_t bottom = r->open.n;

        if (depth > YAML_DEPTH_MAX) {
                node->at.len = 1;
                (void) diag_add(r->diags, DIAG_YAML_DEPTH, node->at,
                                "maps and lists are nested deeper than %d", YAML_DEPTH_MAX);
                return false;
        }

        while (next_event(r) && r->event.type != end) {
                struct node *child = read_node(r, depth);

                if (!child)
                        return false;
                *vec_push(r->arena, &r->open) = child;
        }
        if (r->event.type != end)
                return false;

        node->at = span_between(r, node->at.off, collection_end(r, node, bottom));
        if (node->kind == NODE_LIST)
                fill_list(r, node, bottom);
        else {
                fill_map(r, node, bottom);
                check_keys(r->arena, r->diags, node);
                merge_keys(&r->anchors, node);
        }
        r->open.n = bottom;
        return true;
}

static bool read_contents(struct reader *r, struct node *node, unsigned depth) {
        yaml_event_type_t type = r->event.type;

        if (type == YAML_SCALAR_EVENT) {
                read_scalar(r, node);
                return true;
        }

        node->kind = type == YAML_MAPPING_START_EVENT ? NODE_MAP : NODE_LIST;
        return read_collection(r, node, depth + 1);
}

static struct str event_anchor(const yaml_event_t *e) {
        if (e->type == YAML_SCALAR_EVENT)
                return str_of((const char *) e->data.scalar.anchor);

        return str_of((const char *) (e->type == YAML_MAPPING_START_EVENT ? e->data.mapping_start.anchor
                                                                          : e->data.sequence_start.anchor));
}

static struct str event_tag(const yaml_event_t *e) {
        if (e->type == YAML_SCALAR_EVENT)
                return str_of((const char *) e->data.scalar.tag);

        return str_of((const char *) (e->type == YAML_MAPPING_START_EVENT ? e->data.mapping_start.tag
                                                                          : e->data.sequence_start.tag));
}

static struct span property_span(const struct reader *r, uint32_t at, struct str anchor) {
        uint32_t end = at + 1;

        if (r->text.p[at] == '&')
                return span_between(r, at, end + (uint32_t) anchor.n);
        while (end < r->text.n && !is_space(r->text.p[end]))
                end++;
        return span_between(r, at, end);
}

/* Anchor and tag stand before the value: node->at then begins with the value. */
static void read_properties(struct reader *r, struct node *node, struct anchor *ret) {
        struct str anchor = event_anchor(&r->event), tag = event_tag(&r->event);
        uint32_t at = node->at.off, end = at + node->at.len;

        if (str_is_absent(anchor) && str_is_absent(tag))
                return;
        if (!str_is_absent(anchor))
                ret->name = arena_str(r->arena, anchor);
        if (!str_is_absent(tag) && r->has_tags)
                node->tag = arena_str(r->arena, tag);

        while (at < r->text.n && (r->text.p[at] == '&' || r->text.p[at] == '!')) {
                struct span word = property_span(r, at, anchor);

                if (r->text.p[at] == '&')
                        ret->at = word;
                else if (!r->has_tags)
                        (void) diag_add(
                                r->diags, DIAG_YAML_TAG, word,
                                "tags are not used here; write the value, in quotes if it begins with '!'");
                for (at = word.off + word.len; at < r->text.n && is_space(r->text.p[at]); at++)
                        ;
        }
        /* The mark of an empty value is where its name ends; a collection's end is not known yet. */
        node->at = span_between(r, r->event.type == YAML_SCALAR_EVENT && at > end ? end : at, end);
}

/* Only what is whole has a name, so that nothing contains itself. */
static bool read_value(struct reader *r, struct node *node, unsigned depth) {
        struct anchors *f = &r->anchors;
        struct anchor anchor = { 0 };
        unsigned deepest = f->deepest;
        size_t n_before = f->n_nodes++;

        f->deepest = depth + (r->event.type != YAML_SCALAR_EVENT);
        read_properties(r, node, &anchor);
        if (!read_contents(r, node, depth))
                return false;

        if (!str_is_absent(anchor.name)) {
                anchor.node = node;
                anchor.n_nodes = f->n_nodes - n_before;
                anchor.height = f->deepest - depth;
                *vec_push(r->arena, &f->list) = anchor;
        }
        f->deepest = f->deepest > deepest ? f->deepest : deepest;
        return true;
}

/* The node that the current event begins; `depth` collections are around it. NULL when parsing has to end. */
static struct node *read_node(struct reader *r, unsigned depth) {
        struct node *node = arena_new(r->arena, struct node);

        node->at = event_span(r);
        if (r->event.type != YAML_ALIAS_EVENT)
                return read_value(r, node, depth) ? node : NULL;

        node->text = arena_str(r->arena, str_of((const char *) r->event.data.alias.anchor));
        return resolve_alias(&r->anchors, node, depth) ? node : NULL;
}

/* The current event begins a document. */
static void refuse_directives(struct reader *r) {
        struct span at = event_span(r);
        struct str rest;

        if (at.off >= r->text.n || r->text.p[at.off] != '%')
                return;

        rest = str_from(r->text, at.off);
        at.len = (uint32_t) str_trim((struct str){ rest.p, str_find(rest, '\n') }).n;
        (void) diag_add(r->diags, DIAG_YAML_DIRECTIVE, at, "directives are not used here; remove the line");
}

static void refuse_document(struct reader *r) {
        struct span at = event_span(r);

        at.len = at.off < r->text.n && r->text.p[at.off] == '-' ? 3 : 1;
        (void) diag_add(r->diags, DIAG_YAML_DOCUMENTS, at, "a second document begins; a file has only one");
}

static struct node *read_document(struct reader *r) {
        struct node *root;

        if (!next_event(r) || !next_event(r) || r->event.type == YAML_STREAM_END_EVENT)
                return NULL;

        refuse_directives(r);
        if (!next_event(r))
                return NULL;

        root = read_node(r, 0);
        if (!root || !next_event(r) || !next_event(r))
                return NULL;

        if (r->event.type != YAML_STREAM_END_EVENT)
                refuse_document(r);

        /* A file of comments and a `---`. */
        return root->plain && root->text.n == 0 ? NULL : root;
}

static void parse(struct arena *a, struct diags *ds, uint32_t file, bool is_foreign, struct node **ret) {
        struct reader r = {
                .arena = a,
                .diags = ds,
                .text = ds->sources->list.at[file].text,
                .file = file,
                .has_tags = is_foreign,
                .anchors = { .arena = a,
                             .diags = ds,
                             .n_max = is_foreign ? YAML_FOREIGN_NODES_MAX : YAML_NODES_MAX },
        };
        size_t n_before = ds->n_errors;
        struct node *root;

        *ret = NULL;
        if (r.text.n > SOURCE_MAX) {
                (void) diag_add(ds, DIAG_FILE_TOO_LARGE, (struct span){ file, 0, 0 },
                                "the file has %zu bytes; the maximum is %zu", r.text.n, SOURCE_MAX);
                return;
        }
        if (r.text.n == 0 || !check_bytes(ds, file, &r.is_ascii))
                return;

        if (!yaml_parser_initialize(&r.parser))
                (void) arena_alloc(a, SIZE_MAX, 1); /* ends the process */
        yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&r.parser, (const unsigned char *) r.text.p, r.text.n);
        root = read_document(&r);
        yaml_event_delete(&r.event);
        yaml_parser_delete(&r.parser);
        if (!is_foreign)
                check_unused(&r.anchors);
        if (ds->n_errors == n_before)
                *ret = root;
}

void yaml_parse(struct arena *a, struct diags *ds, uint32_t file, struct node **ret) {
        parse(a, ds, file, false, ret);
}

void yaml_parse_foreign(struct arena *a, struct diags *ds, uint32_t file, struct node **ret) {
        parse(a, ds, file, true, ret);
}
