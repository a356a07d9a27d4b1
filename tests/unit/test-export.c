/* SPDX-License-Identifier: Apache-2.0 */

/* What is told of a schema: that its text is safe for its readers, and what every shape becomes. That the real
 * exports are valid is for test_json_schema.py. */

#include "decoding.h"
#include "schema/export-parts.h"

struct text_row {
        const char *name;
        struct str text;
        const char *json, *roff, *argument;     /* on a line of its own; within one */
};

static const struct text_row text_rows[] = {
        { "text: plain", STR_INIT("a b"), "\"a b\"", "a b", "a b" },
        { "text: empty", STR_INIT(""), "\"\"", "", "" },
        { "text: quotes", STR_INIT("\"it's\" `x`"), "\"\\\"it's\\\" `x`\"", "\\(dqit\\(aqs\\(dq \\(gax\\(ga", "\\(dqit\\(aqs\\(dq \\(gax\\(ga" },
        { "text: backslashes", STR_INIT("a\\nb\\"), "\"a\\\\nb\\\\\"", "a\\enb\\e", "a\\enb\\e" },
        { "text: a dot in front", STR_INIT(".Sh X"), "\".Sh X\"", "\\&.Sh X", ".Sh X" },
        { "text: a quote in front", STR_INIT("'br"), "\"'br\"", "\\(aqbr", "\\(aqbr" },
        { "text: dashes", STR_INIT("--a-b"), "\"--a-b\"", "\\-\\-a\\-b", "\\-\\-a\\-b" },
        { "text: signs that groff turns", STR_INIT("^~"), "\"^~\"", "\\(ha\\(ti", "\\(ha\\(ti" },
        { "text: lines and tabs", STR_INIT("a\nb\tc"), "\"a\\u000ab\\u0009c\"", "a\\enb\\etc", "a\\enb\\etc" },
        { "text: control bytes", STR_INIT("a\x1b"), "\"a\\u001b\"", "a\x1b", "a\x1b" },
        { "text: sentences", STR_INIT("One. Two. (three)"), "\"One. Two. (three)\"", "One.\nTwo. (three)", "One. Two. (three)" },
        { "text: characters of several bytes", STR_INIT("é…🐍"), "\"é…🐍\"", "\\[u00E9]\\[u2026]\\[u1F40D]", "\\[u00E9]\\[u2026]\\[u1F40D]" },
};

static void test_text(void **state) {
        const struct text_row *row = *state;
        struct arena arena = { 0 };
        struct buf json = buf_in(&arena), roff = buf_in(&arena), argument = buf_in(&arena);
        struct json_writer w = { .out = &json };

        json_text(&w, NULL, row->text);
        assert_string_equal(buf_str(&json).p, row->json);
        emit_roff(&roff, row->text, true);
        assert_string_equal(buf_str(&roff).p, row->roff);
        emit_roff(&argument, row->text, false);
        assert_string_equal(buf_str(&argument).p, row->argument);
        arena_done(&arena);
}

struct branch {
        struct name name;
        struct branch *next;
        LIST(struct branch) branches;
        struct abs_path path;
        LIST(struct abs_path) paths;
        struct choice mood;
        struct flag open;
};

extern const struct schema branch_schema;

static const struct field branch_fields[] = {
        FIELD(branch, name, "name", "Name \"\\.", .flags = FIELD_REQUIRED),
        FIELD_STRUCT(branch, next, "next", branch_schema, "The next."),
        FIELD_STRUCTS(branch, branches, "branches", branch_schema, ".Branches. Of a branch."),
        FIELD(branch, path, "path", "A path.", .def = "/"),
        FIELD_LIST(branch, paths, "path", "Paths."),
        FIELD(branch, mood, "mood", "Mood.", .choices = "good|bad|no", .def = "no"),
        FIELD(branch, open, "open", "Whether it is open.", .def = "false"),
};
SCHEMA(branch, "A branch.");

static const struct export branch_export = { &branch_schema, "branch", false };

static const char *run(struct arena *a, void (*export)(struct buf *, const struct export *)) {
        struct buf out = buf_in(a);

        export(&out, &branch_export);
        return buf_str(&out).p;
}

struct contains_row {
        const char *name;
        void (*export)(struct buf *out, const struct export *e);
        const char *part;
};

static const struct contains_row contains_rows[] = {
        { "JSON: text is escaped", export_json, "\"description\": \"Name \\\"\\\\.\"" },
        { "JSON: a schema in itself", export_json, "\"next\": {\n      \"description\": \"The next.\",\n      \"$ref\": \"#\"\n    }" },
        { "JSON: a list of itself", export_json, "\"items\": {\n        \"$ref\": \"#\"\n      }" },
        { "JSON: alternatives, each with its default", export_json,
          "\"path\": {\n      \"anyOf\": [\n        {\n          \"description\": \"A path.\",\n          \"$ref\": \"#/$defs/abs_path\",\n"
          "          \"default\": \"/\"\n        },\n        {\n          \"description\": \"Paths.\",\n          \"type\": \"array\"," },
        { "JSON: choices", export_json, "\"enum\": [\n        \"good\",\n        \"bad\",\n        \"no\"\n      ],\n      \"default\": \"no\"" },
        { "JSON: a default that is no text", export_json, "\"$ref\": \"#/$defs/flag\",\n      \"default\": false" },
        { "JSON: what is required", export_json, "\"required\": [\n    \"name\"\n  ]" },
        { "JSON: x- keys", export_json, "\"patternProperties\": {\n    \"^x-\": true\n  },\n  \"additionalProperties\": false" },
        { "man: text is escaped", export_man, ".It Ic name Pq name\nName \\(dq\\e.\nRequired.\n" },
        { "man: no line begins like a request", export_man, ".It Ic branches Pq list, see Sx Branch\n\\&.Branches.\nOf a branch.\n" },
        { "man: choices and default", export_man,
          "One of\n.Cm \"\\&good\" ,\n.Cm \"\\&bad\"\nor\n.Cm \"\\&no\" .\nDefault:\n.Ql \"\\&no\" .\n" },
        { "man: alternatives", export_man, ".It Ic path Pq absolute path\nA path.\nDefault:\n.Ql \"\\&/\" .\n.It Ic path Pq list: absolute path\nPaths.\n" },
        { "keys: of a schema in itself", export_keys, "\nbranches[].branches[].name\n" },
        { "keys: one of alternatives", export_keys, "\nopen\npath\n" },
        { "dictionary: sorted, each word once", export_fuzz_dict,
          "\"bad\"\n\"branches\"\n\"good\"\n\"mood\"\n\"name\"\n\"next\"\n\"no\"\n\"open\"\n\"path\"\n" },
};

static void test_contains(void **state) {
        const struct contains_row *row = *state;
        struct arena arena = { 0 };
        const char *text = run(&arena, row->export);

        if (!strstr(text, row->part))
                fail_msg("there is no\n%s\nin\n%s", row->part, text);
        assert_string_equal(text, run(&arena, row->export));
        arena_done(&arena);
}

int main(void) {
        static struct rows rows;

        rows_add(&rows, test_text, text_rows);
        rows_add(&rows, test_contains, contains_rows);
        return rows_run(&rows, "export");
}
