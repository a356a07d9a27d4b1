/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/schema.h"

#include "schema/decode.h"

bool field_accepts(const struct field *f, const struct node *node) {
        switch (f->shape) {
        case SHAPE_SCALAR:
                return node->kind == NODE_SCALAR;
        case SHAPE_VALUE:
                return true;
        case SHAPE_WORDS:
                return node->kind != NODE_MAP;
        case SHAPE_LIST:
        case SHAPE_COMMANDS:
                return node->kind == NODE_LIST || (node->kind == NODE_SCALAR && (f->flags & FIELD_ONE_OK));
        case SHAPE_LIST_OF_STRUCT:
                return node->kind == NODE_LIST;
        case SHAPE_STRUCT:
                return node->kind == NODE_MAP || (node->kind == NODE_SCALAR && (f->flags & FIELD_ONE_OK));
        case SHAPE_MAP:
        case SHAPE_MAP_OF_VALUE:
        case SHAPE_MAP_OF_STRUCT:
                return node->kind == NODE_MAP;
        case SHAPE_INLINE:
                return false;
        }

        return false;
}

static const char *shape_name(enum shape shape) {
        switch (shape) {
        case SHAPE_SCALAR:
        case SHAPE_VALUE:
                return "a single value";
        case SHAPE_WORDS:
                return "a command: a text or a list of words";
        case SHAPE_LIST:
        case SHAPE_COMMANDS:
        case SHAPE_LIST_OF_STRUCT:
                return "a list";
        case SHAPE_STRUCT:
        case SHAPE_MAP:
        case SHAPE_MAP_OF_VALUE:
        case SHAPE_MAP_OF_STRUCT:
        case SHAPE_INLINE:
                return "a map (KEY: VALUE)";
        }

        return "something else";
}

static const char *node_name(const struct node *node) {
        return node->kind == NODE_SCALAR ? "a single value" : node->kind == NODE_LIST ? "a list" : "a map";
}

static void decode_struct(struct decoder *d, const struct schema *s, const struct node *map, void *object);

static bool decode_commands(struct decoder *d, const struct field *f, const struct node *node,
                            struct raw_list *ret) {
        struct node *const one = (struct node *) node;
        struct node *const *items = node->kind == NODE_LIST ? node->items : &one;
        size_t n = node->kind == NODE_LIST ? node->n : 1;
        struct command *commands = arena_array(d->arena, n + 1, struct command);
        bool good = true;

        for (size_t i = 0; i < n; i++) {
                struct raw_list words = { 0 };

                if (items[i]->kind == NODE_MAP) {
                        (void) diag_add(d->ds, DIAG_WRONG_KIND, items[i]->at,
                                        "a command is a text or a list of words");
                        good = false;
                        continue;
                }
                good = decode_words(d, f, items[i], &words) && good;
                commands[i].words.at = words.at;
                commands[i].words.n = words.n;
                commands[i].at = items[i]->at;
        }

        *ret = (struct raw_list){ commands, n };
        return good;
}

static const struct field foreign_volume_fields[] = {
        FIELD(foreign_volume, volume, "volume",
              "Podman's name of the volume. If it does not exist, it is created; it is never removed.",
              .flags = FIELD_REQUIRED),
        FIELD(foreign_volume, dest, "dest", "Path of the mount in the container.", .flags = FIELD_REQUIRED),
        FIELD(foreign_volume, options, "options", "Options of the mount, such as ro."),
};
SCHEMA(foreign_volume, "A Podman volume that does not belong to the application: several applications share "
                       "it, or it existed before.");

/* Becomes the text that would stand for it, with a mark. */
static void decode_foreign_volume(struct decoder *d, const struct field *f, const struct node *node,
                                  struct volume_spec *ret) {
        static const char mark = FOREIGN_MARK;
        struct foreign_volume v = { 0 };
        size_t errors = d->ds->n_errors;
        struct str text;

        decode_struct(d, &foreign_volume_schema, node, &v);
        if (d->ds->n_errors > errors)
                return;

        text = arena_join(d->arena, v.volume.text, STR(":"), v.dest.text,
                          str_is_absent(v.options.text) ? STR("") : STR(":"),
                          str_is_absent(v.options.text) ? STR("") : v.options.text);
        if (type_accepts(f->kind, text))
                *ret = (struct volume_spec){ arena_join(d->arena, (struct str){ &mark, 1 }, text), node->at };
        else
                (void) diag_add(d->ds, DIAG_BAD_VALUE, node->at, "'%.*s' is not a valid %s; %s",
                                STR_ARG(text), type_of(f->kind)->name, type_of(f->kind)->rule);
}

