/* SPDX-License-Identifier: Apache-2.0 */

/* A row as JSON Schema: what its shape makes of its kind. */

#include "schema/export-parts.h"

static void export_json_ref_member(struct emitter *e, const char *definition) {
        json_text(&e->json, "$ref", arena_join(e->json.out->arena, STR("#/$defs/"), str_of(definition)));
}

void export_json_ref(struct emitter *e, const char *key, const char *definition) {
        json_open(&e->json, key, '{');
        export_json_ref_member(e, definition);
        json_close(&e->json, '}');
}

static void put_schema_ref(struct emitter *e, const struct schema *s) {
        if (s == e->what->schema)
                json_text(&e->json, "$ref", STR("#"));
        else
                export_json_ref_member(e, s->name);
}

static void put_choices(struct emitter *e, const struct field *f) {
        struct str rest = str_of(f->choices), word;

        if (e->what->has_substitution) {
                json_open(&e->json, "anyOf", '[');
                json_open(&e->json, NULL, '{');
        }
        json_open(&e->json, "enum", '[');
        while (str_split(&rest, '|', &word))
                json_text(&e->json, NULL, word);
        json_close(&e->json, ']');
        if (e->what->has_substitution) {
                json_close(&e->json, '}');
                export_json_ref(e, NULL, DEFINITION_SUBSTITUTION);
                json_close(&e->json, ']');
        }
}

/* Bounds beside the reference apply to values that are written as a number, not to texts. */
static void put_scalar(struct emitter *e, const struct field *f) {
        if (f->kind == KIND_CHOICE) {
                put_choices(e, f);
                return;
        }

        export_json_ref_member(e, export_kind_name(f->kind));
        if (f->kind == KIND_NUMBER && f->min > 0)
                json_number(&e->json, "minimum", f->min);
        if (f->kind == KIND_NUMBER)
                json_number(&e->json, "maximum", f->max > 0 ? f->max : UINT32_MAX);
        if (f->kind == KIND_DURATION && f->min > 0)
                json_number(&e->json, "minimum", (f->min + 999999) / 1000000); /* plain numbers are seconds */
        if (f->kind == KIND_DURATION && f->max > 0)
                json_number(&e->json, "maximum", f->max / 1000000);
}

static const char *value_name(const struct field *f) {
        return f->flags & FIELD_ALLOW_LIST ? DEFINITION_LIST_VALUE : DEFINITION_VALUE;
}

static void put_text_or_map(struct emitter *e, const struct field *f) {
        json_open(&e->json, "anyOf", '[');
        json_open(&e->json, NULL, '{');
        put_scalar(e, f);
        json_close(&e->json, '}');
        json_open(&e->json, NULL, '{');
        put_schema_ref(e, f->schema);
        json_close(&e->json, '}');
        json_close(&e->json, ']');
}

/* A text, or a map of one text to its condition. */
static void put_conditional(struct emitter *e, const struct field *f) {
        struct str rest = str_of(f->conditions), word;

        json_open(&e->json, "anyOf", '[');
        json_open(&e->json, NULL, '{');
        put_scalar(e, f);
        json_close(&e->json, '}');
        json_open(&e->json, NULL, '{');
        json_text(&e->json, "type", STR("object"));
        export_json_map_keys(e, f->kind);
        json_number(&e->json, "minProperties", 1);
        json_number(&e->json, "maxProperties", 1);
        json_open(&e->json, "additionalProperties", '{');
        json_open(&e->json, "enum", '[');
        while (str_split(&rest, '|', &word))
                json_text(&e->json, NULL, word);
        json_close(&e->json, ']');
        json_close(&e->json, '}');
        json_close(&e->json, '}');
        json_close(&e->json, ']');
}

static void put_struct(struct emitter *e, const struct field *f) {
        if (!(f->flags & FIELD_ONE_OK)) {
                put_schema_ref(e, f->schema);
                return;
        }

        json_open(&e->json, "anyOf", '[');
        json_open(&e->json, NULL, '{');
        put_scalar(e, &f->schema->fields[0]);
        json_close(&e->json, '}');
        json_open(&e->json, NULL, '{');
        put_schema_ref(e, f->schema);
        json_close(&e->json, '}');
        json_close(&e->json, ']');
}

