/* SPDX-License-Identifier: Apache-2.0 */
#include "output/env.h"

#include <errno.h>

#include "rows.h"

static const struct env_name name = { STR_INIT("A_1"), NOWHERE };

struct value_row {
        const char *name;
        struct str value;
        const char *file;               /* Podman's; NULL where it can't hold the value */
        const char *unit;               /* systemd's; NULL likewise */
        const char *template;
};

static const struct value_row value_rows[] = {
        { "value: plain", STR_INIT("x"), "A_1=x\n", "A_1=\"x\"\n", "A_1=x\n" },
        { "value: empty", STR_INIT(""), "A_1=\n", "A_1=\"\"\n", "A_1=\n" },
        { "value: blanks at the ends", STR_INIT(" x\t"), "A_1= x\t\n", "A_1=\" x\t\"\n", "A_1= x\t\n" },
        { "value: quotes", STR_INIT("\"'"), "A_1=\"'\n", "A_1=\"\\\"'\"\n", "A_1=\"'\n" },
        { "value: dollar and backtick", STR_INIT("$A `b`"), "A_1=$A `b`\n", "A_1=\"\\$A \\`b\\`\"\n", "A_1=$A `b`\n" },
        { "value: backslash at the end", STR_INIT("a\\"), "A_1=a\\\n", "A_1=\"a\\\\\"\n", "A_1=a\\\n" },
        { "value: comment", STR_INIT("#;"), "A_1=#;\n", "A_1=\"#;\"\n", "A_1=#;\n" },
        { "value: equals", STR_INIT("=a=b"), "A_1==a=b\n", "A_1=\"=a=b\"\n", "A_1==a=b\n" },
        { "value: percent", STR_INIT("%n%%"), "A_1=%n%%\n", "A_1=\"%n%%\"\n", "A_1=%%n%%%%\n" },
        { "value: two lines", STR_INIT("a\nB=c"), NULL, "A_1=\"a\nB=c\"\n", "A_1=a%nB=c\n" },
        { "value: carriage return inside", STR_INIT("a\rb"), "A_1=a\rb\n", "A_1=\"a\rb\"\n", "A_1=a\rb\n" },
        { "value: carriage return at the end", STR_INIT("a\r"), NULL, "A_1=\"a\r\"\n", "A_1=a\r\n" },
        { "value: not ASCII", STR_INIT("\xc3\xa9"), "A_1=\xc3\xa9\n", "A_1=\"\xc3\xa9\"\n", "A_1=\xc3\xa9\n" },
        { "value: not UTF-8", STR_INIT("\xff"), "A_1=\xff\n", NULL, "A_1=\xff\n" },
        { "value: overlong UTF-8", STR_INIT("\xc0\xaf"), "A_1=\xc0\xaf\n", NULL, "A_1=\xc0\xaf\n" },
        { "value: a surrogate", STR_INIT("\xed\xa0\x80"), "A_1=\xed\xa0\x80\n", NULL, "A_1=\xed\xa0\x80\n" },
        { "value: a noncharacter", STR_INIT("\xef\xb7\x90"), "A_1=\xef\xb7\x90\n", NULL, "A_1=\xef\xb7\x90\n" },
        { "value: the last noncharacter", STR_INIT("\xf4\x8f\xbf\xbf"), "A_1=\xf4\x8f\xbf\xbf\n", NULL, "A_1=\xf4\x8f\xbf\xbf\n" },
        { "value: a truncated character", STR_INIT("a\xe2\x82"), "A_1=a\xe2\x82\n", NULL, "A_1=a\xe2\x82\n" },
        { "value: control bytes", STR_INIT("\x1b[0m\x7f"), "A_1=\x1b[0m\x7f\n", "A_1=\"\x1b[0m\x7f\"\n", "A_1=\x1b[0m\x7f\n" },
};

