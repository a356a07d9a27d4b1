/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The format as tables: one row per key. The decoder, the JSON Schema, the manual page, the completion and
 * the fuzz dictionary all walk the same rows.
 *
 * A row's kind comes from the member that it fills, so row and struct can't disagree, and a member of an
 * unlisted type does not compile. Several rows may have one key: they are alternatives, told apart by what
 * is written (a scalar, a list, a map).
 *
 * Decoding leaves members of keys that are not there zeroed; schema_apply_defaults() fills them
 * afterwards, from the YAML text in the row, by the same parsers. A member counts as absent when it is all
 * zero: every refined value that was written has a span. */

#include "input/yaml.h"
#include "schema/type.h"

enum shape {
        SHAPE_SCALAR,   /* a refined type */
        SHAPE_VALUE,    /* struct value: a scalar or {secret: NAME}; with ALLOW_LIST also a list of scalars */
        SHAPE_WORDS,    /* LIST(struct word): a string, split as a shell would, or a list */
        SHAPE_COMMANDS, /* LIST of struct command: each a string */
        SHAPE_STRUCT,   /* a pointer to a struct with a schema */
        SHAPE_LIST,     /* LIST of a refined type; with a schema, an item may be a map instead */
        SHAPE_LIST_OF_STRUCT,
        SHAPE_MAP, /* LIST of struct { key; value; }; with ALLOW_LIST, a list is an entry for each item */
        SHAPE_MAP_OF_VALUE,
        SHAPE_MAP_OF_STRUCT,
        SHAPE_INLINE, /* a struct whose keys stand among this one's */
};

enum field_flags {
        FIELD_REQUIRED = 1 << 0,
        FIELD_SECRET = 1 << 1,  /* its text is shown nowhere */
        FIELD_INHERIT = 1 << 2, /* taken over from the app if it is not given */
        FIELD_ONE_OK = 1 << 3,  /* a list may be one scalar; a struct, the value of its first key */
        FIELD_ALLOW_LIST = 1 << 4,
        FIELD_NULL_OK = 1 << 5, /* a value may be null, which is as if it were absent */
        FIELD_NOT_TMP = 1 << 6, /* a path outside of /tmp, where our services have files of their own */
};

struct field {
        const char *key, *doc;
        const char *def;        /* default, as YAML text */
        const char *choices;    /* "always|on-failure|no" for a struct choice */
        const char *conditions; /* of a list: an item may also be {VALUE: CONDITION}, with one of these */
        const char *one_of;     /* rows of one schema with the same word exclude one another: a
                                         * drop-in that gives one of these keys takes the others away */
        const char *goes_with;  /* a key without which this one means nothing */
        const struct schema *schema;
        uint64_t min, max;   /* a number's bounds; max 0: none but the type's */
        size_t offset;       /* of the member */
        size_t size;         /* of the member, or of one element */
        size_t value_offset; /* of a map entry's value */
        enum shape shape;
        enum kind kind, key_kind;
        unsigned flags;
};

struct schema {
        const char *name, *doc;
        const struct field *fields;
        size_t n;
        const char *page; /* manual page of what has this at its top; NULL: pyservice.d(5) */
};

#define LIST(T)           \
        struct {          \
                T *at;    \
                size_t n; \
        }
#define LIST_EACH(item, list) \
        for (__typeof__(*(list)->at) *item = (list)->at; item && item < (list)->at + (list)->n; item++)

/* A value of `env` or `config`: text, a list of texts, or the name of a secret. */
struct value {
        struct any_text text;
        struct name secret;
        struct any_text *items;
        size_t n_items;
        struct span at;
        bool is_list, is_plain; /* plain: written without quotes */
};

/* An item of a list of volumes, in the place of a text. */
struct foreign_volume {
        struct volume_name volume;
        struct abs_path dest;
        struct option_text options;
};

extern const struct schema foreign_volume_schema;

struct command {
        LIST(struct word) words;
        struct span at;
};

/* The view that the decoder has of a generic list. */
struct raw_list {
        void *at;
        size_t n;
};

#define MEMBER(S, m) (((struct S *) 0)->m)

#define FIELD(S, m, k, d, ...)                                                                \
        {                                                                                     \
                .key = (k), .doc = (d), .shape = SHAPE_SCALAR, .kind = KIND_OF(MEMBER(S, m)), \
                .offset = offsetof(struct S, m), .size = sizeof(MEMBER(S, m)), __VA_ARGS__    \
        }
#define FIELD_VALUE(S, m, k, d, ...)                                                       \
        {                                                                                  \
                .key = (k), .doc = (d), .shape = SHAPE_VALUE,                              \
                .kind = _Generic(MEMBER(S, m), struct value                                \
                                 : KIND_ANY_TEXT),                                         \
                .offset = offsetof(struct S, m), .size = sizeof(struct value), __VA_ARGS__ \
        }
#define FIELD_WORDS(S, m, k, d, ...)                                                             \
        {                                                                                        \
                .key = (k), .doc = (d), .shape = SHAPE_WORDS, .kind = KIND_OF(*MEMBER(S, m).at), \
                .offset = offsetof(struct S, m), .size = sizeof(*MEMBER(S, m).at), __VA_ARGS__   \
        }
#define FIELD_COMMANDS(S, m, k, d, ...)                                                        \
        {                                                                                      \
                .key = (k), .doc = (d), .shape = SHAPE_COMMANDS,                               \
                .kind = _Generic(*MEMBER(S, m).at, struct command                              \
                                 : KIND_WORD),                                                 \
                .offset = offsetof(struct S, m), .size = sizeof(*MEMBER(S, m).at), __VA_ARGS__ \
        }
