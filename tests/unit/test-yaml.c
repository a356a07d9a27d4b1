/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app.h"
#include "rows.h"

struct bench {
        struct arena arena;
        struct sources sources;
        struct diags diags;
};

static struct node *parse(struct bench *b, struct str text) {
        struct node *root;

        b->diags = (struct diags) { .arena = &b->arena, .sources = &b->sources };
        yaml_parse(&b->arena, &b->diags, source_add(&b->arena, &b->sources, STR("x.yaml"), text), &root);
        return root;
}

/* A tree as one line: plain text as it is, other text in quotes, [a, b], {k: v}. */
static void put_node(struct buf *out, const struct node *node) {
        const char *marks[] = { [NODE_SCALAR] = "''", [NODE_LIST] = "[]", [NODE_MAP] = "{}" };

        if (node->kind != NODE_SCALAR || !node->plain)
                buf_put_char(out, marks[node->kind][0]);
        buf_put_str(out, node->text);
        for (size_t i = 0; i < node->n; i++) {
                buf_put(out, i > 0 ? ", " : "");
                if (node->kind == NODE_MAP) {
                        put_node(out, node->pairs[i].key);
                        buf_put(out, ": ");
                }
                put_node(out, node->kind == NODE_MAP ? node->pairs[i].value : node->items[i]);
        }
        if (node->kind != NODE_SCALAR || !node->plain)
                buf_put_char(out, marks[node->kind][1]);
}

/* What the spans cover, in the file's order, each in ‹ ›. */
static void put_spans(struct buf *out, const struct node *node, struct str text) {
        assert_int_equal(node->at.file, 0);
        assert_true(node->at.off + node->at.len <= text.n);
        buf_put(out, "‹");
        buf_put_str(out, (struct str) { text.p + node->at.off, node->at.len });
        buf_put(out, "›");
        for (size_t i = 0; i < node->n; i++) {
                if (node->kind == NODE_MAP)
                        put_spans(out, node->pairs[i].key, text);
                put_spans(out, node->kind == NODE_MAP ? node->pairs[i].value : node->items[i], text);
        }
}

struct tree_row {
        const char *name;
        struct str text;
        const char *tree, *spans;
};