static void test_value(void **state) {
        const struct value_row *row = *state;
        struct arena a = { 0 };
        struct buf file = buf_in(&a), unit = buf_in(&a), template = buf_in(&a);
        struct env_piece piece = { .literal = row->value };
        struct str got_name, got;

        assert_int_equal(env_file_can_hold(row->value), row->file != NULL);
        if (row->file) {
                env_file_put(&file, name, row->value);
                assert_string_equal(buf_str(&file).p, row->file);
        }

        assert_int_equal(env_unit_put(&unit, name.text, row->value), row->unit ? 0 : -EILSEQ);
        assert_string_equal(buf_str(&unit).p, row->unit ? row->unit : "");
        if (row->unit) {
                struct str rest = buf_str(&unit);

                assert_int_equal(env_unit_take(&a, &rest, &got_name, &got), 1);
                assert_true(str_eq(got_name, name.text));
                assert_true(str_eq(got, row->value));
                assert_int_equal(env_unit_take(&a, &rest, &got_name, &got), 0);
        }

        env_template_put(&template, name, &piece, 1);
        assert_string_equal(buf_str(&template).p, row->template);
        assert_int_equal(env_template_compose(&a, ((struct str) { template.p, template.n - 1 }), NULL, NULL, &got_name, &got), 0);
        assert_true(str_eq(got_name, name.text));
        assert_true(str_eq(got, row->value));
        arena_done(&a);
}

static void test_take(void **state) {
        static const char *const wrong[] = { "A", "A=x\n", "A=\"x", "A=\"x\"", "=\"x\"\n", "1=\"x\"\n", "A=\"x\\", "A=\"x\" \n" };
        struct str got_name, got, rest = STR("A=\"1\\\"\n2\"\nB=\"\"\n");
        struct arena a = { 0 };

        assert_int_equal(env_unit_take(&a, &rest, &got_name, &got), 1);
        assert_true(str_is(got_name, "A") && str_is(got, "1\"\n2"));
        assert_int_equal(env_unit_take(&a, &rest, &got_name, &got), 1);
        assert_true(str_is(got_name, "B") && got.n == 0);
        assert_int_equal(env_unit_take(&a, &rest, &got_name, &got), 0);
        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
                rest = str_of(wrong[i]);
                assert_int_equal(env_unit_take(&a, &rest, &got_name, &got), -EBADMSG);
        }
        arena_done(&a);
}

struct limit_row {
        const char *name;
        struct str value;
        bool can_hold;
        size_t n;                       /* the value is so many 'x', where not 0 */
};

static const struct limit_row limit_rows[] = {
        { "limit: NUL", STR_INIT("a\0b"), false, 0 },
        { "limit: absent", { NULL, 0 }, true, 0 },
        { "limit: the longest that Podman reads", { NULL, 0 }, true, 65535 - 1024 },
        { "limit: longer", { NULL, 0 }, false, 65535 - 1023 },
};

static void test_limit(void **state) {
        const struct limit_row *row = *state;
        struct arena a = { 0 };
        struct str value = row->value;
        struct buf b = buf_in(&a);

        if (row->n > 0) {
                char *p = arena_alloc(&a, row->n, 1);

                memset(p, 'x', row->n);
                value = (struct str) { p, row->n };
        }

        assert_int_equal(env_file_can_hold(value), row->can_hold);
        if (str_find(value, '\0') < value.n)
                assert_int_equal(env_unit_put(&b, STR("A"), value), -EILSEQ);
        arena_done(&a);
}

struct compose_row {
        const char *name;
        struct str line;
        int r;
        struct str value;
};