static void put_scalar_or_list(struct emitter *e, const struct field *f) {
        json_open(&e->json, "anyOf", '[');
        json_open(&e->json, NULL, '{');
        put_scalar(e, f);
        json_close(&e->json, '}');
        json_open(&e->json, NULL, '{');
        json_text(&e->json, "type", STR("array"));
        json_open(&e->json, "items", '{');
        put_scalar(e, f);
        json_close(&e->json, '}');
        json_close(&e->json, '}');
        json_close(&e->json, ']');
}

/* One element of a list, or a map's value. */
static void put_element(struct emitter *e, const char *key, const struct field *f) {
        json_open(&e->json, key, '{');
        if (f->schema && f->shape == SHAPE_LIST)
                put_text_or_map(e, f);
        else if (f->conditions)
                put_conditional(e, f);
        else if (f->schema)
                put_struct(e, f);
        else if (f->shape == SHAPE_COMMANDS)
                export_json_ref_member(e, DEFINITION_COMMAND);
        else if (f->shape == SHAPE_MAP_OF_VALUE)
                export_json_ref_member(e, value_name(f));
        else if (f->shape == SHAPE_MAP && (f->flags & FIELD_ALLOW_LIST))
                put_scalar_or_list(e, f);
        else
                put_scalar(e, f);
        json_close(&e->json, '}');
}

static void put_list(struct emitter *e, const struct field *f) {
        bool is_one_ok = (f->flags & FIELD_ONE_OK) && f->shape != SHAPE_LIST_OF_STRUCT;

        if (is_one_ok) {
                json_open(&e->json, "anyOf", '[');
                json_open(&e->json, NULL, '{');
                put_scalar(e, f); /* one command is a text here; a list would be several */
                json_close(&e->json, '}');
                json_open(&e->json, NULL, '{');
        }
        json_text(&e->json, "type", STR("array"));
        put_element(e, "items", f);
        if (is_one_ok) {
                json_close(&e->json, '}');
                json_close(&e->json, ']');
        }
}

static void put_map(struct emitter *e, const struct field *f) {
        json_text(&e->json, "type", STR("object"));
        export_json_map_keys(e, f->key_kind);
        put_element(e, "additionalProperties", f);
}

static void put_value(struct emitter *e, const struct field *f) {
        if (!(f->flags & FIELD_NULL_OK)) {
                export_json_ref_member(e, value_name(f));
                return;
        }

        json_open(&e->json, "anyOf", '[');
        export_json_ref(e, NULL, value_name(f));
        json_open(&e->json, NULL, '{');
        json_text(&e->json, "type", STR("null"));
        json_close(&e->json, '}');
        json_close(&e->json, ']');
}

static void put_shape(struct emitter *e, const struct field *f) {
        switch (f->shape) {
        case SHAPE_SCALAR:
                put_scalar(e, f);
                return;
        case SHAPE_VALUE:
                put_value(e, f);
                return;
        case SHAPE_WORDS:
                export_json_ref_member(e, DEFINITION_COMMAND);
                return;
        case SHAPE_STRUCT:
                put_struct(e, f);
                return;
        case SHAPE_LIST:
        case SHAPE_COMMANDS:
        case SHAPE_LIST_OF_STRUCT:
                put_list(e, f);
                return;
        case SHAPE_MAP:
        case SHAPE_MAP_OF_VALUE:
        case SHAPE_MAP_OF_STRUCT:
                put_map(e, f);
                return;
        case SHAPE_INLINE:
                return;
        }
}

/* A default is YAML; a number or boolean is the same in JSON, all else is a text. */
static void put_default(struct emitter *e, const struct field *f) {
        uint64_t n;

        if (!f->def)
                return;

        if (f->kind == KIND_FLAG)
                json_bool(&e->json, "default", strcmp(f->def, "true") == 0);
        else if (f->kind == KIND_NUMBER && str_to_u64(str_of(f->def), UINT64_MAX, &n))
                json_number(&e->json, "default", n);
        else
                json_text(&e->json, "default", str_of(f->def));
}

void export_json_row(struct emitter *e, const struct field *f) {
        json_text(&e->json, "description", str_of(f->doc));
        put_shape(e, f);
        put_default(e, f);
}
