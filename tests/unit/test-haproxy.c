/* SPDX-License-Identifier: Apache-2.0 */
#include "output/haproxy.h"
#include "rows.h"

struct quote_row {
        const char *name;
        struct str text;
        const char *written;
};

static const struct quote_row quote_rows[] = {
        { "quote: plain", STR_INIT("dci-api_0.example:80/x"), "\"dci-api_0.example:80/x\"" },
        { "quote: empty", STR_INIT(""), "\"\"" },
        { "quote: absent", { NULL, 0 }, "\"\"" },
        { "quote: blank", STR_INIT("a b\tc"), "\"a\\x20b\\x09c\"" },
        { "quote: leading and trailing blank", STR_INIT(" a "), "\"\\x20a\\x20\"" },
        { "quote: quotes", STR_INIT("\"'"), "\"\\x22\\x27\"" },
        { "quote: backslash", STR_INIT("\\"), "\"\\x5c\"" },
        { "quote: a backslash before what would be an escape", STR_INIT("\\x41\\n"), "\"\\x5cx41\\x5cn\"" },
        { "quote: comment", STR_INIT("#"), "\"\\x23\"" },
        { "quote: variable", STR_INIT("${HOME}$A"), "\"\\x24\\x7bHOME\\x7d\\x24A\"" },
        { "quote: log format", STR_INIT("%[src]"), "\"\\x25\\x5bsrc\\x5d\"" },
        { "quote: lines", STR_INIT("a\nserver b\r"), "\"a\\x0aserver\\x20b\\x0d\"" },
        { "quote: not ASCII", STR_INIT("\xc3\xa9\xff"), "\"\\xc3\\xa9\\xff\"" },
        { "quote: the lowest and highest bytes", STR_INIT("\x01\x7f\x80"), "\"\\x01\\x7f\\x80\"" },
        { "quote: a mark means nothing here", STR_INIT("\x01" "f"), "\"\\x01f\"" },
};

static void test_quote(void **state) {
        const struct quote_row *row = *state;
        struct arena a = { 0 };
        struct haproxy *h = haproxy_new(&a);
        struct buf b = buf_in(&a);

        haproxy_quote(&b, row->text);
        assert_string_equal(buf_str(&b).p, row->written);

        haproxy_line(h, "k");
        haproxy_arg(h, ((struct http_path) { row->text, NOWHERE }));
        assert_string_equal(haproxy_text(h).p, arena_printf(&a, "        k %s\n", row->written).p);
        arena_done(&a);
}

struct time_row {
        const char *name;
        uint64_t usec;
        const char *written;
};

static const struct time_row time_rows[] = {
        { "time: nothing", 0, "        timeout 0ms\n" },
        { "time: seconds", 5000000, "        timeout 5000ms\n" },
        { "time: rounded up", 1, "        timeout 1ms\n" },
        { "time: rounded up above", 1500001, "        timeout 1501ms\n" },
        { "time: the most that HAProxy knows", 2147483647000, "        timeout 2147483647ms\n" },
        { "time: more than that", 2147483647001, "        timeout 2147483647ms\n" },
        { "time: infinity", UINT64_MAX, "        timeout 2147483647ms\n" },
};

static void test_time(void **state) {
        const struct time_row *row = *state;
        struct arena a = { 0 };
        struct haproxy *h = haproxy_new(&a);

        haproxy_line(h, "timeout");
        haproxy_duration(h, (struct duration) { row->usec, NOWHERE });
        assert_string_equal(haproxy_text(h).p, row->written);
        arena_done(&a);
}

static void test_file(void **state) {
        struct arena a = { 0 };
        struct haproxy *h = haproxy_new(&a);

        haproxy_comment(h, "made by pyservice");
        haproxy_comment_app(h, (struct name) { STR("shop"), NOWHERE });
        haproxy_section(h, "backend");
        haproxy_arg(h, ((struct backend_name) { STR("shop"), NOWHERE }));
        haproxy_line(h, "option httpchk");
        haproxy_line(h, "server");
        haproxy_arg_begin(h);
        haproxy_part_const(h, "shop-");
        haproxy_part_number(h, 3);
        haproxy_part(h, ((struct name) { STR("x"), NOWHERE }));
        haproxy_arg_end(h);
        haproxy_word(h, "weight");
        haproxy_number(h, 10);
        haproxy_comment_app(h, (struct name) { STR("other"), NOWHERE });
        haproxy_section(h, "backend other");
        haproxy_section(h, "backend third");

        assert_string_equal(haproxy_text(h).p,
                            "# made by pyservice\n"
                            "# shop\n"
                            "backend \"shop\"\n"
                            "        option httpchk\n"
                            "        server \"shop-3x\" weight 10\n"
                            "\n"
                            "# other\n"
                            "backend other\n"
                            "\n"
                            "backend third\n");
        arena_done(&a);
}

static void test_empty(void **state) {
        struct arena a = { 0 };

        assert_int_equal(haproxy_text(haproxy_new(&a)).n, 0);
        arena_done(&a);
}

int main(void) {
        static struct rows rows;

        rows_add(&rows, test_quote, quote_rows);
        rows_add(&rows, test_time, time_rows);
        rows_add_one(&rows, test_file);
        rows_add_one(&rows, test_empty);
        return rows_run(&rows, "haproxy");
}