/* {VALUE: CONDITION} becomes one text, with marks; the reader of the field knows the conditions. */
static void decode_condition(struct decoder *d, const struct field *f, const struct node *node,
                             struct unit_ref *ret) {
        static const char mark[] = { CONDITION_MARK };
        const struct str separator = { mark, 1 };
        const struct pair *pair = node->pairs;

        if (node->n != 1 || pair->value->kind != NODE_SCALAR)
                (void) diag_add(d->ds, DIAG_WRONG_KIND, node->at,
                                "an item of '%s' is a name, or a map of one name to its condition", f->key);
        else if (decode_scalar(d, f, f->kind, pair->key, ret))
                *ret = (struct unit_ref){ arena_join(d->arena, separator, pair->value->text, separator,
                                                     pair->key->text),
                                          pair->key->at };
}

/* A scalar where FIELD_ONE_OK allows it is the value of the first key. */
static void decode_struct_or_first(struct decoder *d, const struct field *f, const struct node *node,
                                   char *object) {
        const struct field *first = &f->schema->fields[0];

        if (node->kind == NODE_SCALAR && (f->flags & FIELD_ONE_OK))
                (void) decode_scalar(d, first, first->kind, node, object + first->offset);
        else
                decode_struct(d, f->schema, node, object);
}

static void decode_list(struct decoder *d, const struct field *f, const struct node *node,
                        struct raw_list *ret) {
        struct node *const one = (struct node *) node;
        struct node *const *items = node->kind == NODE_LIST ? node->items : &one;
        size_t n = node->kind == NODE_LIST ? node->n : 1;
        char *at = arena_alloc_array(d->arena, n + 1, f->size, alignof(max_align_t));

        for (size_t i = 0; i < n; i++) {
                void *element = at + i * f->size;

                if (f->shape == SHAPE_LIST_OF_STRUCT)
                        decode_struct_or_first(d, f, items[i], element);
                else if (items[i]->kind == NODE_MAP && f->schema)
                        decode_foreign_volume(d, f, items[i], element);
                else if (items[i]->kind == NODE_MAP && f->conditions)
                        decode_condition(d, f, items[i], element);
                else if (items[i]->kind != NODE_SCALAR)
                        (void) diag_add(d->ds, DIAG_WRONG_KIND, items[i]->at,
                                        "an item of '%s' is a single value, not %s", f->key,
                                        node_name(items[i]));
                else
                        (void) decode_scalar(d, f, f->kind, items[i], element);
        }

        *ret = (struct raw_list){ at, n };
}

static size_t count_values(const struct field *f, const struct node *map) {
        size_t n = map->n;

        for (size_t i = 0; f->shape == SHAPE_MAP && i < map->n; i++)
                n += map->pairs[i].value->kind == NODE_LIST ? map->pairs[i].value->n : 0;

        return n;
}

/* The values of one key, in the entries from `at` on, each with the key that the first of them has. Returns
 * their number. */
static size_t decode_values(struct decoder *d, const struct field *f, const struct pair *pair, char *at) {
        const struct node *value = pair->value;
        bool is_list = value->kind == NODE_LIST && (f->flags & FIELD_ALLOW_LIST);
        struct node *const *items = is_list ? value->items : &pair->value;
        size_t n = is_list ? value->n : 1;

        for (size_t i = 0; i < n; i++) {
                char *entry = at + i * f->size;

                if (i > 0)
                        memcpy(entry, at, f->value_offset);
                if (items[i]->kind == NODE_SCALAR)
                        (void) decode_scalar(d, f, f->kind, items[i], entry + f->value_offset);
                else
                        (void) diag_add(d->ds, DIAG_WRONG_KIND, items[i]->at,
                                        "'%.*s' takes a single value%s, not %s", STR_ARG(pair->key->text),
                                        f->flags & FIELD_ALLOW_LIST ? " or a list of them" : "",
                                        node_name(items[i]));
        }

        return n;
}