static const struct tree_row tree_rows[] = {
        { "tree: a map", STR_INIT("a: 1\nb: 2\n"), "{a: 1, b: 2}", "‹a: 1\nb: 2›‹a›‹1›‹b›‹2›" },
        { "tree: no last line end", STR_INIT("a: 1"), "{a: 1}", "‹a: 1›‹a›‹1›" },
        { "tree: quotes", STR_INIT("a: 'x'\n\"b\": \"y\"\n"), "{a: 'x', 'b': 'y'}", "‹a: 'x'\n\"b\": \"y\"›‹a›‹'x'›‹\"b\"›‹\"y\"›" },
        { "tree: escapes", STR_INIT("a: \"\\t\\n\\\"\\\\\\u00e9\\U0001F40D\"\n"), "{a: '\t\n\"\\\xc3\xa9\xf0\x9f\x90\x8d'}",
          "‹a: \"\\t\\n\\\"\\\\\\u00e9\\U0001F40D\"›‹a›‹\"\\t\\n\\\"\\\\\\u00e9\\U0001F40D\"›" },
        { "tree: quote in single quotes", STR_INIT("a: 'it''s'\n"), "{a: 'it's'}", "‹a: 'it''s'›‹a›‹'it''s'›" },
        { "tree: plain text of several words", STR_INIT("a: b c  d # e\n"), "{a: b c  d}", "‹a: b c  d›‹a›‹b c  d›" },
        { "tree: plain text of several lines", STR_INIT("a: b\n  c\nd: e\n"), "{a: b c, d: e}", "‹a: b\n  c\nd: e›‹a›‹b\n  c›‹d›‹e›" },
        { "tree: quoted text of several lines", STR_INIT("a: \"b\n  c\"   \n"), "{a: 'b c'}", "‹a: \"b\n  c\"›‹a›‹\"b\n  c\"›" },
        { "tree: trailing blanks", STR_INIT("a: b   \n\n\n"), "{a: b}", "‹a: b›‹a›‹b›" },
        { "tree: no value", STR_INIT("a:\nb:  # none\n"), "{a: , b: }", "‹a:\nb:›‹a›‹›‹b›‹›" },
        { "tree: no value within", STR_INIT("a:\n  b:\n\nc: 1\n"), "{a: {b: }, c: 1}", "‹a:\n  b:\n\nc: 1›‹a›‹b:›‹b›‹›‹c›‹1›" },
        { "tree: a list", STR_INIT("- a\n- b\n\n# end\n"), "[a, b]", "‹- a\n- b›‹a›‹b›" },
        { "tree: a list with an empty item", STR_INIT("-\n- b\n-\n"), "[, b, ]", "‹-\n- b\n-›‹›‹b›‹›" },
        { "tree: a list in a map", STR_INIT("a:\n  - b\n  - c\nd: 1\n"), "{a: [b, c], d: 1}",
          "‹a:\n  - b\n  - c\nd: 1›‹a›‹- b\n  - c›‹b›‹c›‹d›‹1›" },
        { "tree: a list as far left as its key", STR_INIT("a:\n- b\n- c\nd: 1\n"), "{a: [b, c], d: 1}",
          "‹a:\n- b\n- c\nd: 1›‹a›‹- b\n- c›‹b›‹c›‹d›‹1›" },
        { "tree: maps in a list", STR_INIT("- a: 1\n  b: 2\n- c: 3\n"), "[{a: 1, b: 2}, {c: 3}]",
          "‹- a: 1\n  b: 2\n- c: 3›‹a: 1\n  b: 2›‹a›‹1›‹b›‹2›‹c: 3›‹c›‹3›" },
        { "tree: lists in lists", STR_INIT("- - a\n  - b\n- - c\n"), "[[a, b], [c]]", "‹- - a\n  - b\n- - c›‹- a\n  - b›‹a›‹b›‹- c›‹c›" },
        { "tree: brackets", STR_INIT("a: [ b, 'c' ,d ]  # e\n"), "{a: [b, 'c', d]}", "‹a: [ b, 'c' ,d ]›‹a›‹[ b, 'c' ,d ]›‹b›‹'c'›‹d›" },
        { "tree: braces", STR_INIT("a: { b: 1 , c: 2, }\n"), "{a: {b: 1, c: 2}}", "‹a: { b: 1 , c: 2, }›‹a›‹{ b: 1 , c: 2, }›‹b›‹1›‹c›‹2›" },
        { "tree: empty brackets and braces", STR_INIT("a: []\nb: {}\n"), "{a: [], b: {}}", "‹a: []\nb: {}›‹a›‹[]›‹b›‹{}›" },
        { "tree: brackets over several lines", STR_INIT("a: [b,\n  c\n  ]\n"), "{a: [b, c]}", "‹a: [b,\n  c\n  ]›‹a›‹[b,\n  c\n  ]›‹b›‹c›" },
        { "tree: a pair in brackets", STR_INIT("[a: b , c]\n"), "[{a: b}, c]", "‹[a: b , c]›‹a: b›‹a›‹b›‹c›" },
        { "tree: a pair without value in brackets", STR_INIT("[a: , c]\n"), "[{a: }, c]", "‹[a: , c]›‹a:›‹a›‹›‹c›" },
        { "tree: keys without values in braces", STR_INIT("{a, b: , c}\n"), "{a: , b: , c: }", "‹{a, b: , c}›‹a›‹›‹b›‹›‹c›‹›" },
        { "tree: JSON", STR_INIT("{\"a\":1,\n\t\"b\":[true,null]}\n"), "{'a': 1, 'b': [true, null]}",
          "‹{\"a\":1,\n\t\"b\":[true,null]}›‹\"a\"›‹1›‹\"b\"›‹[true,null]›‹true›‹null›" },
        { "tree: a key with a question mark", STR_INIT("? a\n: b\n? c\n"), "{a: b, c: }", "‹? a\n: b\n? c›‹a›‹b›‹c›‹›" },
        { "tree: a literal block", STR_INIT("a: |\n  x\n   y\n\n\nb: 1\n"), "{a: 'x\n y\n', b: 1}",
          "‹a: |\n  x\n   y\n\n\nb: 1›‹a›‹|\n  x\n   y›‹b›‹1›" },
        { "tree: a folded block", STR_INIT("a: >-\n  x\n  y\n"), "{a: 'x y'}", "‹a: >-\n  x\n  y›‹a›‹>-\n  x\n  y›" },
        { "tree: a block that keeps", STR_INIT("a: |+\n  x\n\nb: 1\n"), "{a: 'x\n\n', b: 1}", "‹a: |+\n  x\n\nb: 1›‹a›‹|+\n  x›‹b›‹1›" },
        { "tree: a block that ends the file", STR_INIT("a: |\n  x  \n  y"), "{a: 'x  \ny'}", "‹a: |\n  x  \n  y›‹a›‹|\n  x  \n  y›" },
        { "tree: a block within", STR_INIT("a:\n  b: |\n    x\n  c: 1\n"), "{a: {b: 'x\n', c: 1}}",
          "‹a:\n  b: |\n    x\n  c: 1›‹a›‹b: |\n    x\n  c: 1›‹b›‹|\n    x›‹c›‹1›" },
        { "tree: a block before a comment", STR_INIT("a: |\n  x\n# c\nb: 1\n"), "{a: 'x\n', b: 1}", "‹a: |\n  x\n# c\nb: 1›‹a›‹|\n  x›‹b›‹1›" },
        { "tree: an empty block", STR_INIT("a: |\nb: 1\n"), "{a: '', b: 1}", "‹a: |\nb: 1›‹a›‹|›‹b›‹1›" },
        { "tree: characters of several bytes before", STR_INIT("# \xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8d\n\xc3\xa9: \"\xe2\x82\xac\"\nb: x\xc3\xa9\nc: [\xc3\xa9, d]\n"),
          "{\xc3\xa9: '\xe2\x82\xac', b: x\xc3\xa9, c: [\xc3\xa9, d]}",
          "‹\xc3\xa9: \"\xe2\x82\xac\"\nb: x\xc3\xa9\nc: [\xc3\xa9, d]›‹\xc3\xa9›‹\"\xe2\x82\xac\"›‹b›‹x\xc3\xa9›‹c›‹[\xc3\xa9, d]›‹\xc3\xa9›‹d›" },
        { "tree: a block of several bytes", STR_INIT("a: |\n  \xe2\x82\xac\n  \xc3\xa9\n\nb: \xc3\xa9 # \xc3\xa9\nc:\n"), "{a: '\xe2\x82\xac\n\xc3\xa9\n', b: \xc3\xa9, c: }",
          "‹a: |\n  \xe2\x82\xac\n  \xc3\xa9\n\nb: \xc3\xa9 # \xc3\xa9\nc:›‹a›‹|\n  \xe2\x82\xac\n  \xc3\xa9›‹b›‹\xc3\xa9›‹c›‹›" },
        { "tree: a document mark", STR_INIT("# x\n---\na: 1\n...\n"), "{a: 1}", "‹a: 1›‹a›‹1›" },
        { "tree: text behind the mark", STR_INIT("--- a\n"), "a", "‹a›" },
        { "tree: only text", STR_INIT("a b\n"), "a b", "‹a b›" },
        { "tree: empty text", STR_INIT("''\n"), "''", "‹''›" },
        { "tree: other keys than text are text", STR_INIT("1: a\ntrue: b\n~: c\n\"<<\": d\n"), "{1: a, true: b, ~: c, '<<': d}",
          "‹1: a\ntrue: b\n~: c\n\"<<\": d›‹1›‹a›‹true›‹b›‹~›‹c›‹\"<<\"›‹d›" },
        { "tree: an alias of a value", STR_INIT("a: &x 1\nb: *x\n"), "{a: 1, b: 1}", "‹a: &x 1\nb: *x›‹a›‹1›‹b›‹*x›" },
        { "tree: an alias of a map", STR_INIT("a: &x\n  c: 1\nb: *x\nd: 2\n"), "{a: {c: 1}, b: {c: 1}, d: 2}",
          "‹a: &x\n  c: 1\nb: *x\nd: 2›‹a›‹c: 1›‹c›‹1›‹b›‹*x›‹c›‹1›‹d›‹2›" },
        { "tree: an alias in brackets", STR_INIT("[&x a, *x, &y [b], *y]\n"), "[a, a, [b], [b]]", "‹[&x a, *x, &y [b], *y]›‹a›‹*x›‹[b]›‹b›‹*y›‹b›" },
        { "tree: an alias of a block", STR_INIT("a: &x |\n  t\nb: *x\n"), "{a: 't\n', b: 't\n'}", "‹a: &x |\n  t\nb: *x›‹a›‹|\n  t›‹b›‹*x›" },
        { "tree: an alias of no value", STR_INIT("a: &x\nb: *x\n"), "{a: , b: }", "‹a: &x\nb: *x›‹a›‹›‹b›‹*x›" },
        { "tree: the last of two anchors counts", STR_INIT("a: &x 1\nb: *x\nc: &x 2\nd: *x\n"), "{a: 1, b: 1, c: 2, d: 2}", NULL },
        { "tree: a map without an alias", STR_INIT("a: &x {b: 1}\n"), "{a: {b: 1}}", "‹a: &x {b: 1}›‹a›‹{b: 1}›‹b›‹1›" },
        { "tree: a merge key", STR_INIT("a: &x {b: 1, c: 2}\nd: {c: 3, <<: *x}\n"), "{a: {b: 1, c: 2}, d: {c: 3, b: 1}}", NULL },
        { "tree: a merge of two", STR_INIT("- &x {b: 1}\n- &y {b: 2, c: 2}\n- <<: [*x, *y]\n"), "[{b: 1}, {b: 2, c: 2}, {b: 1, c: 2}]", NULL },
        { "tree: a byte order mark", STR_INIT("\xef\xbb\xbf" "a: b\n"), "{a: b}", "‹a: b›‹a›‹b›" },
        { "tree: colons and hashes within", STR_INIT("a: b:c#d\ne: http://f:80/\n"), "{a: b:c#d, e: http://f:80/}",
          "‹a: b:c#d\ne: http://f:80/›‹a›‹b:c#d›‹e›‹http://f:80/›" },
        { "tree: braces within", STR_INIT("a: x{{ b }}\n"), "{a: x{{ b }}}", "‹a: x{{ b }}›‹a›‹x{{ b }}›" },
        { "tree: tabs between", STR_INIT("a:\tb\n"), "{a: b}", "‹a:\tb›‹a›‹b›" },
        { "tree: as deep as allowed", STR_INIT("[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]\n"), "[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]", NULL },
};

