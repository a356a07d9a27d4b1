/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"
#include "input/source.h"
#include "rows.h"

struct position_row {
        const char *name;
        struct str text;
        uint32_t off;
        unsigned line, column;
        const char *whole;              /* the line */
        uint32_t start;
};

static const struct position_row position_rows[] = {
        { "position: first byte", STR_INIT("ab\ncd\n"), 0, 1, 1, "ab", 0 },
        { "position: within a line", STR_INIT("ab\ncd\n"), 4, 2, 2, "cd", 3 },
        { "position: start of a line", STR_INIT("ab\ncd\n"), 3, 2, 1, "cd", 3 },
        { "position: a line end belongs to its line", STR_INIT("ab\ncd\n"), 2, 1, 3, "ab", 0 },
        { "position: behind the last line end", STR_INIT("ab\ncd\n"), 6, 3, 1, "", 6 },
        { "position: no last line end", STR_INIT("ab\ncd"), 5, 2, 3, "cd", 3 },
        { "position: far behind the end", STR_INIT("ab\ncd"), 4711, 2, 3, "cd", 3 },
        { "position: empty lines", STR_INIT("\n\n\nx"), 2, 3, 1, "", 2 },
        { "position: characters count, not bytes", STR_INIT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8d x"), 10, 1, 5,
          "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8d x", 0 },
        { "position: a tab is one column", STR_INIT("\t\tx"), 2, 1, 3, "\t\tx", 0 },
        { "position: empty file", STR_INIT(""), 0, 1, 1, "", 0 },
        { "position: file that was not read", { NULL, 0 }, 0, 1, 1, "", 0 },
};

static void test_position(void **state) {
        const struct position_row *row = *state;
        struct source s = { STR("x.yaml"), row->text };
        unsigned line, column;
        uint32_t start;

        source_position(&s, row->off, &line, &column);
        assert_int_equal(line, row->line);
        assert_int_equal(column, row->column);
        assert_true(str_is(source_line(&s, row->off, &start), row->whole));
        assert_int_equal(start, row->start);
}

static void test_add(void **state) {
        struct arena a = { 0 };
        struct sources sources = { 0 };

        (void) state;
        for (uint32_t i = 0; i < 100; i++)
                assert_int_equal(source_add(&a, &sources, STR("x.yaml"), STR("a: 1\n")), i);
        assert_int_equal(sources.list.n, 100);
        assert_true(str_is(sources.list.at[99].path, "x.yaml"));
        arena_done(&a);
}

struct utf8_row {
        const char *name;
        struct str bytes;
        unsigned n;
        uint32_t character;
        bool is_control;
};

static const struct utf8_row utf8_rows[] = {
        { "utf8: ASCII", STR_INIT("a"), 1, 'a', false },
        { "utf8: NUL", STR_INIT("\0"), 1, 0, true },
        { "utf8: line feed", STR_INIT("\n"), 1, '\n', false },
        { "utf8: tab", STR_INIT("\t"), 1, '\t', false },
        { "utf8: carriage return", STR_INIT("\r"), 1, '\r', true },
        { "utf8: escape", STR_INIT("\x1b"), 1, 0x1b, true },
        { "utf8: delete", STR_INIT("\x7f"), 1, 0x7f, true },
        { "utf8: two bytes", STR_INIT("\xc3\xa9"), 2, 0xe9, false },
        { "utf8: next line", STR_INIT("\xc2\x85"), 2, 0x85, true },
        { "utf8: CSI", STR_INIT("\xc2\x9b"), 2, 0x9b, true },
        { "utf8: the first after C1", STR_INIT("\xc2\xa0"), 2, 0xa0, false },
        { "utf8: three bytes", STR_INIT("\xe2\x82\xac"), 3, 0x20ac, false },
        { "utf8: line separator", STR_INIT("\xe2\x80\xa8"), 3, 0x2028, true },
        { "utf8: byte order mark", STR_INIT("\xef\xbb\xbf"), 3, 0xfeff, true },
        { "utf8: U+FFFE", STR_INIT("\xef\xbf\xbe"), 3, 0xfffe, true },
        { "utf8: four bytes", STR_INIT("\xf0\x9f\x90\x8d"), 4, 0x1f40d, false },
        { "utf8: the last character", STR_INIT("\xf4\x8f\xbf\xbd"), 4, 0x10fffd, false },
        { "utf8: overlong of two", STR_INIT("\xc0\x80"), 0, 0, false },
        { "utf8: overlong of three", STR_INIT("\xe0\x80\xaf"), 0, 0, false },
        { "utf8: overlong of four", STR_INIT("\xf0\x80\x80\xaf"), 0, 0, false },
        { "utf8: surrogate", STR_INIT("\xed\xa0\x80"), 0, 0, false },
        { "utf8: above Unicode", STR_INIT("\xf4\x90\x80\x80"), 0, 0, false },
        { "utf8: continuation alone", STR_INIT("\x80"), 0, 0, false },
        { "utf8: cut off", STR_INIT("\xe2\x82"), 0, 0, false },
        { "utf8: not continued", STR_INIT("\xc3x"), 0, 0, false },
        { "utf8: no such byte", STR_INIT("\xff\xff\xff\xff"), 0, 0, false },
};

