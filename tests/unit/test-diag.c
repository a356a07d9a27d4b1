/* SPDX-License-Identifier: Apache-2.0 */
#include "input/diag.h"
#include "rows.h"

/* A run with one or two files. */
struct bench {
        struct arena arena;
        struct sources sources;
        struct diags diags;
};

static void bench_init(struct bench *b) {
        *b = (struct bench) { 0 };
        b->diags = (struct diags) { .arena = &b->arena, .sources = &b->sources };
}

static uint32_t add_file(struct bench *b, const char *path, struct str text) {
        return source_add(&b->arena, &b->sources, str_of(path), text);
}

static void assert_printed(struct bench *b, unsigned flags, const char *expected) {
        struct buf out = buf_in(&b->arena);

        diag_print(&out, &b->diags, (struct str) { NULL, 0 }, flags);
        assert_string_equal(buf_str(&out).p, expected);
}

static bool is_kebab(const char *name) {
        char last = '-';

        for (const char *p = name; *p; last = *p++)
                if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || (*p == '-' && last != '-')))
                        return false;

        return last != '-';
}

static void test_names(void **state) {
        (void) state;
        for (unsigned i = 0; i < DIAG_ID_COUNT; i++) {
                assert_true(is_kebab(diag_name((enum diag_id) i)));
                for (unsigned k = 0; k < i; k++)
                        assert_string_not_equal(diag_name((enum diag_id) i), diag_name((enum diag_id) k));
        }
}

/* One message about one file. */
struct print_row {
        const char *name;
        struct str text;
        uint32_t off, len;
        unsigned flags;
        const char *printed;
};

#define A40 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A80 A40 A40
#define B80 "                                        " "                                        "

