/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rows.h"
#include "runtime/proc.h"

#define HEADING "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
#define REST " 00000000:00000000 00:00000000 00000000     0        0 227 1 0000000000000000 100 0 0 10 0\n"

static const struct {
        const char *name, *text;
        size_t n;
        uint64_t port;
        bool is_any, is_loopback;
} listener_rows[] = {
        { "loopback", HEADING "   0: 0100007F:5A85 00000000:0000 0A" REST, 1, 23173, false, true },
        { "any", HEADING "   0: 00000000:0050 00000000:0000 0A" REST, 1, 80, true, false },
        { "any of v6", HEADING "  10: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A" REST, 1, 443, true, false },
        { "loopback of v6", HEADING "  10: 00000000000000000000000001000000:01BB 00000000000000000000000000000000:0000 0A" REST, 1, 443, false, false },
        { "a mapped address", HEADING "  10: 0000000000000000FFFF00000100007F:01BB 00000000000000000000000000000000:0000 0A" REST, 1, 443, false, true },
        { "a connection", HEADING "   0: 0100007F:5A85 0100007F:1234 01" REST, 0, 0, false, false },
        { "a line that is cut", HEADING "   0: 0100007F:5A85 00000000:0000 0A 0000\n", 0, 0, false, false },
        { "nothing", "", 0, 0, false, false },
        { "none", HEADING, 0, 0, false, false },
};

static void test_listeners(void **state) {
        const __typeof__(listener_rows[0]) *row = *state;
        struct arena arena = { 0 };
        struct proc_listeners l = { 0 };

        proc_parse_listeners(&arena, str_of(row->text), &l);
        assert_int_equal(l.list.n, row->n);
        if (row->n > 0)
                assert_true(l.list.at[0].port == row->port && l.list.at[0].inode == 227 && l.list.at[0].is_any == row->is_any && l.list.at[0].is_loopback == row->is_loopback);
        arena_done(&arena);
}

static const struct {
        const char *name, *cgroup, *unit;
} unit_rows[] = {
        { "a service", "0::/system.slice/haproxy.service\n", "haproxy.service" },
        { "below one", "0::/system.slice/system-shop.slice/shop@0.service/supervisor\n", "shop@0.service" },
        { "of a user", "0::/user.slice/user-1000.slice/user@1000.service/app.slice/shop@0.service/libpod-payload-1\n", "shop@0.service" },
        { "a scope", "0::/user.slice/user-0.slice/session-1.scope\n", "session-1.scope" },
        { "a scope in a service", "0::/system.slice/a.service/x.scope\n", "a.service" },
        { "the old hierarchy", "12:pids:/wrong.service\n1:name=systemd:/system.slice/a.service\n", "a.service" },
        { "none", "0::/\n", NULL },
        { "nothing", "", NULL },
};

static void test_units(void **state) {
        const __typeof__(unit_rows[0]) *row = *state;
        struct str unit = proc_unit_of(str_of(row->cgroup));

        assert_true(row->unit ? str_is(unit, row->unit) : str_is_absent(unit));
}

/* Our own is found, with who we are. */
static void test_own(void **state) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t n = sizeof(address);
        struct arena arena = { 0 };
        struct proc_listeners l = { 0 };
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        bool is_found = false;

        assert_int_equal(bind(fd, (struct sockaddr *) &address, n) | listen(fd, 1) | getsockname(fd, (struct sockaddr *) &address, &n), 0);
        assert_int_equal(proc_read_listeners(&arena, &l), 0);
        VEC_EACH(listener, &l.list)
                if (listener->port == ntohs(address.sin_port) && str_eq(listener->pid, arena_u64(&arena, (uint64_t) getpid()))) {
                        is_found = true;
                        assert_true(listener->is_loopback && str_is(listener->process, "test-proc"));
                }
        assert_true(is_found);
        (void) close(fd);
        arena_done(&arena);
}

static void test_files(void **state) {
        struct arena arena = { 0 };
        struct str text;

        assert_int_equal(proc_read(&arena, "/proc/self/comm", &text), 0);
        assert_true(str_is(text, "test-proc\n"));
        assert_true(proc_read(&arena, "/proc/self/no-such", &text) < 0);
        arena_done(&arena);
}

static void test_children(void **state) {
        struct arena arena = { 0 };
        struct proc_children children;
        struct str own = arena_u64(&arena, (uint64_t) getpid());
        pid_t child = fork();

        (void) state;
        if (child == 0) {
                (void) pause();
                _exit(0);
        }
        assert_int_equal(proc_read_children(&arena, own, &children), 0);
        assert_int_equal(children.list.n, 1);
        assert_true(str_eq(children.list.at[0], arena_u64(&arena, (uint64_t) child)));
        (void) kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_int_equal(proc_read_children(&arena, own, &children), 0);
        assert_int_equal(children.list.n, 0);
        assert_int_equal(proc_read_children(&arena, STR("0"), &children), -ENOENT);
        arena_done(&arena);
}

int main(void) {
        struct rows rows = { 0 };

        (void) prctl(PR_SET_NAME, "test-proc");         /* under valgrind it is called otherwise */
        rows_add(&rows, test_listeners, listener_rows);
        rows_add(&rows, test_units, unit_rows);
        rows_add_one(&rows, test_own);
        rows_add_one(&rows, test_files);
        rows_add_one(&rows, test_children);
        return rows_run(&rows, "proc");
}