static void test_utf8(void **state) {
        const struct utf8_row *row = *state;
        uint32_t c = 0;

        assert_int_equal(utf8_decode(row->bytes, 0, &c), row->n);
        assert_int_equal(c, row->character);
        if (row->n > 0)
                assert_int_equal(utf8_is_control(c), row->is_control);
}

struct clean_row {
        const char *name;
        struct str text;
        size_t max;
        const char *clean, *line;
};

static const struct clean_row clean_rows[] = {
        { "clean: nothing", STR_INIT(""), 10, "", "" },
        { "clean: text", STR_INIT("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x8d"), 100, "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x8d", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x8d" },
        { "clean: line feed and tab", STR_INIT("a\nb\tc"), 10, "a\nb\tc", "a b c" },
        { "clean: C0 and delete", STR_INIT("\x1b[2J\a\b\r\0\x7f"), 10, "?[2J?????", "?[2J?????" },
        { "clean: C1 as UTF-8", STR_INIT("x\xc2\x9b" "2J\xc2\x85"), 10, "x??2J??", "x??2J??" },
        { "clean: C1 as bytes", STR_INIT("\x9b" "2J\x90q\x9c"), 10, "?2J?q?", "?2J?q?" },
        { "clean: what is no UTF-8", STR_INIT("\xff\xc3x\xed\xa0\x80\xc0\x9b"), 20, "??x?????", "??x?????" },
        { "clean: line separators and the byte order mark", STR_INIT("\xe2\x80\xa8\xef\xbb\xbf"), 20, "??????", "??????" },
        { "clean: cut after a character", STR_INIT("a\xc3\xa9" "b"), 3, "a\xc3\xa9" "b", "a\xc3\xa9" },
        { "clean: cut within two bytes", STR_INIT("a\xc3\xa9" "b"), 2, "a\xc3\xa9" "b", "a" },
        { "clean: cut within four bytes", STR_INIT("a\xf0\x9f\x90\x8d"), 4, "a\xf0\x9f\x90\x8d", "a" },
        { "clean: cut before the first character's end", STR_INIT("\xf0\x9f\x90\x8d"), 3, "\xf0\x9f\x90\x8d", "" },
        { "clean: cut among bytes that are no UTF-8", STR_INIT("\x80\x80\x80\x80\x80"), 3, "?????", "???" },
};

static void test_clean(void **state) {
        const struct clean_row *row = *state;
        struct arena a = { 0 };

        assert_true(str_is(utf8_clean(&a, row->text), row->clean));
        assert_true(str_is(utf8_clean_line(&a, row->text, row->max), row->line));
        arena_done(&a);
}

int main(void) {
        static struct rows rows;

        rows_add(&rows, test_position, position_rows);
        rows_add_one(&rows, test_add);
        rows_add(&rows, test_utf8, utf8_rows);
        rows_add(&rows, test_clean, clean_rows);
        return rows_run(&rows, "source");
}
