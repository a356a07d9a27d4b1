/* SPDX-License-Identifier: Apache-2.0 */

/* A row of the types as JSON Schema.
 *
 * An editor reads `image: 5` as a number where the decoder sees the text "5"; so what accepts digits
 * accepts numbers. */

#include "schema/export-parts.h"

/* A bracket expression of type.c for regular expressions, ECMA-262 with the flag u and Python's alike. */
static void put_class(struct buf *b, const char *set) {
        buf_put_char(b, '[');
        for (; *set; set++) {
                if (strchr("[]\\^", *set))
                        buf_put_char(b, '\\');
                buf_put_char(b, *set);
        }
        buf_put_char(b, ']');
}

/* Absent if every text will do. */
static struct str pattern_of(struct arena *a, const struct type *t) {
        struct buf b = buf_in(a);

        if (t->pattern)
                return str_of(t->pattern);
        if (!t->chars)
                return t->allows_lines   ? (struct str){ NULL, 0 }
                       : t->allows_empty ? STR("^[^\\n\\t]*$")
                                         : STR("^[^\\n\\t]+$");

        buf_put(&b, t->allows_empty ? "^(" : "^");
        put_class(&b, t->first);
        put_class(&b, t->chars);
        buf_put(&b, t->allows_empty ? "*)?$" : "*$");
        return buf_str(&b);
}

static void put_string_rules(struct emitter *e, const struct type *t) {
        struct str pattern = pattern_of(e->json.out->arena, t);

        if (!str_is_absent(pattern))
                json_text(&e->json, "pattern", pattern);
        if (t->max > 0)
                json_number(&e->json, "maxLength", t->max);
}

/* A text, and a number if one is such a text: perhaps only one of three digits, as a file's mode and an HTTP
 * status are. */
static void put_text_rules(struct emitter *e, enum kind kind) {
        bool is_short = type_accepts(kind, STR("1"));
        const char *number = type_accepts(kind, STR("1.5"))               ? "number"
                             : is_short || type_accepts(kind, STR("200")) ? "integer"
                                                                          : NULL;

        if (!number) {
                json_text(&e->json, "type", STR("string"));
        } else {
                json_open(&e->json, "type", '[');
                json_text(&e->json, NULL, STR("string"));
                json_text(&e->json, NULL, str_of(number));
                if (type_of(kind)->allows_booleans)
                        json_text(&e->json, NULL, STR("boolean"));
                json_close(&e->json, ']');
                if (!type_accepts(kind, STR("-1")))
                        json_number(&e->json, "minimum", is_short ? 0 : 100);
        }
        put_string_rules(e, type_of(kind));
}

static void put_number_rules(struct emitter *e, enum kind kind) {
        json_text(&e->json, "type", kind == KIND_CPUS ? STR("number") : STR("integer"));
        if (kind == KIND_CPUS)
                json_number(&e->json, "exclusiveMinimum", 0);
        else
                json_number(&e->json, "minimum", kind == KIND_BYTES ? 1 : 0);
}

static void put_number_kind(struct emitter *e, enum kind kind) {
        json_open(&e->json, "anyOf", '[');
        json_open(&e->json, NULL, '{');
        put_number_rules(e, kind);
        json_close(&e->json, '}');
        json_open(&e->json, NULL, '{');
        json_text(&e->json, "type", STR("string"));
        put_string_rules(e, type_of(kind));
        json_close(&e->json, '}');
        if (e->what->has_substitution)
                export_json_ref(e, NULL, DEFINITION_SUBSTITUTION);
        json_close(&e->json, ']');
}

static void put_text_kind(struct emitter *e, enum kind kind) {
        const struct type *t = type_of(kind);

        /* A type that takes every byte of a line takes braces too. */
        if (!e->what->has_substitution || (!t->chars && !t->pattern)) {
                put_text_rules(e, kind);
                return;
        }

        json_open(&e->json, "anyOf", '[');
        json_open(&e->json, NULL, '{');
        put_text_rules(e, kind);
        json_close(&e->json, '}');
        export_json_ref(e, NULL, DEFINITION_SUBSTITUTION);
        json_close(&e->json, ']');
}

static void put_examples(struct emitter *e, enum kind kind) {
        const char *const *good = type_of(kind)->good;

        if (!good || !*good)
                return;

        json_open(&e->json, "examples", '[');
        for (; *good; good++) {
                uint64_t n;

                if (kind == KIND_FLAG)
                        json_bool(&e->json, NULL, strcmp(*good, "true") == 0);
                else if (kind == KIND_NUMBER && str_to_u64(str_of(*good), UINT64_MAX, &n))
                        json_number(&e->json, NULL, n);
                else
                        json_text(&e->json, NULL, str_of(*good));
        }
        json_close(&e->json, ']');
}

void export_json_kind(struct emitter *e, enum kind kind) {
        const struct type *t = type_of(kind);

        json_open(&e->json, export_kind_name(kind), '{');
        json_text(&e->json, "title", str_of(t->name));
        json_text(&e->json, "description", export_sentence(e->json.out->arena, t->rule));
        if (kind == KIND_FLAG)
                json_text(&e->json, "type", STR("boolean"));
        else if (kind < KIND_TEXT)
                put_number_kind(e, kind);
        else
                put_text_kind(e, kind);
        put_examples(e, kind);
        json_close(&e->json, '}');
}

void export_json_map_keys(struct emitter *e, enum kind kind) {
        json_open(&e->json, "propertyNames", '{');
        put_string_rules(e, type_of(kind));
        json_close(&e->json, '}');
}
