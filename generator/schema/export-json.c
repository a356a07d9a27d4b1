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

        json_open(&e->json, key, '{');
        if (n == 1) {
                export_json_row(e, rows->list.at[at]);
        } else {
                json_open(&e->json, "anyOf", '[');
                for (size_t i = at; i < rows->list.n; i++) {
                        if (strcmp(rows->list.at[i]->key, key) != 0)
                                continue;
                        json_open(&e->json, NULL, '{');
                        export_json_row(e, rows->list.at[i]);
                        json_close(&e->json, '}');
                }
                json_close(&e->json, ']');
        }
        json_close(&e->json, '}');
}

static void put_required(struct emitter *e, const struct export_rows *rows) {
        size_t n = 0;

        for (size_t i = 0; i < rows->list.n; i++) {
                if (!(rows->list.at[i]->flags & FIELD_REQUIRED))
                        continue;
                if (n++ == 0)
                        json_open(&e->json, "required", '[');
                json_text(&e->json, NULL, str_of(rows->list.at[i]->key));
        }
        if (n > 0)
                json_close(&e->json, ']');
}

/* Members of the object that describes `s`. */
static void put_object(struct emitter *e, const struct schema *s) {
        struct export_rows rows = { 0 };

        export_collect_rows(e->json.out->arena, s, &rows);
        json_text(&e->json, "description", str_of(s->doc));
        json_text(&e->json, "type", STR("object"));
        json_open(&e->json, "properties", '{');
        for (size_t i = 0; i < rows.list.n; i++)
                put_property(e, &rows, i);
        json_close(&e->json, '}');

        json_open(&e->json, "patternProperties", '{');
        json_bool(&e->json, "^x-", true);
        json_close(&e->json, '}');
        json_bool(&e->json, "additionalProperties", false);
        put_required(e, &rows);
}

static void put_list_of(struct emitter *e, enum kind kind) {
        json_open(&e->json, NULL, '{');
        json_text(&e->json, "type", STR("array"));
        export_json_ref(e, "items", export_kind_name(kind));
        json_close(&e->json, '}');
}

static void put_secret_map(struct emitter *e) {
        json_open(&e->json, NULL, '{');
        json_text(&e->json, "type", STR("object"));
        json_open(&e->json, "properties", '{');
        export_json_ref(e, "secret", export_kind_name(KIND_NAME));
        json_close(&e->json, '}');
        json_bool(&e->json, "additionalProperties", false);
        json_open(&e->json, "required", '[');
        json_text(&e->json, NULL, STR("secret"));
        json_close(&e->json, ']');
        json_close(&e->json, '}');
}

static void put_value(struct emitter *e) {
        json_open(&e->json, DEFINITION_VALUE, '{');
        json_text(&e->json, "description", STR("A text, or {secret: NAME}."));
        json_open(&e->json, "anyOf", '[');
        export_json_ref(e, NULL, export_kind_name(KIND_ANY_TEXT));
        put_secret_map(e);
        json_close(&e->json, ']');
        json_close(&e->json, '}');
}

static void put_list_value(struct emitter *e) {
        json_open(&e->json, DEFINITION_LIST_VALUE, '{');
        json_text(&e->json, "description", STR("A text, true or false, a list of texts, or {secret: NAME}."));
        json_open(&e->json, "anyOf", '[');
        export_json_ref(e, NULL, DEFINITION_VALUE);
        export_json_ref(e, NULL, export_kind_name(KIND_FLAG));
        put_list_of(e, KIND_ANY_TEXT);
        json_close(&e->json, ']');
        json_close(&e->json, '}');
}

static void put_command(struct emitter *e) {
        json_open(&e->json, DEFINITION_COMMAND, '{');
        json_text(&e->json, "description",
                  STR("A text, split like in a shell but without expansion, or a list of words."));
        json_open(&e->json, "anyOf", '[');
        export_json_ref(e, NULL, export_kind_name(KIND_WORD));
        put_list_of(e, KIND_WORD);
        json_close(&e->json, ']');
        json_close(&e->json, '}');
}

static void put_substitution(struct emitter *e) {
        json_open(&e->json, DEFINITION_SUBSTITUTION, '{');
        json_text(&e->json, "description", STR("A text with {{ NAME }} in it."));
        json_text(&e->json, "type", STR("string"));
        json_text(&e->json, "pattern", STR("\\{\\{"));
        json_close(&e->json, '}');
}

static void put_definitions(struct emitter *e) {
        struct export_plan plan;

        export_make_plan(e->json.out->arena, e->what, false, &plan);
        json_open(&e->json, "$defs", '{');
        for (size_t i = 1; i < plan.schemas.n; i++) {
                json_open(&e->json, plan.schemas.at[i]->name, '{');
                put_object(e, plan.schemas.at[i]);
                json_close(&e->json, '}');
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
        json_close(&e->json, '}');
}

void export_json(struct buf *out, const struct export *what) {
        struct emitter e = { .json = { .out = out }, .what = what };

        json_open(&e.json, NULL, '{');
        json_text(&e.json, "$schema", STR("https://json-schema.org/draft/2020-12/schema"));
        json_text(&e.json, "title", str_of(what->title));
        put_object(&e, what->schema);
        put_definitions(&e);
        json_close(&e.json, '}');
        buf_put_char(out, '\n');
}