static const struct print_row print_rows[] = {
        { "print: a word", STR_INIT("image: x\nports:\n  port: 70000\n"), 24, 5, 0,
          "x.yaml:3:9: error: a message [bad-value]\n    3 |   port: 70000\n      |         ^~~~~\n" },
        { "print: one character", STR_INIT("ab\n"), 1, 1, 0,
          "x.yaml:1:2: error: a message [bad-value]\n    1 | ab\n      |  ^\n" },
        { "print: no width", STR_INIT("a:\n"), 2, 0, 0,
          "x.yaml:1:3: error: a message [bad-value]\n    1 | a:\n      |   ^\n" },
        { "print: behind the text", STR_INIT("a:\n"), 3, 1, 0,
          "x.yaml:2:1: error: a message [bad-value]\n    2 |\n      | ^\n" },
        { "print: far behind the text", STR_INIT("a:"), 4711, 4711, 0,
          "x.yaml:1:3: error: a message [bad-value]\n    1 | a:\n      |   ^\n" },
        { "print: several lines", STR_INIT("a: [b,\n c]\n"), 3, 7, 0,
          "x.yaml:1:4: error: a message [bad-value]\n    1 | a: [b,\n      |    ^~~\n" },
        { "print: characters of several bytes", STR_INIT("\xc3\xa9: \xf0\x9f\x90\x8d\xe2\x82\xac x\n"), 4, 7, 0,
          "x.yaml:1:4: error: a message [bad-value]\n    1 | \xc3\xa9: \xf0\x9f\x90\x8d\xe2\x82\xac x\n      |    ^~\n" },
        { "print: tabs are one column", STR_INIT("\ta:\tb\n"), 4, 1, 0,
          "x.yaml:1:5: error: a message [bad-value]\n    1 |  a: b\n      |     ^\n" },
        { "print: control bytes", STR_INIT("\x1b[2Ja\r: b\n"), 8, 1, 0,
          "x.yaml:1:9: error: a message [bad-value]\n    1 | \\x1B[2Ja\\x0D: b\n      |               ^\n" },
        { "print: a control byte underlined", STR_INIT("a\0b\n"), 1, 1, 0,
          "x.yaml:1:2: error: a message [bad-value]\n    1 | a\\x00b\n      |  ^~~~\n" },
        { "print: no UTF-8", STR_INIT("a\xffz\n"), 2, 1, 0,
          "x.yaml:1:3: error: a message [bad-value]\n    1 | a\\xFFz\n      |      ^\n" },
        { "print: CSI of one character", STR_INIT("a\xc2\x9bz\n"), 3, 1, 0,
          "x.yaml:1:3: error: a message [bad-value]\n    1 | a\\xC2\\x9Bz\n      |          ^\n" },
        { "print: direction marks", STR_INIT("a\xe2\x80\xaez\n"), 4, 1, 0,
          "x.yaml:1:3: error: a message [bad-value]\n    1 | a\\xE2\\x80\\xAEz\n      |              ^\n" },
        { "print: a file without text", { NULL, 0 }, 0, 0, 0, "x.yaml: error: a message [bad-value]\n" },
        { "print: a line of full width", STR_INIT(A80 A80 "\n"), 159, 1, 0,
          "x.yaml:1:160: error: a message [bad-value]\n    1 | " A80 A80 "\n      | " B80
          "                                                                               " "^\n" },
        { "print: a wide line, at its start", STR_INIT("b" A80 A80 "\n"), 0, 1, 0,
          "x.yaml:1:1: error: a message [bad-value]\n    1 | b" A80 A40 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…\n      | ^\n" },
        { "print: a wide line, at its end", STR_INIT(A80 A80 "b\n"), 160, 1, 0,
          "x.yaml:1:161: error: a message [bad-value]\n    1 | …" A80 A40 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\n      | "
          B80 B80 "^\n" },
        { "print: a wide line, in the middle", STR_INIT(A80 A80 "b" A80 A80 "\n"), 160, 1, 0,
          "x.yaml:1:161: error: a message [bad-value]\n    1 | …" A80 "b" A40 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…\n      | "
          " " B80 "^\n" },
        { "print: a wide line, underlined to its cut", STR_INIT("b" A80 A80 "\n"), 150, 11, 0,
          "x.yaml:1:151: error: a message [bad-value]\n    1 | …" A80 A80 "\n      | " B80
          "                                                                      ^~~~~~~~~~~\n" },
        { "print: in colours", STR_INIT("a: b\n"), 3, 1, DIAG_COLOR,
          "\033[01mx.yaml:1:4:\033[m \033[01;31merror: \033[ma message [bad-value]\n    1 | a: b\n      |    \033[01;32m^\033[m\n" },
        { "print: brief", STR_INIT("a: b\n"), 3, 1, DIAG_BRIEF, "x.yaml:1:4: error: a message [bad-value]\n" },
};

static void test_print(void **state) {
        const struct print_row *row = *state;
        struct bench b;

        bench_init(&b);
        (void) add_file(&b, "x.yaml", row->text);
        (void) diag_add(&b.diags, DIAG_BAD_VALUE, (struct span) { 0, row->off, row->len }, "a %s", "message");
        assert_printed(&b, row->flags, row->printed);
        assert_int_equal(b.diags.n_errors, 1);
        arena_done(&b.arena);
}

static void test_print_nowhere(void **state) {
        struct bench b;

        (void) state;
        bench_init(&b);
        (void) diag_add(&b.diags, DIAG_TOO_MANY_APPS, NOWHERE, "more than %d apps", 3);
        assert_printed(&b, 0, "error: more than 3 apps [too-many-apps]\n");
        arena_done(&b.arena);
}

static void test_print_warning(void **state) {
        struct bench b;

        (void) state;
        bench_init(&b);
        (void) add_file(&b, "x.yaml", STR("a: b\n"));
        (void) diag_add(&b.diags, DIAG_READABLE_SECRET, (struct span) { 0, 0, 1 }, "others may read it");
        assert_int_equal(b.diags.n_errors, 0);
        assert_printed(&b, DIAG_COLOR, "\033[01mx.yaml:1:1:\033[m \033[01;35mwarning: \033[mothers may read it [readable-secret]\n"
                       "    1 | a: b\n      | \033[01;32m^\033[m\n");
        arena_done(&b.arena);
}

static void test_print_note(void **state) {
        struct bench b;
        struct diag *d;

        (void) state;
        bench_init(&b);
        (void) add_file(&b, "base.yaml", STR("a: 1\n"));
        (void) add_file(&b, "shop.yaml", STR("c: 1\na: 2\n"));
        d = diag_add(&b.diags, DIAG_YAML_DUPLICATE_KEY, (struct span) { 1, 5, 1 }, "key '%s' again", "a");
        diag_note(&b.diags, d, (struct span) { 0, 0, 1 }, "'%s' is first defined here", "a");
        assert_printed(&b, 0, "shop.yaml:2:1: error: key 'a' again [yaml-duplicate-key]\n    2 | a: 2\n      | ^\n"
                       "base.yaml:1:1: note: 'a' is first defined here\n");
        assert_printed(&b, DIAG_BRIEF, "shop.yaml:2:1: error: key 'a' again [yaml-duplicate-key]; "
                       "base.yaml:1:1: note: 'a' is first defined here\n");
        arena_done(&b.arena);
}

static void test_print_secret(void **state) {
        struct bench b;

        (void) state;
        bench_init(&b);
        (void) add_file(&b, "x.yaml", STR("password: hunter2\n"));
        diag_add(&b.diags, DIAG_BAD_VALUE, (struct span) { 0, 10, 7 }, "too short")->is_secret = true;
        assert_printed(&b, 0, "x.yaml:1:11: error: too short [bad-value]\n");
        arena_done(&b.arena);
}

/* Keys and file names may hold what a terminal would obey. */
static void test_print_hostile(void **state) {
        struct bench b;

        (void) state;
        bench_init(&b);
        (void) add_file(&b, "x\x1b.yaml", STR("a\n"));
        (void) diag_add(&b.diags, DIAG_UNKNOWN_KEY, (struct span) { 0, 0, 1 }, "key '%s'", "a\nb\x9b\r");
        assert_printed(&b, DIAG_BRIEF, "x\\x1B.yaml:1:1: error: key 'a\\x0Ab\\x9B\\x0D' [unknown-key]\n");
        arena_done(&b.arena);
}

/* Longer lines than the column for their numbers foresees. */
static void test_print_line_number(void **state) {
        static char text[100001];
        struct bench b;

        (void) state;
        bench_init(&b);
        memset(text, '\n', 100000);
        text[99999] = 'x';
        text[9999] = 'y';
        (void) add_file(&b, "x.yaml", (struct str) { text, 100000 });
        (void) diag_add(&b.diags, DIAG_BAD_VALUE, (struct span) { 0, 9999, 1 }, "y");
        (void) diag_add(&b.diags, DIAG_BAD_VALUE, (struct span) { 0, 99999, 1 }, "x");
        assert_printed(&b, 0, "x.yaml:10000:1: error: y [bad-value]\n10000 | y\n      | ^\n"
                       "x.yaml:99999:1: error: x [bad-value]\n99999 | x\n      | ^\n");
        arena_done(&b.arena);
}

static void test_long_text(void **state) {
        static char key[5001];
        struct bench b;
        struct diag *d;

        (void) state;
        bench_init(&b);
        memset(key, 'k', 5000);
        d = diag_add(&b.diags, DIAG_UNKNOWN_KEY, NOWHERE, "%s", key);
        assert_int_equal(d->text.n, 1000 + strlen("…"));
        for (size_t i = 0; i < 5000; i += 2)
                memcpy(key + i, "\xc3\xa9", 2);
        d = diag_add(&b.diags, DIAG_UNKNOWN_KEY, NOWHERE, "x%s", key);
        assert_int_equal(d->text.n, 999 + strlen("…"));        /* not within a character */
        arena_done(&b.arena);
}

static void test_sort(void **state) {
        struct bench b;

        (void) state;
        bench_init(&b);
        (void) add_file(&b, "a.yaml", STR("abc\n"));
        (void) add_file(&b, "b.yaml", STR("abc\n"));
        (void) diag_add(&b.diags, DIAG_BAD_VALUE, NOWHERE, "6");
        (void) diag_add(&b.diags, DIAG_BAD_VALUE, (struct span) { 1, 0, 1 }, "4");
        (void) diag_add(&b.diags, DIAG_BAD_VALUE, (struct span) { 0, 2, 1 }, "3");
        (void) diag_add(&b.diags, DIAG_BAD_VALUE, (struct span) { 0, 1, 1 }, "1");
        (void) diag_add(&b.diags, DIAG_BAD_VALUE, (struct span) { 0, 1, 1 }, "2");
        (void) diag_add(&b.diags, DIAG_BAD_VALUE, (struct span) { 0, 1, 1 }, "1");
        (void) diag_add(&b.diags, DIAG_BAD_VALUE, (struct span) { 1, 0, 1 }, "5");
        assert_int_equal(b.diags.n_errors, 7);
        diag_sort(&b.diags);
        assert_int_equal(b.diags.n_errors, 6);
        assert_int_equal(b.diags.list.n, 6);
        for (size_t i = 0; i < 6; i++)
                assert_int_equal(b.diags.list.at[i].text.p[0], '1' + (int) i);

        /* what is added later is complete as well */
        assert_true(str_is_absent(diag_add(&b.diags, DIAG_BAD_VALUE, NOWHERE, "7")->owner));
        assert_int_equal(b.diags.list.n, 7);
        arena_done(&b.arena);
}

static void test_sort_nothing(void **state) {
        struct bench b;

        (void) state;
        bench_init(&b);
        diag_sort(&b.diags);
        assert_int_equal(b.diags.list.n, 0);
        assert_printed(&b, 0, "");
        arena_done(&b.arena);
}

/* The diagnostics of one file are capped; those of the next are not lost by it. */
static void test_cap(void **state) {
        struct bench b;
        struct buf out;
        struct str rest;

        (void) state;
        bench_init(&b);
        (void) add_file(&b, "a.yaml", STR("abc\n"));
        (void) add_file(&b, "b.yaml", STR("abc\n"));
        b.diags.owner = STR("a");
        for (int i = 0; i < 100; i++)
                diag_note(&b.diags, diag_add(&b.diags, DIAG_BAD_VALUE, (struct span) { 0, 0, 1 }, "%d", i), NOWHERE, "n");
        b.diags.owner = STR("b");
        (void) diag_add(&b.diags, DIAG_BAD_VALUE, (struct span) { 1, 0, 1 }, "b");
        assert_int_equal(b.diags.n_errors, 101);
        assert_int_equal(b.diags.list.n, DIAG_SHOWN_MAX + 1);

        diag_sort(&b.diags);
        out = buf_in(&b.arena);
        diag_print(&out, &b.diags, (struct str) { NULL, 0 }, DIAG_BRIEF);
        rest = str_from(buf_str(&out), str_find_str(buf_str(&out), STR("error: 63 ")));
        assert_string_equal(rest.p, "error: 63 [bad-value]; note: n\nnote: 37 more are not shown\n");
        out = buf_in(&b.arena);
        diag_print(&out, &b.diags, STR("b"), DIAG_BRIEF);
        assert_string_equal(buf_str(&out).p, "b.yaml:1:1: error: b [bad-value]\n");
        arena_done(&b.arena);
}

/* However many warnings an app has, its error is kept. */
static void test_cap_keeps_errors(void **state) {
        struct bench b;

        (void) state;
        bench_init(&b);
        (void) add_file(&b, "a.yaml", STR("abc\n"));
        for (int i = 0; i < 100; i++)
                (void) diag_add(&b.diags, DIAG_READABLE_SECRET, (struct span) { 0, 0, 1 }, "%d", i);
        (void) diag_add(&b.diags, DIAG_BAD_VALUE, (struct span) { 0, 0, 1 }, "the error");
        assert_int_equal(b.diags.list.n, DIAG_SHOWN_MAX + 1);
        assert_int_equal(b.diags.list.at[DIAG_SHOWN_MAX].severity, SEVERITY_ERROR);
        arena_done(&b.arena);
}

/* Two apps use one bad contract: one message for all, one for each where only it is asked for. */
static void test_owners(void **state) {
        static const char *const line = "c.yaml:1:1: error: bad [bad-contract]\n";
        const struct str owners[] = { STR_INIT("a"), STR_INIT("b") };
        struct bench b;

        (void) state;
        bench_init(&b);
        (void) add_file(&b, "c.yaml", STR("abc\n"));
        for (size_t i = 0; i < ARRAY_SIZE(owners); i++) {
                b.diags.owner = owners[i];
                (void) diag_add(&b.diags, DIAG_BAD_CONTRACT, (struct span) { 0, 0, 1 }, "bad");
        }
        diag_sort(&b.diags);
        assert_printed(&b, DIAG_BRIEF, line);
        for (size_t i = 0; i < ARRAY_SIZE(owners); i++) {
                struct buf out = buf_in(&b.arena);

                diag_print(&out, &b.diags, owners[i], DIAG_BRIEF);
                assert_string_equal(buf_str(&out).p, line);
        }
        arena_done(&b.arena);
}

static const char *diags_as_json(struct bench *b) {
        struct buf out = buf_in(&b->arena);
        struct json_writer w = { .out = &out, .is_one_line = true };

        json_open(&w, NULL, '{');
        diag_put_json(&w, &b->diags, (struct str) { NULL, 0 });
        json_close(&w, '}');
        return buf_str(&out).p;
}

static void test_json(void **state) {
        struct bench b;
        struct diag *d;

        (void) state;
        bench_init(&b);
        assert_string_equal(diags_as_json(&b), "{\"diagnostics\": []}");

        (void) add_file(&b, "a \"b\".yaml", STR("abc\nd\n"));
        (void) add_file(&b, "none.yaml", (struct str) { NULL, 0 });
        (void) diag_add(&b.diags, DIAG_FILE_UNREADABLE, (struct span) { 1, 0, 0 }, "can't");
        b.diags.owner = STR("shop");
        d = diag_add(&b.diags, DIAG_READABLE_SECRET, (struct span) { 0, 4, 1 }, "%s", "\\ \" \n \t \x1b \x7f \xc2\x85 \xff\xc3 \xc3\xa9");
        diag_note(&b.diags, d, (struct span) { 0, 1, 1 }, "here");
        assert_string_equal(diags_as_json(&b), "{\"diagnostics\": ["
                "{\"severity\": \"error\", \"id\": \"file-unreadable\", \"app\": null, \"message\": \"can't\", "
                "\"file\": \"none.yaml\", \"line\": null, \"column\": null, \"note\": null}, "
                "{\"severity\": \"warning\", \"id\": \"readable-secret\", \"app\": \"shop\", "
                "\"message\": \"\\\\ \\\" \\u000a \\u0009 \\u001b \\u007f \\u0085 \\ufffd\\ufffd \xc3\xa9\", "
                "\"file\": \"a \\\"b\\\".yaml\", \"line\": 2, \"column\": 1, "
                "\"note\": {\"message\": \"here\", \"file\": \"a \\\"b\\\".yaml\", \"line\": 1, \"column\": 2}}]}");
        arena_done(&b.arena);
}

struct nearest_row {
        const char *name;
        struct str word;
        const char *nearest;
};

static const struct nearest_row nearest_rows[] = {
        { "nearest: a letter is missing", STR_INIT("nam"), "name" },
        { "nearest: swapped", STR_INIT("iamge"), "image" },
        { "nearest: two of a long word", STR_INIT("descripton_"), "description" },
        { "nearest: the nearest of two", STR_INIT("iimage"), "image" },
        { "nearest: the first of two as near", STR_INIT("portx"), "port" },
        { "nearest: nothing near", STR_INIT("volume"), NULL },
        { "nearest: two of a short word", STR_INIT("mane"), NULL },
        { "nearest: one letter", STR_INIT("x"), NULL },
        { "nearest: one letter of two", STR_INIT("t"), NULL },
        { "nearest: empty", STR_INIT(""), NULL },
};

static void test_nearest(void **state) {
        static const struct str names[] = { STR_INIT("name"), STR_INIT("images"), STR_INIT("image"), STR_INIT("port"),
                                            STR_INIT("ports"), STR_INIT("description"), STR_INIT("a") };
        const struct nearest_row *row = *state;
        struct str nearest = diag_nearest(row->word, names, ARRAY_SIZE(names));

        if (row->nearest)
                assert_true(str_is(nearest, row->nearest));
        else
                assert_true(str_is_absent(nearest));
}

int main(void) {
        static struct rows rows;

        rows_add_one(&rows, test_names);
        rows_add(&rows, test_print, print_rows);
        rows_add_one(&rows, test_print_nowhere);
        rows_add_one(&rows, test_print_warning);
        rows_add_one(&rows, test_print_note);
        rows_add_one(&rows, test_print_secret);
        rows_add_one(&rows, test_print_hostile);
        rows_add_one(&rows, test_print_line_number);
        rows_add_one(&rows, test_long_text);
        rows_add_one(&rows, test_sort);
        rows_add_one(&rows, test_sort_nothing);
        rows_add_one(&rows, test_cap);
        rows_add_one(&rows, test_cap_keeps_errors);
        rows_add_one(&rows, test_owners);
        rows_add_one(&rows, test_json);
        rows_add(&rows, test_nearest, nearest_rows);
        return rows_run(&rows, "diag");
}