static void decode_map(struct decoder *d, const struct field *f, const struct node *node,
                       struct raw_list *ret) {
        char *at = arena_alloc_array(d->arena, count_values(f, node) + 1, f->size, alignof(max_align_t));
        size_t n = 0;

        for (size_t i = 0; i < node->n; i++) {
                const struct node *key = node->pairs[i].key, *value = node->pairs[i].value;
                char *entry = at + n * f->size;

                if ((f->flags & FIELD_SECRET) && value->kind != NODE_MAP)
                        diag_hide(d->ds, value->at);
                if (!decode_scalar(d, f, f->key_kind, key, entry))
                        continue;

                if (f->shape == SHAPE_MAP) {
                        n += decode_values(d, f, &node->pairs[i], entry);
                        continue;
                }

                n++;
                if (f->shape == SHAPE_MAP_OF_STRUCT)
                        decode_struct_or_first(d, f, value, entry + f->value_offset);
                else
                        (void) decode_value(d, f, value, (struct value *) (void *) (entry + f->value_offset));
        }

        *ret = (struct raw_list){ at, n };
}

static void decode_field(struct decoder *d, const struct field *f, const struct node *node, void *member) {
        struct raw_list list = { 0 };
        void *object;

        switch (f->shape) {
        case SHAPE_SCALAR:
                (void) decode_scalar(d, f, f->kind, node, member);
                return;
        case SHAPE_VALUE:
                (void) decode_value(d, f, node, member);
                return;
        case SHAPE_STRUCT:
                object = arena_alloc(d->arena, f->size, alignof(max_align_t));
                decode_struct_or_first(d, f, node, object);
                memcpy(member, &object, sizeof(object));
                return;
        case SHAPE_WORDS:
                (void) decode_words(d, f, node, &list);
                break;
        case SHAPE_COMMANDS:
                (void) decode_commands(d, f, node, &list);
                break;
        case SHAPE_LIST:
        case SHAPE_LIST_OF_STRUCT:
                decode_list(d, f, node, &list);
                break;
        case SHAPE_MAP:
        case SHAPE_MAP_OF_VALUE:
        case SHAPE_MAP_OF_STRUCT:
                decode_map(d, f, node, &list);
                break;
        case SHAPE_INLINE:
                return;
        }

        memcpy(member, &list, sizeof(list));
}

/* The row of `key` that takes `node`; if there are rows but none takes it, *ret_first is the first of
 * them. */
static const struct field *find_row(const struct schema *s, struct str key, const struct node *node,
                                    size_t *offset, const struct field **ret_first) {
        for (size_t i = 0; i < s->n; i++) {
                const struct field *f = &s->fields[i], *inner;
                size_t below = *offset + f->offset;

                if (f->shape == SHAPE_INLINE) {
                        inner = find_row(f->schema, key, node, &below, ret_first);
                        if (inner) {
                                *offset = below;
                                return inner;
                        }
                        continue;
                }
                if (!str_is(key, f->key))
                        continue;
                if (!node || field_accepts(f, node))
                        return f;
                if (!*ret_first)
                        *ret_first = f;
        }

        return NULL;
}

const struct field *schema_find(const struct schema *s, struct str key, size_t *offset) {
        const struct field *first = NULL;

        return find_row(s, key, NULL, offset, &first);
}

const struct field *schema_row(const struct schema *s, struct str key, const struct node *node) {
        const struct field *first = NULL;
        size_t offset = 0;

        return find_row(s, key, node, &offset, &first);
}

static void collect_keys(struct arena *a, const struct schema *s, struct str *keys, size_t *n, size_t max) {
        for (size_t i = 0; i < s->n; i++) {
                if (s->fields[i].shape == SHAPE_INLINE)
                        collect_keys(a, s->fields[i].schema, keys, n, max);
                else if (*n < max)
                        keys[(*n)++] = str_of(s->fields[i].key);
        }
}

struct str schema_nearest_key(struct arena *a, const struct schema *s, struct str key) {
        struct str keys[128];
        size_t n = 0;

        collect_keys(a, s, keys, &n, ARRAY_SIZE(keys));
        return diag_nearest(key, keys, n);
}

/* Compose has its services by name. */
static struct str advise_list(const struct decoder *d, const struct field *f, const struct node *node) {
        const struct pair *first = node->kind == NODE_MAP && node->n > 0 ? &node->pairs[0] : NULL;
        size_t offset = 0;
        bool is_name;

        if (!first || f->shape != SHAPE_LIST_OF_STRUCT || !schema_find(f->schema, STR("name"), &offset))
                return STR("");

