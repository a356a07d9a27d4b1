/* SPDX-License-Identifier: Apache-2.0 */

/* A row as JSON Schema: what its shape makes of its kind. */

#include "schema/export-parts.h"

static void export_json_ref_member(struct emitter *e, const char *definition) {
        emit_text(e, "$ref", arena_join(e->out->arena, STR("#/$defs/"), str_of(definition)));
}

void export_json_ref(struct emitter *e, const char *key, const char *definition) {
        emit_open(e, key, '{');
        export_json_ref_member(e, definition);
        emit_close(e, '}');
}

static void put_schema_ref(struct emitter *e, const struct schema *s) {
        if (s == e->what->schema)
                emit_text(e, "$ref", STR("#"));
        else
                export_json_ref_member(e, s->name);
}

static void put_choices(struct emitter *e, const struct field *f) {
        struct str rest = str_of(f->choices), word;

        if (e->what->has_substitution) {
                emit_open(e, "anyOf", '[');
                emit_open(e, NULL, '{');
        }
        emit_open(e, "enum", '[');
        while (str_split(&rest, '|', &word))
                emit_text(e, NULL, word);
        emit_close(e, ']');
        if (e->what->has_substitution) {
                emit_close(e, '}');
                export_json_ref(e, NULL, DEFINITION_SUBSTITUTION);
                emit_close(e, ']');
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
                emit_number(e, "minimum", f->min);
        if (f->kind == KIND_NUMBER)
                emit_number(e, "maximum", f->max > 0 ? f->max : UINT32_MAX);
        if (f->kind == KIND_DURATION && f->min > 0)
                emit_number(e, "minimum", (f->min + 999999) / 1000000); /* plain numbers are seconds */
        if (f->kind == KIND_DURATION && f->max > 0)
                emit_number(e, "maximum", f->max / 1000000);
}

static const char *value_name(const struct field *f) {
        return f->flags & FIELD_ALLOW_LIST ? DEFINITION_LIST_VALUE : DEFINITION_VALUE;
}

static void put_text_or_map(struct emitter *e, const struct field *f) {
        emit_open(e, "anyOf", '[');
        emit_open(e, NULL, '{');
        put_scalar(e, f);
        emit_close(e, '}');
        emit_open(e, NULL, '{');
        put_schema_ref(e, f->schema);
        emit_close(e, '}');
        emit_close(e, ']');
}

static void put_struct(struct emitter *e, const struct field *f) {
        if (!(f->flags & FIELD_ONE_OK)) {
                put_schema_ref(e, f->schema);
                return;
        }

        emit_open(e, "anyOf", '[');
        emit_open(e, NULL, '{');
        put_scalar(e, &f->schema->fields[0]);
        emit_close(e, '}');
        emit_open(e, NULL, '{');
        put_schema_ref(e, f->schema);
        emit_close(e, '}');
        emit_close(e, ']');
}

static void put_scalar_or_list(struct emitter *e, const struct field *f) {
        emit_open(e, "anyOf", '[');
        emit_open(e, NULL, '{');
        put_scalar(e, f);
        emit_close(e, '}');
        emit_open(e, NULL, '{');
        emit_text(e, "type", STR("array"));
        emit_open(e, "items", '{');
        put_scalar(e, f);
        emit_close(e, '}');
        emit_close(e, '}');
        emit_close(e, ']');
}

/* One element of a list, or a map's value. */
static void put_element(struct emitter *e, const char *key, const struct field *f) {
        emit_open(e, key, '{');
        if (f->schema && f->shape == SHAPE_LIST)
                put_text_or_map(e, f);
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
        emit_close(e, '}');
}

static void put_list(struct emitter *e, const struct field *f) {
        bool is_one_ok = (f->flags & FIELD_ONE_OK) && f->shape != SHAPE_LIST_OF_STRUCT;

        if (is_one_ok) {
                emit_open(e, "anyOf", '[');
                emit_open(e, NULL, '{');
                put_scalar(e, f); /* one command is a text here; a list would be several */
                emit_close(e, '}');
                emit_open(e, NULL, '{');
        }
        emit_text(e, "type", STR("array"));
        put_element(e, "items", f);
        if (is_one_ok) {
                emit_close(e, '}');
                emit_close(e, ']');
        }
}

static void put_map(struct emitter *e, const struct field *f) {
        emit_text(e, "type", STR("object"));
        export_json_map_keys(e, f->key_kind);
        put_element(e, "additionalProperties", f);
}

static void put_value(struct emitter *e, const struct field *f) {
        if (!(f->flags & FIELD_NULL_OK)) {
                export_json_ref_member(e, value_name(f));
                return;
        }

        emit_open(e, "anyOf", '[');
        export_json_ref(e, NULL, value_name(f));
        emit_open(e, NULL, '{');
        emit_text(e, "type", STR("null"));
        emit_close(e, '}');
        emit_close(e, ']');
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
                emit_bool(e, "default", strcmp(f->def, "true") == 0);
        else if (f->kind == KIND_NUMBER && str_to_u64(str_of(f->def), UINT64_MAX, &n))
                emit_number(e, "default", n);
        else
                emit_text(e, "default", str_of(f->def));
}

void export_json_row(struct emitter *e, const struct field *f) {
        emit_text(e, "description", str_of(f->doc));
        put_shape(e, f);
        put_default(e, f);
}
