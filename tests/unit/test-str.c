/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "rows.h"

static int sign(int n) {
        return n < 0 ? -1 : n > 0;
}

struct compare_row {
        const char *name;
        struct str a, b;
        int order;
        bool is_prefix, is_suffix;      /* is b one of a? */
};

static const struct compare_row compare_rows[] = {
        { "compare: equal", STR_INIT("ab"), STR_INIT("ab"), 0, true, true },
        { "compare: both empty", STR_INIT(""), STR_INIT(""), 0, true, true },
        { "compare: absent and empty", { NULL, 0 }, STR_INIT(""), 0, true, true },
        { "compare: longer", STR_INIT("abc"), STR_INIT("ab"), 1, true, false },
        { "compare: shorter", STR_INIT("ab"), STR_INIT("abc"), -1, false, false },
        { "compare: suffix", STR_INIT("xab"), STR_INIT("ab"), 1, false, true },
        { "compare: bytes are unsigned", STR_INIT("\xc3\xa9"), STR_INIT("z"), 1, false, false },
        { "compare: NUL is a byte", STR_INIT("a\0b"), STR_INIT("a\0a"), 1, false, false },
};

static void test_compare(void **state) {
        const struct compare_row *row = *state;

        assert_int_equal(sign(str_cmp(row->a, row->b)), row->order);
        assert_int_equal(sign(str_cmp(row->b, row->a)), -row->order);
        assert_int_equal(str_eq(row->a, row->b), row->order == 0);
        assert_int_equal(str_has_prefix(row->a, row->b), row->is_prefix);
        assert_int_equal(str_has_suffix(row->a, row->b), row->is_suffix);
}

struct find_row {
        const char *name;
        struct str s, needle;
        size_t at;
};

static const struct find_row find_rows[] = {
        { "find: at the start", STR_INIT("abc"), STR_INIT("a"), 0 },
        { "find: the first of two", STR_INIT("abcabc"), STR_INIT("b"), 1 },
        { "find: none", STR_INIT("abc"), STR_INIT("d"), 3 },
        { "find: in nothing", { NULL, 0 }, STR_INIT("a"), 0 },
        { "find: several bytes", STR_INIT("a{b{{c"), STR_INIT("{{"), 3 },
        { "find: too long", STR_INIT("ab"), STR_INIT("abc"), 2 },
        { "find: not behind the end", STR_INIT("ab"), STR_INIT("bc"), 2 },
};

static void test_find(void **state) {
        const struct find_row *row = *state;

        assert_int_equal(str_find_str(row->s, row->needle), row->at);
        if (row->needle.n == 1)
                assert_int_equal(str_find(row->s, row->needle.p[0]), row->at);
}

struct made_row {
        const char *name;
        struct str s;
        const char *set;
        bool is_made;
};

static const struct made_row made_rows[] = {
        { "made of: all", STR_INIT("abba"), "ab", true },
        { "made of: one is not", STR_INIT("abca"), "ab", false },
        { "made of: nothing", STR_INIT(""), "ab", true },
        { "made of: NUL is in no set", STR_INIT("a\0"), "a", false },
};

static void test_made_of(void **state) {
        const struct made_row *row = *state;

        assert_int_equal(str_is_made_of(row->s, row->set), row->is_made);
}

struct trim_row {
        const char *name;
        struct str s;
        const char *trimmed;
};

static const struct trim_row trim_rows[] = {
        { "trim: both ends", STR_INIT(" \t a b\t "), "a b" },
        { "trim: nothing to do", STR_INIT("ab"), "ab" },
        { "trim: only blanks", STR_INIT(" \t "), "" },
        { "trim: empty", STR_INIT(""), "" },
        { "trim: line ends stay", STR_INIT(" a\n "), "a\n" },
};

static void test_trim(void **state) {
        const struct trim_row *row = *state;

        assert_true(str_is(str_trim(row->s), row->trimmed));
}

static const struct trim_row last_line_rows[] = {
        { "last line: of two", STR_INIT("a\nb c\n"), "b c" },
        { "last line: without its end", STR_INIT("a\nb"), "b" },
        { "last line: blank ones behind it", STR_INIT("a\n \t b \n\n \n"), "b" },
        { "last line: none", STR_INIT(" \n\n"), "" },
        { "last line: empty", STR_INIT(""), "" },
};

static void test_last_line(void **state) {
        const struct trim_row *row = *state;

        assert_true(str_is(str_last_line(row->s), row->trimmed));
}

struct split_row {
        const char *name;
        struct str s;
        const char *pieces[4];
};

