/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>

#include "balancer/haproxy-counters.h"
#include "base/fs.h"
#include "rows.h"

#define HEADING "# pxname,svname,qcur,scur,stot,econ,eresp,status,act,check_status,last_chk,hrsp_5xx,addr,new\n"

static void test_all(void **state) {
        struct arena arena = { 0 };
        struct haproxy_counters counters = { 0 };
        const struct haproxy_counter *c;

        haproxy_parse_counters(&arena,
                               STR(HEADING "stats,FRONTEND,,1,2,,,OPEN,,,,,,x\n"
                                           "shop,shop-0,0,1,20,3,4,UP 1/3,1,L7OK,,5,127.0.0.1:20001,x\n"
                                           "shop,shop-1,0,0,,,,DOWN,1,L7STS,\"said \"\"no, never\"\"\",,\"127.0.0.1:20002\",x\n"
                                           "shop,BACKEND,0,1,30,3,4,UP,1,,,7,,x\n\n"),
                               &counters);
        assert_int_equal(counters.list.n, 3);

        c = haproxy_find_counter(&counters, STR("shop"), STR("shop-0"));
        assert_non_null(c);
        assert_true(str_is(c->status, "UP 1/3") && str_is(c->check, "L7OK") && c->check_says.n == 0 && str_is(c->address, "127.0.0.1:20001"));
        assert_true(c->n_sessions == 1 && c->n_waiting == 0 && c->n_requests == 20 && c->n_connect_errors == 3 && c->n_response_errors == 4 && c->n_5xx == 5);

        c = haproxy_find_counter(&counters, STR("shop"), STR("shop-1"));
        assert_non_null(c);
        assert_true(str_is(c->check_says, "said \"no, never\"") && str_is(c->address, "127.0.0.1:20002") && c->n_requests == 0);

        c = haproxy_find_counter(&counters, STR("shop"), STR("BACKEND"));
        assert_non_null(c);
        assert_true(c->n_active == 1 && c->n_5xx == 7);
        assert_null(haproxy_find_counter(&counters, STR("shop"), STR("shop-2")));
        arena_done(&arena);
}

static const struct {
        const char *name, *answer;
        size_t n;
} odd_rows[] = {
        { "nothing", "", 0 },
        { "no heading", "shop,shop-0,1\n", 0 },
        { "a line that is cut", HEADING "shop,shop-0,0\n", 1 },
        { "a quote that is not closed", HEADING "shop,\"shop-0,0,0,0\n", 1 },
        { "a quote at the end", HEADING "shop,\"\n", 0 },
        { "no such backend", "No such backend.\n", 0 },
        { "bytes", "# pxname,svname\n\xff\n\"\",\"\"\n,,,,,,\n", 0 },
};

static void test_odd(void **state) {
        const __typeof__(odd_rows[0]) *row = *state;
        struct arena arena = { 0 };
        struct haproxy_counters counters = { 0 };

        haproxy_parse_counters(&arena, str_of(row->answer), &counters);
        assert_int_equal(counters.list.n, row->n);
        arena_done(&arena);
}

#define SAVED "pyservice-counters 1\n"

static const struct {
        const char *name, *saved;
        uint64_t n_requests, n_recent;
} saved_rows[] = {
        { "no file", NULL, 20, 20 },
        { "some minutes", SAVED "server 0 shop shop-0 100 1 2 3\nserver 1000000000 shop shop-0 7 0 0 0\nserver 1000000001 shop shop-0 8 0 0 0\n", 135, 35 },
        { "another server", SAVED "server 0 shop shop-1 100 1 2 3\nserver 0 other shop-0 100 1 2 3\n", 20, 20 },
        { "damaged rows", SAVED "\nserver 0\nserver 0 shop shop-0\nserver 0 shop shop-0 1 2 3\nserver x shop shop-0 1 2 3 4\n"
                                "server 0 shop shop-0 -1 2 3 4\n", 20, 20 },
        { "another version", "pyservice-counters 2\nserver 0 shop shop-0 100 1 2 3\n", 20, 20 },
};

static void test_saved(void **state) {
        const __typeof__(saved_rows[0]) *row = *state;
        char path[] = "/tmp/haproxy-counters-XXXXXX";
        struct arena arena = { 0 };
        int dir;

        assert_non_null(mkdtemp(path));
        dir = fs_open_dir(AT_FDCWD, path);
        assert_true(dir >= 0);
        if (row->saved)
                assert_int_equal(fs_write(dir, "haproxy.counters", 0600, str_of(row->saved)), 0);

        for (int is_recent = 0; is_recent < 2; is_recent++) {
                struct haproxy_counters counters = { 0 };

                haproxy_parse_counters(&arena, STR(HEADING "shop,shop-0,0,1,20,3,4,UP,1,L7OK,,5,,x\n"), &counters);
                haproxy_add_saved_counters(&arena, dir, is_recent, &counters);
                assert_int_equal(counters.list.at[0].n_requests, is_recent ? row->n_recent : row->n_requests);
        }

        close_fd(&dir);
        assert_int_equal(fs_remove_tree(AT_FDCWD, path), 0);
        arena_done(&arena);
}

static void test_no_haproxy(void **state) {
        struct arena arena = { 0 };
        struct haproxy_client c = { .arena = &arena, .socket = "/nonexistent/admin.sock", .master = "/nonexistent/master.sock" };
        struct haproxy_counters counters;

        assert_true(haproxy_count_all(&c, &counters) < 0);
        c.socket = NULL;
        assert_true(haproxy_count_all(&c, &counters) < 0);
        c.master = NULL;
        assert_true(haproxy_count_all(&c, &counters) < 0);
        arena_done(&arena);
}

int main(void) {
        struct rows rows = { 0 };

        rows_add_one(&rows, test_all);
        rows_add(&rows, test_odd, odd_rows);
        rows_add(&rows, test_saved, saved_rows);
        rows_add_one(&rows, test_no_haproxy);
        return rows_run(&rows, "haproxy-counters");
}