static void test_tree(void **state) {
        const struct tree_row *row = *state;
        struct bench b = { 0 };
        struct node *root = parse(&b, row->text);
        struct buf tree = buf_in(&b.arena), spans = buf_in(&b.arena);

        assert_int_equal(b.diags.list.n, 0);
        assert_non_null(root);
        put_node(&tree, root);
        assert_string_equal(buf_str(&tree).p, row->tree);
        put_spans(&spans, root, row->text);
        if (row->spans)
                assert_string_equal(buf_str(&spans).p, row->spans);
        arena_done(&b.arena);
}

struct empty_row {
        const char *name;
        struct str text;
};

static const struct empty_row empty_rows[] = {
        { "empty: nothing", STR_INIT("") },
        { "empty: not there", { NULL, 0 } },
        { "empty: line ends", STR_INIT("\n\n\n") },
        { "empty: a comment", STR_INIT("# x\n") },
        { "empty: a document mark", STR_INIT("---\n") },
        { "empty: both marks", STR_INIT("---\n# x\n...\n") },
};

static void test_empty(void **state) {
        const struct empty_row *row = *state;
        struct bench b = { 0 };

        assert_null(parse(&b, row->text));
        assert_int_equal(b.diags.list.n, 0);
        arena_done(&b.arena);
}

/* What is refused: the id, the place and the bytes of each message, one below the other. */
struct bad_row {
        const char *name;
        struct str text;
        const char *told;
};

