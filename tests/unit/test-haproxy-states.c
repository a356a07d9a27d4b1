/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "balancer/haproxy-states.h"
#include "base/fs.h"
#include "rows.h"

#define LINE(server, port) "1073741825 shop 0 " server " - 2 4 1 1 0 6 3 4 6 0 1 0 - " port " - 0 0 - - 0\n"

struct edit_row {
        const char *name, *text, *server;
        uint64_t port;
        const char *result;
};

static const struct edit_row edit_rows[] = {
        { "the first", "", "shop-0", 20001, "1\n" LINE("shop-0", "20001") },
        { "another", "1\n" LINE("shop-0", "20001"), "shop-next", 20002, "1\n" LINE("shop-0", "20001") LINE("shop-next", "20002") },
        { "again", "1\n" LINE("shop-0", "20001"), "shop-0", 20001, "1\n" LINE("shop-0", "20001") },
        { "at another port", "1\n" LINE("shop-0", "20001"), "shop-0", 20003, "1\n" LINE("shop-0", "20003") },
        { "out", "1\n" LINE("shop-0", "20001") LINE("shop-1", "20002"), "shop-0", 0, "1\n" LINE("shop-1", "20002") },
        { "the last one out", "1\n" LINE("shop-0", "20001"), "shop-0", 0, "1\n" },
        { "out, and was not in", "", "shop-0", 0, "1\n" },
        { "a name that begins alike", "1\n" LINE("shop-10", "20010"), "shop-1", 0, "1\n" LINE("shop-10", "20010") },
        { "what is no line", "1\nx y\n\n" LINE("shop-0", "20001") "cut", "shop-1", 0, "1\n" LINE("shop-0", "20001") },
};

static void test_edit(void **state) {
        const struct edit_row *row = *state;
        struct arena arena = { 0 };
        struct haproxy_states s = { .arena = &arena, .path = "/run/pyservice/servers/shop", .id = 1073741825 };

        assert_string_equal(haproxy_states_edit(&s, str_of(row->text), str_of(row->server), row->port).p, row->result);
        arena_done(&arena);
}

static void test_parse(void **state) {
        struct arena arena = { 0 };
        struct haproxy_ready ready = { 0 };

        haproxy_states_parse(&arena, STR("1\n# a comment of HAProxy's\n" LINE("shop-0", "20001") LINE("shop-next", "20002")), &ready);
        assert_int_equal(ready.servers.n, 2);
        assert_string_equal(ready.servers.at[0].p, "shop-0");
        assert_string_equal(ready.servers.at[1].p, "shop-next");
        arena_done(&arena);
}

static void test_put(void **state) {
        char path[] = "/tmp/pyservice-states-XXXXXX";
        struct arena arena = { 0 };
        struct haproxy_states s = { .arena = &arena, .id = 1073741825 };
        struct str file;
        struct stat st;

        assert_non_null(mkdtemp(path));
        file = arena_join(&arena, str_of(path), STR("/run/servers/shop"));
        s.path = file.p;
        assert_int_equal(haproxy_states_put(&s, STR("shop-0"), 20001), 0);
        assert_int_equal(haproxy_states_put(&s, STR("shop-1"), 20002), 0);
        assert_int_equal(haproxy_states_put(&s, STR("shop-0"), 0), 0);
        assert_int_equal(fs_read(&arena, AT_FDCWD, file.p, 1 << 20, &file), 0);
        assert_string_equal(file.p, "1\n" LINE("shop-1", "20002"));
        /* Root writes it, and HAProxy reads it before it drops its rights. */
        assert_int_equal(stat(s.path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0644);
        assert_int_equal(fs_remove_tree(AT_FDCWD, path), 0);
        arena_done(&arena);
}

/* Every user of the machine can open the directory, and could keep a lock on it for ever. */
static void test_lock(void **state) {
        char path[] = "/tmp/pyservice-states-XXXXXX";
        struct arena arena = { 0 };
        struct haproxy_states s = { .arena = &arena, .id = 7 };
        int directory, other;

        assert_non_null(mkdtemp(path));
        s.path = arena_join(&arena, str_of(path), STR("/shop")).p;
        directory = fs_open_dir(AT_FDCWD, path);
        other = fs_open_dir(AT_FDCWD, path);
        assert_int_equal(flock(other, LOCK_EX), 0);
        (void) alarm(200);
        assert_int_equal(haproxy_states_put(&s, STR("shop-0"), 20001), 0);
        close_fd(&other);

        other = haproxy_states_lock(directory);
        assert_true(other >= 0);
        close_fd(&other);
        (void) alarm(0);
        close_fd(&directory);
        assert_int_equal(fs_remove_tree(AT_FDCWD, path), 0);
        arena_done(&arena);
}

int main(void) {
        struct rows rows = { 0 };

        rows_add(&rows, test_edit, edit_rows);
        rows_add_one(&rows, test_parse);
        rows_add_one(&rows, test_put);
        rows_add_one(&rows, test_lock);
        return rows_run(&rows, "haproxy-states");
}