#define FIELD_LIST(S, m, k, d, ...)                                                             \
        {                                                                                       \
                .key = (k), .doc = (d), .shape = SHAPE_LIST, .kind = KIND_OF(*MEMBER(S, m).at), \
                .offset = offsetof(struct S, m), .size = sizeof(*MEMBER(S, m).at), __VA_ARGS__  \
        }
#define FIELD_STRUCT(S, m, k, s, d, ...)                                                    \
        {                                                                                   \
                .key = (k), .doc = (d), .shape = SHAPE_STRUCT, .schema = &(s),              \
                .offset = offsetof(struct S, m), .size = sizeof(*MEMBER(S, m)), __VA_ARGS__ \
        }
#define FIELD_STRUCTS(S, m, k, s, d, ...)                                                      \
        {                                                                                      \
                .key = (k), .doc = (d), .shape = SHAPE_LIST_OF_STRUCT, .schema = &(s),         \
                .offset = offsetof(struct S, m), .size = sizeof(*MEMBER(S, m).at), __VA_ARGS__ \
        }
#define FIELD_MAP(S, m, k, d, ...)                                                                   \
        {                                                                                            \
                .key = (k), .doc = (d), .shape = SHAPE_MAP, .kind = KIND_OF(MEMBER(S, m).at->value), \
                .key_kind = KIND_OF(MEMBER(S, m).at->key), .offset = offsetof(struct S, m),          \
                .size = sizeof(*MEMBER(S, m).at),                                                    \
                .value_offset = offsetof(__typeof__(*MEMBER(S, m).at), value), __VA_ARGS__           \
        }
#define FIELD_MAP_OF_VALUE(S, m, k, d, ...)                                                 \
        {                                                                                   \
                .key = (k), .doc = (d), .shape = SHAPE_MAP_OF_VALUE,                        \
                .kind = _Generic(MEMBER(S, m).at->value, struct value                       \
                                 : KIND_ANY_TEXT),                                          \
                .key_kind = KIND_OF(MEMBER(S, m).at->key), .offset = offsetof(struct S, m), \
                .size = sizeof(*MEMBER(S, m).at),                                           \
                .value_offset = offsetof(__typeof__(*MEMBER(S, m).at), value), __VA_ARGS__  \
        }
#define FIELD_MAP_OF_STRUCT(S, m, k, s, d, ...)                                             \
        {                                                                                   \
                .key = (k), .doc = (d), .shape = SHAPE_MAP_OF_STRUCT, .schema = &(s),       \
                .key_kind = KIND_OF(MEMBER(S, m).at->key), .offset = offsetof(struct S, m), \
                .size = sizeof(*MEMBER(S, m).at),                                           \
                .value_offset = offsetof(__typeof__(*MEMBER(S, m).at), value), __VA_ARGS__  \
        }
#define FIELD_INLINE(S, m, s)                                                           \
        {                                                                               \
                .shape = SHAPE_INLINE, .schema = &(s), .offset = offsetof(struct S, m), \
                .size = sizeof(MEMBER(S, m))                                            \
        }

#define SCHEMA(id, d, ...)                                                                                \
        const struct schema id##_schema = {                                                               \
                .name = #id, .doc = (d), .fields = id##_fields, .n = ARRAY_SIZE(id##_fields), __VA_ARGS__ \
        }

/* Decodes `map` into the zeroed struct `object`. Errors go to `ds`; the members concerned stay absent. Keys
 * that begin with "x-" are skipped. A `map` that is not a map is itself reported. */
void schema_decode(struct arena *a, struct diags *ds, const struct schema *s, const struct node *map,
                   void *object);

/* Fills what is absent and has a default; goes into inlined structs, and into structs and lists of structs
 * that are there. */
void schema_apply_defaults(struct arena *a, const struct schema *s, void *object);

/* For each row of `s` with FIELD_INHERIT: takes `from`'s if `object` has none; maps and lists of `from` come
 * before those of `object`, map entries of the same key and volumes of the same destination are replaced. A
 * struct of its own takes over the rows with FIELD_INHERIT that it has itself.
 * Both are of schema `s`. */
void schema_inherit(struct arena *a, const struct schema *s, const void *from, void *object);

/* `over` laid on `base`: maps merge key by key, everything else is replaced. But a map on a list of maps that
 * all have a `name` changes items of the list, by name; a key that is none of the names is reported. With the
 * rows `s` these are a definition and a drop-in: null takes away a key or an item, and a key takes away those
 * that it excludes. Neither node is changed; the result shares their nodes. Either may be NULL. */
struct node *schema_merge(struct arena *a, struct diags *ds, const struct schema *s, struct node *base,
                          struct node *over);

/* True if `node` is of a kind that `f` takes. Several rows may have one key; at most one of them takes it. */
bool field_accepts(const struct field *f, const struct node *node);

/* True if the member that `f` fills is absent in `object`. */
bool field_is_absent(const struct field *f, const void *object);

/* Finds the row(s) of `key`, inlined ones too: calls for the first match; NULL if there is none. *offset is
 * increased by that of the structs it is inlined in. */
const struct field *schema_find(const struct schema *s, struct str key, size_t *offset);

/* The row of `key` that takes `node`, inlined ones too; NULL if none does. */
const struct field *schema_row(const struct schema *s, struct str key, const struct node *node);

/* "did you mean 'x'?" over all keys of `s`; absent if none is near. */
struct str schema_nearest_key(struct arena *a, const struct schema *s, struct str key);