        is_name = str_is(first->key->text, "name") && first->value->kind == NODE_SCALAR;
        return arena_join(d->arena, STR("; write '- name: "), is_name ? first->value->text : first->key->text,
                          STR("'"));
}

/* Maps that people expect to be shorter; other programs take a list of NAME=VALUE. */
struct str advise_map(struct arena *a, struct str before, struct str key) {
        static const char *const maps[][2] = {
                { "env", "{NAME: VALUE}" },
                { "labels", "{NAME: VALUE}" },
                { "proxy", "{domains: [NAME]}" },
                { "tls", "{certificate: FILE}" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
                if (str_is(key, maps[i][0]))
                        return arena_join(a, before, STR("'"), key, STR(": "), str_of(maps[i][1]), STR("'"));

        return STR("");
}

static void report_kind(struct decoder *d, const struct field *f, const struct pair *pair) {
        struct str advice = pair->value->kind == NODE_MAP
                                    ? advise_list(d, f, pair->value)
                                    : advise_map(d->arena, STR("; write "), pair->key->text);

        diag_add(d->ds, DIAG_WRONG_KIND, pair->value->at, "'%.*s' takes %s, not %s%.*s",
                 STR_ARG(pair->key->text), shape_name(f->shape), node_name(pair->value), STR_ARG(advice))
                ->is_secret = (f->flags & FIELD_SECRET) != 0;
}

static void decode_pair(struct decoder *d, const struct schema *s, const struct pair *pair, char *object) {
        const struct field *f, *first = NULL;
        size_t offset = 0;

        if (str_has_prefix(pair->key->text, STR("x-"))) {
                diag_hide(d->ds, pair->value->at);
                return;
        }

        f = find_row(s, pair->key->text, pair->value, &offset, &first);
        if (!f && !first) {
                decode_unknown(d, s, pair);
                return;
        }
        if (pair->value->kind == NODE_SCALAR && pair->value->plain && pair->value->text.n == 0 &&
            !(f && (f->flags & FIELD_NULL_OK))) {
                (void) diag_add(d->ds, DIAG_EMPTY_VALUE, pair->key->at,
                                "'%.*s' has no value; give it one, or remove the key",
                                STR_ARG(pair->key->text));
                return;
        }
        if (!f) {
                decode_hide(d->ds, first->schema, pair->value);
                report_kind(d, first, pair);
                return;
        }

        decode_field(d, f, pair->value, object + offset + f->offset);
}

/* True if a misspelt key already got this suggestion. */
static bool is_hinted_at(struct decoder *d, const struct schema *s, const struct node *map, const char *key) {
        for (size_t i = 0; i < map->n; i++) {
                size_t offset = 0;

                if (!schema_find(s, map->pairs[i].key->text, &offset) &&
                    str_is(schema_nearest_key(d->arena, s, map->pairs[i].key->text), key))
                        return true;
        }

        return false;
}

static void require_keys(struct decoder *d, const struct schema *s, const struct node *map) {
        for (size_t i = 0; i < s->n; i++) {
                const struct field *f = &s->fields[i];

                if (f->shape == SHAPE_INLINE)
                        require_keys(d, f->schema, map);
                else if ((f->flags & FIELD_REQUIRED) && !node_get(map, f->key) &&
                         !is_hinted_at(d, s, map, f->key))
                        (void) diag_add(
                                d->ds, DIAG_MISSING_KEY, (struct span){ map->at.file, map->at.off, 1 },
                                "%.*s needs '%s:'; add it", STR_ARG(decode_name(d->arena, s)), f->key);
        }
}

static void decode_struct(struct decoder *d, const struct schema *s, const struct node *map, void *object) {
        if (map->kind != NODE_MAP) {
                decode_hide(d->ds, s, map);
                (void) diag_add(d->ds, DIAG_WRONG_KIND, map->at, "%.*s is a map (KEY: VALUE), not %s",
                                STR_ARG(decode_name(d->arena, s)), node_name(map));
                return;
        }

        for (size_t i = 0; i < map->n; i++)
                decode_pair(d, s, &map->pairs[i], object);

        require_keys(d, s, map);
}

void schema_decode(struct arena *a, struct diags *ds, const struct schema *s, const struct node *map,
                   void *object) {
        decode_struct(&(struct decoder){ a, ds, s }, s, map, object);
}
