/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Helpers that the exports share; only for schema/export*.c. */

#include "base/json.h"
#include "schema/export.h"

/* JSON Schema in the making. */
struct emitter {
        struct json_writer json;
        const struct export *what;
};

/* `text` for roff, on a line that is begun (a macro's argument) or where `starts_line`; sentences begin
 * lines of their own, as mdoc(7) wants them. Everything prints as it is written: no dash becomes a hyphen,
 * no quote is turned. */
void emit_roff(struct buf *out, struct str text, bool starts_line);

/* A type's rule, the end of a message, as a sentence. */
struct str export_sentence(struct arena *a, const char *rule);

/* All rows of a schema, those of inlined ones in their places. */
struct export_rows {
        VEC(const struct field *) list;
};

void export_collect_rows(struct arena *a, const struct schema *s, struct export_rows *ret);

/* All objects that can be reached from a document: schemas in the order in which they are first named (its
 * own is the first), and the kinds of values. */
struct export_plan {
        VEC(const struct schema *) schemas;
        bool kinds[KIND_COUNT], key_kinds[KIND_COUNT]; /* of values, of the keys of maps */
        bool has_value, has_list_value, has_command;
};

/* With keeps_inlined, inlined schemas are in the plan like others; else only what their rows name is. */
void export_make_plan(struct arena *a, const struct export *e, bool keeps_inlined, struct export_plan *ret);

/* The name of a kind's definition: "image_ref". */
const char *export_kind_name(enum kind kind);

/* {"$ref": "#/$defs/NAME"} as a value; or its member alone, into the object that is open. */
void export_json_ref(struct emitter *e, const char *key, const char *definition);

/* The definition of a kind, as the member of "$defs". */
void export_json_kind(struct emitter *e, enum kind kind);

/* "propertyNames" of a map whose keys are of that kind. Keys are not substituted. */
void export_json_map_keys(struct emitter *e, enum kind kind);

/* The row's description of its key's value: members of the object that is open. */
void export_json_row(struct emitter *e, const struct field *f);

/* Names of definitions that are of no kind and no schema. */
#define DEFINITION_SUBSTITUTION "substitution"
#define DEFINITION_COMMAND "command"
#define DEFINITION_VALUE "value"
#define DEFINITION_LIST_VALUE "value_or_list"