static const struct bad_row bad_rows[] = {
        { "bad: anchor", STR_INIT("a: &x 1\n"), "yaml-anchor 1:4 ‹&x›\n" },
        { "bad: alias", STR_INIT("a: 1\nb: *x\n"), "yaml-alias 2:4 ‹*x›\n" },
        { "bad: a node that contains itself", STR_INIT("a: &x [*x]\n"), "yaml-alias 1:8 ‹*x›\n" },
        { "bad: an alias before its anchor", STR_INIT("a: *x\nb: &x 1\n"), "yaml-alias 1:4 ‹*x›\nyaml-anchor 2:4 ‹&x›\n" },
        { "bad: merge key", STR_INIT("c:\n  <<: x\n"), "wrong-kind 2:7 ‹x›\n" },
        { "bad: two merge keys", STR_INIT("a: &x {b: 1}\nc:\n  <<: *x\n  <<: *x\n"), "yaml-duplicate-key 4:3 ‹<<› first 3:3\n" },
        { "bad: aliases as keys", STR_INIT("*x : 1\n"), "yaml-alias 1:1 ‹*x›\n" },
        { "bad: an asterisk", STR_INIT("a: *.example.com\n"), "yaml-alias 1:4 ‹*.example.com›\n" },
        { "bad: an ampersand", STR_INIT("a: &&b\n"), "yaml-anchor 1:4 ‹&&b›\n" },
        { "bad: tag", STR_INIT("a: !x b\n"), "yaml-tag 1:4 ‹!x›\n" },
        { "bad: tag of YAML's", STR_INIT("a: !!str 1\n"), "yaml-tag 1:4 ‹!!str›\n" },
        { "bad: tag without a name", STR_INIT("a: ! 1\n"), "yaml-tag 1:4 ‹!›\n" },
        { "bad: tag of a map", STR_INIT("!x\na: 1\n"), "yaml-tag 1:1 ‹!x›\n" },
        { "bad: tag and anchor", STR_INIT("a: !x &y b\n"), "yaml-tag 1:4 ‹!x›\nyaml-anchor 1:7 ‹&y›\n" },
        { "bad: two tags", STR_INIT("a: !x !y\n"), "yaml-tag 1:4 ‹!x›\nyaml-tag 1:7 ‹!y›\n" },
        { "bad: tag with a handle", STR_INIT("a: !x!y b\n"), "yaml-tag 1:4 ‹!x!y›\n" },
        { "bad: tag cut off", STR_INIT("a: !<x b\n"), "yaml-tag 1:4 ‹!<x›\n" },
        { "bad: version", STR_INIT("%YAML 1.1\n---\na: 1\n"), "yaml-directive 1:1 ‹%YAML 1.1›\n" },
        { "bad: other version", STR_INIT("%YAML 2.0\n---\na: 1\n"), "yaml-directive 1:1 ‹%YAML 2.0›\n" },
        { "bad: tag directive", STR_INIT("%TAG ! x:\n---\na: 1\n"), "yaml-directive 1:1 ‹%TAG ! x:›\n" },
        { "bad: unknown directive", STR_INIT("%X\n---\na: 1\n"), "yaml-directive 1:1 ‹%X›\n" },
        { "bad: directive twice", STR_INIT("%YAML 1.1\n%YAML 1.1\n---\na: 1\n"), "yaml-directive 1:1 ‹%YAML 1.1›\n" },
        { "bad: directive without a mark", STR_INIT("%YAML 1.1\na: 1\n"), "yaml-directive 1:1 ‹%YAML 1.1›\n" },
        { "bad: directive behind", STR_INIT("a: 1\n%YAML 1.1\n"), "yaml-directive 2:1 ‹%YAML 1.1›\n" },

        { "bad: duplicate key", STR_INIT("a: 1\nb: 2\na: 3\n"), "yaml-duplicate-key 3:1 ‹a› first 1:1\n" },
        { "bad: three times", STR_INIT("a: 1\na: 2\na: 3\n"), "yaml-duplicate-key 2:1 ‹a› first 1:1\nyaml-duplicate-key 3:1 ‹a› first 1:1\n" },
        { "bad: duplicate in quotes", STR_INIT("{a: 1, \"\\x61\": 2}\n"), "yaml-duplicate-key 1:8 ‹\"\\x61\"› first 1:2\n" },
        { "bad: duplicates of two maps", STR_INIT("a:\n  b: 1\n  b: 2\nc: {d: 1, d: 2}\n"),
          "yaml-duplicate-key 3:3 ‹b› first 2:3\nyaml-duplicate-key 4:11 ‹d› first 4:5\n" },
        { "bad: a list as key", STR_INIT("? [a]\n: 1\n"), "yaml-key 1:3 ‹[a]›\n" },
        { "bad: a map as key", STR_INIT("{a: 1}: 1\n"), "yaml-key 1:1 ‹{a: 1}›\n" },
        { "bad: no key", STR_INIT(": 1\n"), "yaml-key 1:1 ‹:›\n" },
        { "bad: no key in braces", STR_INIT("{: 1}\n"), "yaml-key 1:2 ‹:›\n" },
        { "bad: a template", STR_INIT("a: 1\nb: {{ x }}\n"), "yaml-key 2:4 ‹{{ x }}›\n" },
        { "bad: text behind a template", STR_INIT("b: {{ x }}/y\n"), "yaml-key 1:4 ‹{{ x }}›\n" },
        { "bad: a template in a list", STR_INIT("b: [{{ x }}-y, z]\n"), "yaml-key 1:5 ‹{{ x }}›\n" },
        { "bad: a template as item", STR_INIT("b:\n  - {{ x }}:y\n"), "yaml-key 2:5 ‹{{ x }}›\n" },
        { "bad: a template as key", STR_INIT("{{ x }}: y\n"), "yaml-key 1:1 ‹{{ x }}›\n" },
        { "bad: a template with quotes", STR_INIT("a: {{ x(\"y\") }}\n"), "yaml-key 1:4 ‹{{ x(\"y\") }}›\n" },
        { "bad: a template that does not end", STR_INIT("a: {{ x\n"), "yaml-syntax 1:4 ‹{{›\n" },
        { "bad: second document", STR_INIT("a: 1\n---\nb: 2\n"), "yaml-documents 2:1 ‹---›\n" },
        { "bad: second document, empty", STR_INIT("a: 1\n---\n"), "yaml-documents 2:1 ‹---›\n" },
        { "bad: second document behind an end", STR_INIT("a: 1\n...\nb: 2\n"), "yaml-documents 3:1 ‹b›\n" },
        { "bad: second document behind both", STR_INIT("a: 1\n...\n---\nb: 2\n"), "yaml-documents 3:1 ‹---›\n" },
        { "bad: too deep", STR_INIT("a: [[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]\n"), "yaml-depth 1:19 ‹[›\n" },
        { "bad: several at once", STR_INIT("a: &x 1\nb: !y 2\na: *x\nc: \"\\0\"\n"),
          "yaml-tag 2:4 ‹!y›\nyaml-duplicate-key 3:1 ‹a› first 1:1\n"
          "control-character 4:4 ‹\"\\0\"›\n" },

        { "bad: NUL", STR_INIT("a: x\0y\n"), "control-character 1:5 ‹\0›\n" },
        { "bad: escape character", STR_INIT("a: 1\nb: \x1b[2J\n"), "control-character 2:4 ‹\x1b›\n" },
        { "bad: delete", STR_INIT("a: \x7f\n"), "control-character 1:4 ‹\x7f›\n" },
        { "bad: marks of our own", STR_INIT("a: \x01\n"), "control-character 1:4 ‹\x01›\n" },
        { "bad: C1", STR_INIT("a: \xc2\x9b\n"), "control-character 1:4 ‹\xc2\x9b›\n" },
        { "bad: byte order mark", STR_INIT("a: \xef\xbb\xbf" "1\n"), "control-character 1:4 ‹\xef\xbb\xbf›\n" },
        { "bad: one message for many", STR_INIT("\x01\x02\x03\n"), "control-character 1:1 ‹\x01›\n" },
        { "bad: CR LF", STR_INIT("a: 1\r\nb: 2\r\n"), "line-break 1:5 ‹\r›\n" },
        { "bad: CR", STR_INIT("a: 1\rb: 2\n"), "line-break 1:5 ‹\r›\n" },
        { "bad: next line", STR_INIT("a: \xc2\x85\n"), "line-break 1:4 ‹\xc2\x85›\n" },
        { "bad: line separator", STR_INIT("\xc3\xa9: \xe2\x80\xa8\n"), "line-break 1:4 ‹\xe2\x80\xa8›\n" },
        { "bad: paragraph separator in quotes", STR_INIT("a: '\xe2\x80\xa9'\n"), "line-break 1:5 ‹\xe2\x80\xa9›\n" },
        { "bad: Latin-1", STR_INIT("a: caf\xe9\n"), "not-utf8 1:7 ‹\xe9›\n" },
        { "bad: cut off", STR_INIT("a: \xe2\x82"), "not-utf8 1:4 ‹\xe2›\n" },
        { "bad: surrogate", STR_INIT("a: \xed\xa0\x80\n"), "not-utf8 1:4 ‹\xed›\n" },
        { "bad: UTF-16", STR_INIT("\xff\xfe" "a\0:\0"), "not-utf8 1:1 ‹\xff\xfe›\n" },
        { "bad: each kind once", STR_INIT("a: \r\n\x01\xff\xff\x02\xc2\x85\r\n"),
          "line-break 1:4 ‹\r›\ncontrol-character 2:1 ‹\x01›\nnot-utf8 2:2 ‹\xff›\nline-break 2:5 ‹\xc2\x85›\n" },
        { "bad: NUL as an escape", STR_INIT("a: \"x\\0\"\n"), "control-character 1:4 ‹\"x\\0\"›\n" },
        { "bad: bell as an escape", STR_INIT("a: [\"\\a\"]\n"), "control-character 1:5 ‹\"\\a\"›\n" },
        { "bad: CR as an escape", STR_INIT("a: \"\\r\"\n"), "control-character 1:4 ‹\"\\r\"›\n" },
        { "bad: our own mark as an escape", STR_INIT("a: \"\\x01\"\n"), "control-character 1:4 ‹\"\\x01\"›\n" },
        { "bad: line separator as an escape", STR_INIT("a: \"\\L\"\n"), "control-character 1:4 ‹\"\\L\"›\n" },
        { "bad: escape in a key", STR_INIT("\"\\e\": 1\n"), "control-character 1:1 ‹\"\\e\"›\n" },

        { "bad: tab before a key", STR_INIT("a:\n\tb: 1\n"), "yaml-syntax 2:1 ‹\t›\n" },
        { "bad: tab before the next key", STR_INIT("a:\n  b: 1\n\tc: 2\n"), "yaml-syntax 3:1 ‹\t›\n" },
        { "bad: tab in a block", STR_INIT("a: |\n\tb\n"), "yaml-syntax 2:1 ‹\t›\n" },
        { "bad: at sign", STR_INIT("a: @b\n"), "yaml-syntax 1:4 ‹@›\n" },
        { "bad: backtick", STR_INIT("\xc3\xa9: `b`\n"), "yaml-syntax 1:4 ‹`›\n" },
        { "bad: question mark", STR_INIT("a: ? b\n"), "yaml-syntax 1:4 ‹?›\n" },
        { "bad: second colon", STR_INIT("a: b: c\n"), "yaml-syntax 1:5 ‹:›\n" },
        { "bad: colon at the end", STR_INIT("a: b:\n"), "yaml-syntax 1:5 ‹:›\n" },
        { "bad: key below a value", STR_INIT("a: b\n  port: c\n"), "yaml-syntax 2:3 ‹port:›\n" },
        { "bad: no colon", STR_INIT("a: 1\nport 80\nb: 1\n"), "yaml-syntax 2:1 ‹port 80›\n" },
        { "bad: no colon at the end", STR_INIT("a: 1\nport 80\n"), "yaml-syntax 2:1 ‹port 80›\n" },
        { "bad: no blank after a colon", STR_INIT("a: 1\nport:80 # x\nb: 1\n"), "yaml-syntax 2:1 ‹port:80 # x›\n" },
        { "bad: no blank after a colon in braces", STR_INIT("a: {b:[c]}\n"), "yaml-syntax 1:6 ‹:›\n" },
        { "bad: double quote", STR_INIT("a: \"b\nc: d\n"), "yaml-syntax 1:4 ‹\"›\n" },
        { "bad: single quote", STR_INIT("a: 'b\nc: d\n"), "yaml-syntax 1:4 ‹'›\n" },
        { "bad: quote up to a mark", STR_INIT("a: 'b\n---\n'\n"), "yaml-syntax 1:4 ‹'›\n" },
        { "bad: apostrophe", STR_INIT("a: 'it's b'\n"), "yaml-syntax 1:8 ‹s›\n" },
        { "bad: text behind a quote", STR_INIT("a: \"b\" c\n"), "yaml-syntax 1:8 ‹c›\n" },
        { "bad: bracket", STR_INIT("a: [b, c\n"), "yaml-syntax 1:4 ‹[›\n" },
        { "bad: brace", STR_INIT("a: {b: c\n"), "yaml-syntax 1:4 ‹{›\n" },
        { "bad: bracket before a key", STR_INIT("a: [b\nc: 1\n"), "yaml-syntax 2:2 ‹:› first 1:4\n" },
        { "bad: comma", STR_INIT("a: ['b' 'c']\n"), "yaml-syntax 1:9 ‹'› first 1:4\n" },
        { "bad: comma in braces", STR_INIT("a: {b: 'c' d: 1}\n"), "yaml-syntax 1:12 ‹d› first 1:4\n" },
        { "bad: nothing between commas", STR_INIT("a: [b,,c]\n"), "yaml-syntax 1:7 ‹,›\n" },
        { "bad: the other bracket", STR_INIT("a: [b, }\n"), "yaml-syntax 1:8 ‹}›\n" },
        { "bad: only a bracket", STR_INIT("a: ]\n"), "yaml-syntax 1:4 ‹]›\n" },
        { "bad: one bracket more", STR_INIT("a: [b]]\n"), "yaml-syntax 1:7 ‹]›\n" },
        { "bad: text behind a bracket", STR_INIT("a: [b] c\n"), "yaml-syntax 1:8 ‹c›\n" },
        { "bad: indentation", STR_INIT("a:\n    b: 1\n  c: 2\n"), "yaml-syntax 3:3 ‹c› first 1:1\n" },
        { "bad: indentation of a block", STR_INIT("a: |\n    b\n  c\n"), "yaml-syntax 3:3 ‹c› first 1:1\n" },
        { "bad: item among keys", STR_INIT("a:\n  b: 1\n  - c\n"), "yaml-syntax 3:3 ‹-› first 2:3\n" },
        { "bad: key among items", STR_INIT("a:\n  - b\n  c: 1\n"), "yaml-syntax 3:3 ‹c› first 2:3\n" },
        { "bad: list on the line of its key", STR_INIT("a: - b\n"), "yaml-syntax 1:4 ‹-›\n" },
        { "bad: backslash", STR_INIT("a: \"\\d\"\n"), "yaml-syntax 1:5 ‹\\›\n" },
        { "bad: short escape", STR_INIT("a: \"\\x4\"\n"), "yaml-syntax 1:7 ‹4›\n" },
        { "bad: escape of a surrogate", STR_INIT("a: \"\\ud800\"\n"), "yaml-syntax 1:7 ‹d›\n" },
        { "bad: text behind a bar", STR_INIT("a: |b\n"), "yaml-syntax 1:5 ‹b›\n" },
        { "bad: block indented by 0", STR_INIT("a: |0\n b\n"), "yaml-syntax 1:5 ‹0›\n" },
        { "bad: two definitions", STR_INIT("{a: 1}\nb: 1\n"), "yaml-syntax 2:1 ‹b›\n" },
        { "bad: TOML", STR_INIT("[a]\nb = 1\n"), "yaml-syntax 2:1 ‹b›\n" },
};

