/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "hooks/watch.h"
#include "rows.h"

#define TEXT "invocation 0123abcd\naddress 127.0.0.1\npath /health?a=b c\nheader Host: shop.example.com\nheader X-A: b c\n" \
        "codes 200-399\nport 20001\ncontainer-port 8000\ntls 0\ntimeout 5000\ninterval 1000\nretries 3\n"

static void test_text(void **state) {
        struct arena arena = { 0 };
        struct watched w = { .unit = STR("hello@1.service") };

        assert_true(watch_parse(&arena, STR(TEXT), &w));
        assert_true(str_is(w.unit, "hello@1.service"));
        assert_true(str_is(w.request.path, "/health?a=b c"));
        assert_int_equal(w.request.port, 20001);
        assert_int_equal(w.request.container_port, 8000);
        assert_int_equal(w.request.headers.n, 2);
        assert_string_equal(watch_text(&arena, &w).p, TEXT);
        arena_done(&arena);
}

struct bad_row {
        const char *name, *text;
};

static const struct bad_row bad_rows[] = {
        { "empty", "" },
        { "cut", "invocation 0123abcd\naddress 127.0.0.1\npath /\ncodes 200\nport 20001\n" },
        { "no number", "invocation 0123abcd\naddress 127.0.0.1\npath /\ncodes 200\nport 20001\nretries many\n" },
        { "a word that is none", TEXT "more 1\n" },
        { "a key alone", TEXT "path\n" },
        { "a header that is none", TEXT "header Host\n" },
        { "no interval", "invocation 0123abcd\naddress 127.0.0.1\npath /\ncodes 200\nport 20001\nretries 1\n" },
};

static void test_bad(void **state) {
        const struct bad_row *row = *state;
        struct arena arena = { 0 };
        struct watched w = { .unit = STR("hello@1.service") };

        assert_false(watch_parse(&arena, str_of(row->text), &w));
        assert_int_equal(w.request.port, 0);
        arena_done(&arena);
}

/* It may have started anew while systemd was asked. */
static void test_forget(void **state) {
        struct watched old = { .unit = STR("hello@1.service"), .invocation = STR("aa") };
        struct watched later = {
                .request = { .address = STR("::1"), .path = STR("/"), .port = 80 }, .codes = STR("200"), .invocation = STR("bb"),
                .interval = 1, .retries = 1,
        };
        char directory[] = "/tmp/pyservice-XXXXXX";
        struct arena arena = { 0 };
        const char *path;
        int dir;

        (void) state;
        assert_non_null(mkdtemp(directory));
        dir = fs_open_dir(AT_FDCWD, directory);
        path = arena_join(&arena, str_of(directory), STR("/hello@1.service")).p;
        assert_int_equal(watch_write(&arena, path, &later), 0);
        watch_forget(&arena, dir, &old);
        assert_int_equal(access(path, F_OK), 0);

        old.invocation = later.invocation;
        watch_forget(&arena, dir, &old);
        assert_int_equal(access(path, F_OK), -1);
        close_fd(&dir);
        assert_int_equal(rmdir(directory), 0);
        arena_done(&arena);
}

struct due_row {
        const char *name;
        uint64_t n_failed;
        struct bus_unit unit;
        bool is_due;
};

static const struct due_row due_rows[] = {
        { "failed too often", 3, { .active = STR_INIT("active"), .invocation = STR_INIT("aa") }, true },
        { "not yet", 2, { .active = STR_INIT("active"), .invocation = STR_INIT("aa") }, false },
        { "started anew since", 3, { .active = STR_INIT("active"), .invocation = STR_INIT("bb") }, false },
        { "starting", 3, { .active = STR_INIT("activating"), .invocation = STR_INIT("aa") }, false },
        { "draining", 3, { .active = STR_INIT("deactivating"), .invocation = STR_INIT("aa") }, false },
        { "about to be restarted", 3, { .active = STR_INIT("active"), .invocation = STR_INIT("aa"), .has_job = true }, false },
};

static void test_due(void **state) {
        const struct due_row *row = *state;
        struct watched w = { .n_failed = row->n_failed, .retries = 3, .invocation = STR("aa") };

        assert_int_equal(watch_is_due(&w, &row->unit), row->is_due);
}

static void test_siblings(void **state) {
        assert_true(watch_is_sibling(STR("hello@0.service"), STR("hello@11.service")));
        assert_false(watch_is_sibling(STR("hello@0.service"), STR("hello-api@0.service")));
        assert_false(watch_is_sibling(STR(""), STR("hello@0.service")));
}

int main(void) {
        struct rows rows = { 0 };

        rows_add_one(&rows, test_text);
        rows_add(&rows, test_bad, bad_rows);
        rows_add(&rows, test_due, due_rows);
        rows_add_one(&rows, test_siblings);
        rows_add_one(&rows, test_forget);
        return rows_run(&rows, "watch");
}
