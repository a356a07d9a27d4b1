/* SPDX-License-Identifier: Apache-2.0 */

/* Defaults, and what services take over from their app. */

#include <stdlib.h>

#include "schema/decode.h"
#include "schema/syntax.h"

/* The size of what a row fills in its struct. */
static size_t member_size(const struct field *f) {
        switch (f->shape) {
        case SHAPE_SCALAR:
        case SHAPE_VALUE:
        case SHAPE_INLINE:
                return f->size;
        case SHAPE_STRUCT:
                return sizeof(void *);
        case SHAPE_WORDS:
        case SHAPE_COMMANDS:
        case SHAPE_LIST:
        case SHAPE_LIST_OF_STRUCT:
        case SHAPE_MAP:
        case SHAPE_MAP_OF_VALUE:
        case SHAPE_MAP_OF_STRUCT:
                return sizeof(struct raw_list);
        }

        return 0;
}

bool field_is_absent(const struct field *f, const void *object) {
        const char *member = (const char *) object + f->offset;

        for (size_t i = 0; i < member_size(f); i++)
                if (member[i] != 0)
                        return false;

        return true;
}

static void apply_default(struct arena *a, const struct field *f, char *object) {
        struct diags ds = { .arena = a };
        struct decoder d = { a, &ds };
        struct node node = { .kind = NODE_SCALAR, .plain = true, .at = NOWHERE, .text = str_of(f->def) };
        struct raw_list words;

        /* The texts of defaults are good: a unit test decodes them all. */
        if (f->shape == SHAPE_SCALAR)
                (void) decode_scalar(&d, f, f->kind, &node, object + f->offset);
        else if (f->shape == SHAPE_WORDS && decode_words(&d, f, &node, &words))
                memcpy(object + f->offset, &words, sizeof(words));
}

void schema_apply_defaults(struct arena *a, const struct schema *s, void *object) {
        for (size_t i = 0; i < s->n; i++) {
                const struct field *f = &s->fields[i];
                char *member = (char *) object + f->offset;
                struct raw_list list;
                void *below;

                if (f->def && field_is_absent(f, object))
                        apply_default(a, f, object);

                if (f->shape == SHAPE_INLINE)
                        schema_apply_defaults(a, f->schema, member);
                if (f->shape == SHAPE_STRUCT) {
                        memcpy(&below, member, sizeof(below));
                        if (below)
                                schema_apply_defaults(a, f->schema, below);
                }
                if (f->shape == SHAPE_LIST_OF_STRUCT || f->shape == SHAPE_MAP_OF_STRUCT) {
                        memcpy(&list, member, sizeof(list));
                        for (size_t k = 0; k < list.n; k++)
                                schema_apply_defaults(a, f->schema,
                                                      (char *) list.at + k * f->size + f->value_offset);
                }
        }
}

/* Map entries begin with their key, a refined text. */
static bool has_key(const struct raw_list *list, size_t size, struct str key) {
        struct text entry;

        for (size_t i = 0; i < list->n; i++) {
                memcpy(&entry, (const char *) list->at + i * size, sizeof(entry));
                if (str_eq(entry.text, key))
                        return true;
        }

        return false;
}

static int compare_texts(const void *left, const void *right) {
        return str_cmp(*(const struct str *) left, *(const struct str *) right);
}

/* The destinations of a list of volumes, sorted. */
static struct str *sort_targets(struct arena *a, const struct raw_list *list, size_t size) {
        struct str *targets = arena_array(a, list->n + 1, struct str);
        struct text entry;

        for (size_t i = 0; i < list->n; i++) {
                memcpy(&entry, (const char *) list->at + i * size, sizeof(entry));
                targets[i] = syntax_volume_split(entry.text).target;
        }
        if (list->n > 1)
                qsort(targets, list->n, sizeof(*targets), compare_texts);

        return targets;
}

/* At one path of a container one thing is mounted. */
static bool has_target(const struct str *targets, size_t n, struct str volume) {
        struct str target = syntax_volume_split(volume).target;

        return n > 0 && bsearch(&target, targets, n, sizeof(target), compare_texts);
}

static struct raw_list join_lists(struct arena *a, const struct field *f, const struct raw_list *from,
                                  const struct raw_list *own) {
        bool is_map =
                f->shape == SHAPE_MAP || f->shape == SHAPE_MAP_OF_VALUE || f->shape == SHAPE_MAP_OF_STRUCT;
        char *at = arena_alloc_array(a, from->n + own->n + 1, f->size, alignof(max_align_t));
        struct str *targets = f->kind == KIND_VOLUME_SPEC ? sort_targets(a, own, f->size) : NULL;
        size_t n = 0;

        for (size_t i = 0; i < from->n; i++) {
                const char *element = (const char *) from->at + i * f->size;
                struct text key;

                memcpy(&key, element, sizeof(key));
                if (is_map && has_key(own, f->size, key.text))
                        continue;
                if (targets && has_target(targets, own->n, key.text))
                        continue;
                memcpy(at + n++ * f->size, element, f->size);
        }
        if (own->n > 0)
                memcpy(at + n * f->size, own->at, own->n * f->size);

        return (struct raw_list){ at, n + own->n };
}

/* Both members are pointers to structs that are there. */
static void inherit_struct(struct arena *a, const struct schema *s, const char *theirs, const char *ours) {
        const void *from;
        void *object;

        memcpy(&from, theirs, sizeof(from));
        memcpy(&object, ours, sizeof(object));
        schema_inherit(a, s, from, object);
}

void schema_inherit(struct arena *a, const struct schema *s, const void *from, void *object) {
        for (size_t i = 0; i < s->n; i++) {
                const struct field *f = &s->fields[i];
                const char *theirs = (const char *) from + f->offset;
                char *ours = (char *) object + f->offset;
                struct raw_list list, own;

                if (f->shape == SHAPE_INLINE)
                        schema_inherit(a, f->schema, theirs, ours);
                if (!(f->flags & FIELD_INHERIT) || field_is_absent(f, from))
                        continue;
                if (field_is_absent(f, object)) {
                        memcpy(ours, theirs, member_size(f));
                        continue;
                }
                if (f->shape == SHAPE_STRUCT)
                        inherit_struct(a, f->schema, theirs, ours);
                if (f->shape == SHAPE_SCALAR || f->shape == SHAPE_VALUE || f->shape == SHAPE_STRUCT ||
                    f->shape == SHAPE_WORDS)
                        continue;

                memcpy(&list, theirs, sizeof(list));
                memcpy(&own, ours, sizeof(own));
                list = join_lists(a, f, &list, &own);
                memcpy(ours, &list, sizeof(list));
        }
}
