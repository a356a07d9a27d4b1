/* SPDX-License-Identifier: Apache-2.0 */

/* The document: objects for schemas, and "$defs" for what they have in common. */

#include "schema/export-parts.h"

static size_t count_rows(const struct export_rows *rows, size_t from, const char *key) {
        size_t n = 0;

        for (size_t i = from; i < rows->list.n; i++)
                n += strcmp(rows->list.at[i]->key, key) == 0;

        return n;
}

/* The row at `at`; with those after it that have its key, which are alternatives. */
static void put_property(struct emitter *e, const struct export_rows *rows, size_t at) {
        const char *key = rows->list.at[at]->key;
        size_t n = count_rows(rows, at, key);

        if (count_rows(rows, 0, key) > n)
                return; /* put with its first row */

        emit_open(e, key, '{');
        if (n == 1) {
                export_json_row(e, rows->list.at[at]);
        } else {
                emit_open(e, "anyOf", '[');
                for (size_t i = at; i < rows->list.n; i++) {
                        if (strcmp(rows->list.at[i]->key, key) != 0)
                                continue;
                        emit_open(e, NULL, '{');
                        export_json_row(e, rows->list.at[i]);
                        emit_close(e, '}');
                }
                emit_close(e, ']');
        }
        emit_close(e, '}');
}

static void put_required(struct emitter *e, const struct export_rows *rows) {
        size_t n = 0;

        for (size_t i = 0; i < rows->list.n; i++) {
                if (!(rows->list.at[i]->flags & FIELD_REQUIRED))
                        continue;
                if (n++ == 0)
                        emit_open(e, "required", '[');
                emit_text(e, NULL, str_of(rows->list.at[i]->key));
        }
        if (n > 0)
                emit_close(e, ']');
}

/* Members of the object that describes `s`. */
static void put_object(struct emitter *e, const struct schema *s) {
        struct export_rows rows = { 0 };

        export_collect_rows(e->out->arena, s, &rows);
        emit_text(e, "description", str_of(s->doc));
        emit_text(e, "type", STR("object"));
        emit_open(e, "properties", '{');
        for (size_t i = 0; i < rows.list.n; i++)
                put_property(e, &rows, i);
        emit_close(e, '}');

        emit_open(e, "patternProperties", '{');
        emit_bool(e, "^x-", true);
        emit_close(e, '}');
        emit_bool(e, "additionalProperties", false);
        put_required(e, &rows);
}

static void put_list_of(struct emitter *e, enum kind kind) {
        emit_open(e, NULL, '{');
        emit_text(e, "type", STR("array"));
        export_json_ref(e, "items", export_kind_name(kind));
        emit_close(e, '}');
}

static void put_secret_map(struct emitter *e) {
        emit_open(e, NULL, '{');
        emit_text(e, "type", STR("object"));
        emit_open(e, "properties", '{');
        export_json_ref(e, "secret", export_kind_name(KIND_NAME));
        emit_close(e, '}');
        emit_bool(e, "additionalProperties", false);
        emit_open(e, "required", '[');
        emit_text(e, NULL, STR("secret"));
        emit_close(e, ']');
        emit_close(e, '}');
}

static void put_value(struct emitter *e) {
        emit_open(e, DEFINITION_VALUE, '{');
        emit_text(e, "description", STR("A text, or {secret: NAME}."));
        emit_open(e, "anyOf", '[');
        export_json_ref(e, NULL, export_kind_name(KIND_ANY_TEXT));
        put_secret_map(e);
        emit_close(e, ']');
        emit_close(e, '}');
}

static void put_list_value(struct emitter *e) {
        emit_open(e, DEFINITION_LIST_VALUE, '{');
        emit_text(e, "description", STR("A text, true or false, a list of texts, or {secret: NAME}."));
        emit_open(e, "anyOf", '[');
        export_json_ref(e, NULL, DEFINITION_VALUE);
        export_json_ref(e, NULL, export_kind_name(KIND_FLAG));
        put_list_of(e, KIND_ANY_TEXT);
        emit_close(e, ']');
        emit_close(e, '}');
}

static void put_command(struct emitter *e) {
        emit_open(e, DEFINITION_COMMAND, '{');
        emit_text(e, "description",
                  STR("A text, split like in a shell but without expansion, or a list of words."));
        emit_open(e, "anyOf", '[');
        export_json_ref(e, NULL, export_kind_name(KIND_WORD));
        put_list_of(e, KIND_WORD);
        emit_close(e, ']');
        emit_close(e, '}');
}

static void put_substitution(struct emitter *e) {
        emit_open(e, DEFINITION_SUBSTITUTION, '{');
        emit_text(e, "description", STR("A text with {{ NAME }} in it."));
        emit_text(e, "type", STR("string"));
        emit_text(e, "pattern", STR("\\{\\{"));
        emit_close(e, '}');
}

static void put_definitions(struct emitter *e) {
        struct export_plan plan;

        export_make_plan(e->out->arena, e->what, false, &plan);
        emit_open(e, "$defs", '{');
        for (size_t i = 1; i < plan.schemas.n; i++) {
                emit_open(e, plan.schemas.at[i]->name, '{');
                put_object(e, plan.schemas.at[i]);
                emit_close(e, '}');
        }

        if (plan.has_command)
                put_command(e);
        if (plan.has_value)
                put_value(e);
        if (plan.has_list_value)
                put_list_value(e);
        if (e->what->has_substitution)
                put_substitution(e);
        for (enum kind kind = KIND_NONE; kind < KIND_COUNT; kind++)
                if (plan.kinds[kind] && export_kind_name(kind))
                        export_json_kind(e, kind);
        emit_close(e, '}');
}

void export_json(struct buf *out, const struct export *what) {
        struct emitter e = { .out = out, .what = what };

        emit_open(&e, NULL, '{');
        emit_text(&e, "$schema", STR("https://json-schema.org/draft/2020-12/schema"));
        emit_text(&e, "title", str_of(what->title));
        put_object(&e, what->schema);
        put_definitions(&e);
        emit_close(&e, '}');
        buf_put_char(out, '\n');
}