static void put_place(struct buf *out, const struct bench *b, struct span at) {
        unsigned line, column;

        source_position(&b->sources.list.at[0], at.off, &line, &column);
        buf_put_u64(out, line);
        buf_put_char(out, ':');
        buf_put_u64(out, column);
}

static void put_diags(struct buf *out, const struct bench *b, struct str text) {
        VEC_EACH(d, &b->diags.list) {
                assert_true(d->at.off + d->at.len <= text.n);
                buf_put(out, diag_name(d->id));
                buf_put_char(out, ' ');
                put_place(out, b, d->at);
                buf_put(out, " ‹");
                buf_put_str(out, (struct str) { text.p + d->at.off, d->at.len });
                buf_put(out, "›");
                if (d->related.file == 0) {
                        buf_put(out, " first ");
                        put_place(out, b, d->related);
                }
                buf_put_char(out, '\n');
        }
}

static void test_bad(void **state) {
        const struct bad_row *row = *state;
        struct bench b = { 0 };
        struct buf told;

        assert_null(parse(&b, row->text));
        told = buf_in(&b.arena);
        diag_sort(&b.diags);
        put_diags(&told, &b, row->text);
        assert_string_equal(buf_str(&told).p, row->told);
        arena_done(&b.arena);
}

static void test_too_large(void **state) {
        static char text[(1 << 20) + 1];
        struct bench b = { 0 };

        (void) state;
        memset(text, ' ', sizeof(text));
        memcpy(text, "a: 1\n#", 6);
        assert_non_null(parse(&b, (struct str) { text, SOURCE_MAX }));
        assert_null(parse(&b, (struct str) { text, SOURCE_MAX + 1 }));
        assert_int_equal(b.diags.list.n, 1);
        assert_int_equal(b.diags.list.at[0].id, DIAG_FILE_TOO_LARGE);
        arena_done(&b.arena);
}

