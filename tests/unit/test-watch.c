/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "hooks/watch.h"
#include "rows.h"

#define ROWS "path /health?a=b%20c\nheader Host:%20shop.example.com\nheader X-A:%20b%20c\n" \
        "codes 200-399\nport 20001\ncontainer-port 8000\n"
#define OLD_ROWS "path /health?a=b c\nheader Host: shop.example.com\nheader X-A: b c\n" \
        "codes 200-399\nport 20001\ncontainer-port 8000\ntls 0\n"
#define HEAD "pyservice-watch 1\n"
#define FIRST "invocation 0123abcd\naddress 127.0.0.1\n"
#define LAST "timeout 5000\ninterval 1000\nretries 3\n"
#define TEXT HEAD FIRST ROWS LAST

static void test_text(void **state) {
        static const char *const texts[] = { TEXT, FIRST OLD_ROWS LAST /* of an earlier version */ };
        struct arena arena = { 0 };
        struct watched w;

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                assert_int_equal(watch_parse(&arena, str_of(texts[i]), &w), 0);
                assert_string_equal(w.request.path.p, "/health?a=b c");
                assert_int_equal(w.request.port, 20001);
                assert_int_equal(w.request.container_port, 8000);
                assert_int_equal(w.request.headers.n, 2);
                assert_string_equal(w.request.headers.at[0].p, "Host: shop.example.com");
                assert_string_equal(watch_text(&arena, &w).p, TEXT);
        }
        w.request.is_tls = true;
        assert_int_equal(watch_parse(&arena, watch_text(&arena, &w), &w), 0);
        assert_true(w.request.is_tls);
        arena_done(&arena);
}

struct bad_row {
        const char *name, *text;
        int error;
};

static const struct bad_row bad_rows[] = {
        { "empty", "", -EBADMSG },
        { "cut", HEAD FIRST "path /\ncodes 200\nport 20001\n", -EBADMSG },
        { "no number", HEAD FIRST "path /\ncodes 200\nport 20001\nretries many\n", -EBADMSG },
        { "a word that is none", TEXT "more 1\n", -EBADMSG },
        { "a key alone", TEXT "path\n", -EBADMSG },
        { "a header that is none", TEXT "header Host\n", -EBADMSG },
        { "no interval", HEAD FIRST "path /\ncodes 200\nport 20001\nretries 1\n", -EBADMSG },
        { "an earlier version, cut", FIRST OLD_ROWS, -EBADMSG },
        { "a later version", "pyservice-watch 2\n" FIRST ROWS LAST, -EPROTONOSUPPORT },
};

static void test_bad(void **state) {
        const struct bad_row *row = *state;
        struct arena arena = { 0 };
        struct watched w = { 0 };

        assert_int_equal(watch_parse(&arena, str_of(row->text), &w), row->error);
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
