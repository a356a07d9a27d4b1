/* SPDX-License-Identifier: Apache-2.0 */

/* Commands into words. With an argument the program is what test_split.py compares with sh and with Python's shlex: it
 * splits the argument and prints each word with a NUL behind it, or exits with 1. */

#include "decoding.h"

struct split_row {
        const char *name, *text;
        const char *words[8];
        const char *wrong;              /* NULL where it is a command */
};

static const struct split_row split_rows[] = {
        { "split: nothing", "", { NULL }, NULL },
        { "split: only blanks", " \t\n ", { NULL }, NULL },
        { "split: one word", "a", { "a" }, NULL },
        { "split: blanks, tabs and line feeds", "a  b\tc\nd", { "a", "b", "c", "d" }, NULL },
        { "split: blanks at the ends", "  a b  ", { "a", "b" }, NULL },
        { "split: single quotes", "'a b' c", { "a b", "c" }, NULL },
        { "split: double quotes", "\"a b\" c", { "a b", "c" }, NULL },
        { "split: quotes within a word", "a'b c'd\"e f\"g", { "ab cde fg" }, NULL },
        { "split: empty words", "'' \"\" a", { "", "", "a" }, NULL },
        { "split: an empty word at the end", "a ''", { "a", "" }, NULL },
        { "split: empty quotes within a word", "a''b", { "ab" }, NULL },
        { "split: a quote in the other", "\"it's\" '\"'", { "it's", "\"" }, NULL },
        { "split: backslash before a blank", "a\\ b c", { "a b", "c" }, NULL },
        { "split: backslash before a letter", "\\a\\b", { "ab" }, NULL },
        { "split: backslash before a quote", "\\' \\\"", { "'", "\"" }, NULL },
        { "split: backslash before a backslash", "\\\\", { "\\" }, NULL },
        { "split: backslash in single quotes", "'a\\nb\\'", { "a\\nb\\" }, NULL },
        { "split: backslash before a letter in double quotes", "\"a\\nb\"", { "a\\nb" }, NULL },
        { "split: backslash before a quote in double quotes", "\"a\\\"b\"", { "a\"b" }, NULL },
        { "split: backslash before a backslash in double quotes", "\"a\\\\\"", { "a\\" }, NULL },
        { "split: backslash before a dollar in double quotes", "\"\\$a\\`\"", { "$a`" }, NULL },
        { "split: lines that go on", "gunicorn \\\n  --workers 4 \\\n  app\n", { "gunicorn", "--workers", "4", "app" }, NULL },
        { "split: a word that goes on", "ab\\\ncd", { "abcd" }, NULL },
        { "split: a line that goes on in double quotes", "\"ab\\\ncd\"", { "abcd" }, NULL },
        { "split: a line feed in quotes", "'a\nb' \"c\nd\"", { "a\nb", "c\nd" }, NULL },
        { "split: nothing is expanded", "$HOME ~ *.py `ls` $(ls) a{b,c} %i", { "$HOME", "~", "*.py", "`ls`", "$(ls)", "a{b,c}", "%i" }, NULL },
        { "split: operators are words", "a && b ; c | d", { "a", "&&", "b", ";", "c", "|", "d" }, NULL },
        { "split: no comments", "a #b", { "a", "#b" }, NULL },
        { "split: characters of several bytes", "\xc3\xa9 '\xe2\x82\xac \xf0\x9f\x90\x8d'", { "\xc3\xa9", "\xe2\x82\xac \xf0\x9f\x90\x8d" }, NULL },
        { "split: single quote not closed", "a 'b", { NULL }, "a ' is not closed" },
        { "split: double quote not closed", "a \"b", { NULL }, "a \" is not closed" },
        { "split: a quote at the end", "a '", { NULL }, "a ' is not closed" },
        { "split: closed by none of its kind", "'a\"", { NULL }, "a ' is not closed" },
        { "split: an escaped quote does not close", "\"a\\\"", { NULL }, "a \" is not closed" },
        { "split: backslash at the end of double quotes", "\"a\\", { NULL }, "a \" is not closed" },
        { "split: backslash at the end", "a \\", { NULL }, "the \\ at the end" },
};

static void test_split(void **state) {
        const struct split_row *row = *state;
        const struct span at = { 0, 3, 4 };
        struct raw_list list = { 0 };
        struct word *words;
        struct bench b;
        const char *wrong;
        size_t n = 0;

        bench_init(&b);
        wrong = decode_split(&b.arena, str_of(row->text), at, &list);
        if (row->wrong) {
                assert_non_null(wrong);
                assert_non_null(strstr(wrong, row->wrong));
                bench_done(&b);
                return;
        }

        assert_null(wrong);
        assert_non_null(list.at);       /* an empty command is there; it clears an entry point */
        words = list.at;
        while (n < ARRAY_SIZE(row->words) && row->words[n])
                n++;
        assert_int_equal(list.n, n);
        for (size_t i = 0; i < n; i++) {
                assert_true(str_is(words[i].text, row->words[i]));
                assert_int_equal(words[i].at.off, at.off);
        }
        bench_done(&b);
}

static int print_words(const char *text) {
        struct raw_list list = { 0 };
        struct bench b;
        const char *wrong;

        bench_init(&b);
        wrong = decode_split(&b.arena, str_of(text), NOWHERE, &list);
        for (size_t i = 0; i < list.n; i++)
                (void) fwrite(((struct word *) list.at)[i].text.p, 1, ((struct word *) list.at)[i].text.n + 1, stdout);
        bench_done(&b);
        return wrong ? 1 : 0;
}

int main(int argc, char **argv) {
        static struct rows rows;

        if (argc > 1)
                return print_words(argv[1]);

        rows_add(&rows, test_split, split_rows);
        return rows_run(&rows, "split");
}