/* libyaml alone takes 22 s for these. */
static void test_brackets(void **state) {
        static char text[100000];
        struct bench b = { 0 };

        (void) state;
        memset(text, '[', sizeof(text));
        assert_null(parse(&b, (struct str) { text, sizeof(text) }));
        assert_int_equal(b.diags.list.n, 1);
        assert_int_equal(b.diags.list.at[0].id, DIAG_YAML_DEPTH);
        assert_int_equal(b.diags.list.at[0].at.off, YAML_DEPTH_MAX);
        arena_done(&b.arena);
}

/* As many keys as a file can hold, each of them twice; and not a square of time. */
static void test_many_duplicates(void **state) {
        enum { N = 50000 };
        static char text[N * 12 + 1];
        struct bench b = { 0 };

        (void) state;
        for (int i = 0; i < N; i++)
                (void) snprintf(text + i * 12, sizeof(text) - (size_t) i * 12, "key%05d: 1\n", i % (N / 2));
        assert_null(parse(&b, (struct str) { text, N * 12 }));
        assert_int_equal(b.diags.n_errors, N / 2);
        assert_int_equal(b.diags.list.n, DIAG_SHOWN_MAX);
        arena_done(&b.arena);
}

static void test_get(void **state) {
        struct bench b = { 0 };
        struct node *root = parse(&b, STR("a: 1\nbc: {d: 2}\n"));

        (void) state;
        assert_string_equal(node_get(root, "a")->text.p, "1");
        assert_string_equal(node_get(node_get(root, "bc"), "d")->text.p, "2");
        assert_null(node_get(root, "b"));
        assert_null(node_get(node_get(root, "a"), "a"));
        assert_null(node_get(NULL, "a"));
        arena_done(&b.arena);
}