/* The secret "pw" holds "p@s s%\n", "nul" holds a NUL; there is no other. */
static const struct compose_row compose_rows[] = {
        { "compose: literal", STR_INIT("A=b c"), 0, STR_INIT("b c") },
        { "compose: empty", STR_INIT("A="), 0, STR_INIT("") },
        { "compose: escapes", STR_INIT("A=%%%n%%n"), 0, STR_INIT("%\n%n") },
        { "compose: secret", STR_INIT("A=x%{pw}y"), 0, STR_INIT("xp@s s%\ny") },
        { "compose: what a secret holds is no template", STR_INIT("A=%{pw}{pw}"), 0, STR_INIT("p@s s%\n{pw}") },
        { "compose: for a URL", STR_INIT("A=http://u:%u{pw}@h"), 0, STR_INIT("http://u:p%40s%20s%25%0A@h") },
        { "compose: NUL in a secret", STR_INIT("A=%{nul}"), 0, STR_INIT("a\0b") },
        { "compose: NUL for a URL", STR_INIT("A=%u{nul}"), 0, STR_INIT("a%00b") },
        { "compose: missing secret", STR_INIT("A=%{no}"), -ENOENT, { NULL, 0 } },
        { "compose: missing secret after a good one", STR_INIT("A=%{pw}%u{no}"), -ENOENT, { NULL, 0 } },
        { "compose: no equals", STR_INIT("A"), -EBADMSG, { NULL, 0 } },
        { "compose: nothing", STR_INIT(""), -EBADMSG, { NULL, 0 } },
        { "compose: no name", STR_INIT("=a"), -EBADMSG, { NULL, 0 } },
        { "compose: bad name", STR_INIT("A B=c"), -EBADMSG, { NULL, 0 } },
        { "compose: name begins with a digit", STR_INIT("1A=c"), -EBADMSG, { NULL, 0 } },
        { "compose: blank before the name", STR_INIT(" A=c"), -EBADMSG, { NULL, 0 } },
        { "compose: lone percent at the end", STR_INIT("A=%"), -EBADMSG, { NULL, 0 } },
        { "compose: unknown escape", STR_INIT("A=%x"), -EBADMSG, { NULL, 0 } },
        { "compose: u without a brace", STR_INIT("A=%u"), -EBADMSG, { NULL, 0 } },
        { "compose: no closing brace", STR_INIT("A=%{pw"), -EBADMSG, { NULL, 0 } },
        { "compose: no name in the braces", STR_INIT("A=%{}"), -EBADMSG, { NULL, 0 } },
        { "compose: the same for a URL", STR_INIT("A=%u{}"), -EBADMSG, { NULL, 0 } },
};

static int get_secret(void *userdata, struct str secret, struct str *ret) {
        if (str_is(secret, "pw"))
                *ret = STR("p@s s%\n");
        else if (str_is(secret, "nul"))
                *ret = STR("a\0b");
        else
                return -ENOENT;

        return 0;
}

static void test_compose(void **state) {
        const struct compose_row *row = *state;
        struct arena a = { 0 };
        struct str got_name = STR("untouched"), got = STR("untouched");

        assert_int_equal(env_template_compose(&a, row->line, get_secret, NULL, &got_name, &got), row->r);
        assert_true(str_is(got_name, row->r == 0 ? "A" : "untouched"));
        assert_true(str_eq(got, row->r == 0 ? row->value : STR("untouched")));
        arena_done(&a);
}

static void test_pieces(void **state) {
        const struct env_piece pieces[] = {
                { .literal = STR("postgresql://u:") },
                { .secret = { STR("db-password"), NOWHERE }, .is_url_encoded = true },
                { .literal = STR("@h/%") },
                { .secret = { STR("x"), NOWHERE } },
        };
        struct arena a = { 0 };
        struct buf b = buf_in(&a);

        env_template_put(&b, name, pieces, ARRAY_SIZE(pieces));
        env_template_put(&b, name, NULL, 0);
        assert_string_equal(buf_str(&b).p, "A_1=postgresql://u:%u{db-password}@h/%%%{x}\nA_1=\n");
        arena_done(&a);
}

int main(void) {
        static struct rows rows;

        rows_add(&rows, test_value, value_rows);
        rows_add_one(&rows, test_take);
        rows_add(&rows, test_limit, limit_rows);
        rows_add(&rows, test_compose, compose_rows);
        rows_add_one(&rows, test_pieces);
        return rows_run(&rows, "env");
}