static const struct split_row split_rows[] = {
        { "split: three", STR_INIT("a,bc,d"), { "a", "bc", "d" } },
        { "split: one", STR_INIT("a"), { "a" } },
        { "split: empty at the end", STR_INIT("a,"), { "a", "" } },
        { "split: empty between", STR_INIT(",,"), { "", "", "" } },
        { "split: empty", STR_INIT(""), { "" } },
        { "split: absent", { NULL, 0 }, { NULL } },
};

static void test_split(void **state) {
        const struct split_row *row = *state;
        struct str rest = row->s, piece;
        size_t n = 0;

        while (str_split(&rest, ',', &piece)) {
                assert_non_null(row->pieces[n]);
                assert_true(str_is(piece, row->pieces[n]));
                n++;
        }
        assert_null(row->pieces[n]);
        assert_true(str_is_absent(rest));
}

struct number_row {
        const char *name;
        struct str s;
        uint64_t max;
        bool is_number;
        uint64_t value;
};

static const struct number_row number_rows[] = {
        { "number: zero", STR_INIT("0"), 9, true, 0 },
        { "number: the maximum", STR_INIT("65535"), 65535, true, 65535 },
        { "number: above the maximum", STR_INIT("65536"), 65535, false, 0 },
        { "number: the largest", STR_INIT("18446744073709551615"), UINT64_MAX, true, UINT64_MAX },
        { "number: one more", STR_INIT("18446744073709551616"), UINT64_MAX, false, 0 },
        { "number: far too long", STR_INIT("99999999999999999999999"), UINT64_MAX, false, 0 },
        { "number: leading zero", STR_INIT("010"), 99, false, 0 },
        { "number: two zeros", STR_INIT("00"), 99, false, 0 },
        { "number: empty", STR_INIT(""), 99, false, 0 },
        { "number: plus", STR_INIT("+1"), 99, false, 0 },
        { "number: minus", STR_INIT("-1"), 99, false, 0 },
        { "number: blank before", STR_INIT(" 1"), 99, false, 0 },
        { "number: blank behind", STR_INIT("1 "), 99, false, 0 },
        { "number: hexadecimal", STR_INIT("0x1"), 99, false, 0 },
        { "number: underscore", STR_INIT("1_0"), 99, false, 0 },
        { "number: NUL behind", STR_INIT("1\0"), 99, false, 0 },
};

static void test_number(void **state) {
        const struct number_row *row = *state;
        uint64_t value = 4711;

        assert_int_equal(str_to_u64(row->s, row->max, &value), row->is_number);
        assert_true(value == (row->is_number ? row->value : 4711));
}

#define LONG_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

struct distance_row {
        const char *name;
        struct str a, b;
        unsigned limit, distance;
};

static const struct distance_row distance_rows[] = {
        { "distance: same", STR_INIT("name"), STR_INIT("name"), 3, 0 },
        { "distance: insert", STR_INIT("nam"), STR_INIT("name"), 3, 1 },
        { "distance: replace", STR_INIT("neme"), STR_INIT("name"), 3, 1 },
        { "distance: swap", STR_INIT("anme"), STR_INIT("name"), 3, 1 },
        { "distance: two", STR_INIT("nm"), STR_INIT("name"), 3, 2 },
        { "distance: at the limit", STR_INIT("abc"), STR_INIT("xyz"), 3, 3 },
        { "distance: over the limit", STR_INIT("abcd"), STR_INIT("wxyz"), 3, 4 },
        { "distance: to nothing", STR_INIT(""), STR_INIT("abc"), 3, 3 },
        { "distance: of 64 bytes", STR_INIT(LONG_A), STR_INIT(LONG_A), 3, 0 },
        { "distance: longer is far", STR_INIT(LONG_A "a"), STR_INIT(LONG_A "a"), 3, 4 },
};

static void test_distance(void **state) {
        const struct distance_row *row = *state;

        assert_int_equal(str_distance(row->a, row->b, row->limit), row->distance);
        assert_int_equal(str_distance(row->b, row->a, row->limit), row->distance);
}

int main(void) {
        static struct rows rows;

        rows_add(&rows, test_compare, compare_rows);
        rows_add(&rows, test_find, find_rows);
        rows_add(&rows, test_made_of, made_rows);
        rows_add(&rows, test_trim, trim_rows);
        rows_add(&rows, test_last_line, last_line_rows);
        rows_add(&rows, test_split, split_rows);
        rows_add(&rows, test_number, number_rows);
        rows_add(&rows, test_distance, distance_rows);
        return rows_run(&rows, "str");
}