struct merge_row {
        const char *name;
        struct str base, over;
        const char *merged;
        const struct schema *rows;
        size_t n_warnings;
};

#define DROP_IN(name, base, over, merged) { name, STR_INIT(base), STR_INIT(over), merged, &app_schema, 0 }
#define WARNED(name, base, over, merged, n) { name, STR_INIT(base), STR_INIT(over), merged, &app_schema, n }

static const struct merge_row merge_rows[] = {
        { "merge: other keys", STR_INIT("b: 1\na: 2\n"), STR_INIT("d: 3\nc: 4\n"), "{b: 1, a: 2, d: 3, c: 4}" },
        { "merge: same key", STR_INIT("a: 1\nb: 2\n"), STR_INIT("a: '3'\n"), "{a: '3', b: 2}" },
        { "merge: maps in maps", STR_INIT("a: {b: {c: 1, d: 2}, e: 3}\n"), STR_INIT("a: {b: {d: 4, f: 5}}\n"), "{a: {b: {c: 1, d: 4, f: 5}, e: 3}}" },
        { "merge: lists are replaced", STR_INIT("a: [1, 2]\n"), STR_INIT("a: [3]\n"), "{a: [3]}" },
        { "merge: a map becomes text", STR_INIT("a: {b: 1}\n"), STR_INIT("a: x\n"), "{a: x}" },
        { "merge: text becomes a map", STR_INIT("a: x\n"), STR_INIT("a: {b: 1}\n"), "{a: {b: 1}}" },
        { "merge: with no value", STR_INIT("a: x\n"), STR_INIT("a:\n"), "{a: }" },
        { "merge: over nothing", STR_INIT(""), STR_INIT("a: x\n"), "{a: x}" },
        { "merge: nothing over it", STR_INIT("a: x\n"), STR_INIT(""), "{a: x}" },
        { "merge: into an empty map", STR_INIT("{}\n"), STR_INIT("a: x\n"), "{a: x}" },
        { "merge: roots of other kinds", STR_INIT("a: x\n"), STR_INIT("[y]\n"), "[y]" },
        { "merge: a map over a list of what has names", STR_INIT("a: [{name: x, b: 1}, {name: y, b: 2}]\n"), STR_INIT("a: {y: {b: 3, c: 4}}\n"),
          "{a: [{name: x, b: 1}, {name: y, b: 3, c: 4}]}" },
        { "merge: a list over a list of what has names", STR_INIT("a: [{name: x}, {name: y}]\n"), STR_INIT("a: [{name: z}]\n"), "{a: [{name: z}]}" },
        { "merge: a map over a list without names", STR_INIT("a: [{name: x}, {b: 1}]\n"), STR_INIT("a: {x: {b: 2}}\n"), "{a: {x: {b: 2}}}" },
        { "merge: many keys", STR_INIT("{z: 1, y: 2, x: 3, w: 4, v: 5, u: 6}\n"), STR_INIT("{u: 7, a: 8, z: 9, x: 10}\n"),
          "{z: 9, y: 2, x: 10, w: 4, v: 5, u: 7, a: 8}" },
        { "merge: null is a value", STR_INIT("a: 1\n"), STR_INIT("{a: null, b: ~}\n"), "{a: null, b: ~}" },
        DROP_IN("drop-in: null takes a key away", "{port: 1, env: {A: x, B: y}}\n",
                "{port: null, env: {B: ~}}\n", "{env: {A: x}}"),
        DROP_IN("drop-in: null takes a map away", "{port: 1, env: {A: x}}\n", "env: Null\n", "{port: 1}"),
        DROP_IN("drop-in: null takes an item away", "services: [{name: x}, {name: y}]\n",
                "services: {x: null}\n", "{services: [{name: y}]}"),
        DROP_IN("drop-in: null in an item", "services: [{name: x, port: 1}]\n",
                "services: {x: {port: null}}\n", "{services: [{name: x}]}"),
        DROP_IN("drop-in: quoted, it is a text", "command: a\n", "command: 'null'\n", "{command: 'null'}"),
        DROP_IN("drop-in: no value is not null", "port: 1\n", "port:\n", "{port: }"),
        DROP_IN("drop-in: null in a list stays", "files: [a]\n", "files: [{content: null}]\n",
                "{files: [{content: null}]}"),
        WARNED("drop-in: null for nothing", "{port: 1, services: [{name: x}]}\n",
               "{scale: null, env: {A: null}, services: {y: null}}\n",
               "{port: 1, services: [{name: x}], env: {}}", 3),
        WARNED("drop-in: null over nothing", "", "{port: 1, scale: null}\n", "{port: 1}", 1),
        WARNED("drop-in: null over a scalar", "health: /\n", "health: {http: /x, port: null}\n",
               "{health: {http: /x}}", 1),
        DROP_IN("drop-in: null that is ignored", "port: 1\n", "{x-a: null, x-b: {c: null}}\n",
                "{port: 1, x-a: null, x-b: {c: null}}"),
        DROP_IN("drop-in: another source of a secret",
                "secrets: {a: {kms: x, on_error: literal, mode: 600}}\n",
                "secrets: {a: {file: /x, uid: 1}}\n", "{secrets: {a: {mode: 600, file: /x, uid: 1}}}"),
        DROP_IN("drop-in: the same source of a secret", "secrets: {a: {kms: x, on_error: literal}}\n",
                "secrets: {a: {kms: y}}\n", "{secrets: {a: {kms: y, on_error: literal}}}"),
        DROP_IN("drop-in: two sources of a secret stay two", "secrets: {a: {credential: x}}\n",
                "secrets: {a: {kms: x, file: /x}}\n", "{secrets: {a: {kms: x, file: /x}}}"),
        DROP_IN("drop-in: what goes with null", "secrets: {a: {kms: x, on_error: literal, uid: 1}}\n",
                "secrets: {a: {kms: null}}\n", "{secrets: {a: {uid: 1}}}"),
        DROP_IN("drop-in: null for another source", "secrets: {a: {credential: x, file: /x}}\n",
                "secrets: {a: {file: null}}\n", "{secrets: {a: {credential: x}}}"),
        DROP_IN("drop-in: a secret of a service", "services: [{name: x, secrets: {a: {podman: x}}}]\n",
                "services: {x: {secrets: {a: {credential: y}}}}\n",
                "{services: [{name: x, secrets: {a: {credential: y}}}]}"),
        DROP_IN("drop-in: an image for a source", "source: {repo: /x, ref: y}\n", "image: x\n", "{image: x}"),
        DROP_IN("drop-in: a source for an image", "image: x\n", "source: {repo: /x}\n",
                "{source: {repo: /x}}"),
        DROP_IN("drop-in: a command for several", "tasks: [{name: x, commands: [a, b]}]\n",
                "tasks: {x: {command: c}}\n", "{tasks: [{name: x, command: c}]}"),
        DROP_IN("drop-in: names of the administrator's", "{env: {image: x}, vars: {source: x}}\n",
                "{env: {source: y}, vars: {image: y}}\n",
                "{env: {image: x, source: y}, vars: {source: x, image: y}}"),
};

static void test_merge(void **state) {
        const struct merge_row *row = *state;
        struct bench b = { 0 };
        struct node *base = parse(&b, row->base), *over = parse(&b, row->over);
        struct buf before = buf_in(&b.arena), after = buf_in(&b.arena), merged = buf_in(&b.arena);

        if (base)
                put_node(&before, base);
        put_node(&merged, schema_merge(&b.arena, &b.diags, row->rows, base, over));
        assert_string_equal(buf_str(&merged).p, row->merged);
        if (base)
                put_node(&after, base);
        assert_string_equal(buf_str(&before).p, buf_str(&after).p);
        assert_null(schema_merge(&b.arena, &b.diags, row->rows, NULL, NULL));
        assert_int_equal(b.diags.list.n, row->n_warnings);
        arena_done(&b.arena);
}

int main(void) {
        static struct rows rows;

        rows_add(&rows, test_tree, tree_rows);
        rows_add(&rows, test_empty, empty_rows);
        rows_add(&rows, test_bad, bad_rows);
        rows_add_one(&rows, test_too_large);
        rows_add_one(&rows, test_brackets);
        rows_add_one(&rows, test_many_duplicates);
        rows_add_one(&rows, test_get);
        rows_add(&rows, test_merge, merge_rows);
        return rows_run(&rows, "yaml");
}
