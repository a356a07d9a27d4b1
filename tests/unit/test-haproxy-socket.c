/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "balancer/haproxy-socket.h"
#include "rows.h"

#define PROC \
        "#<PID>          <type>          <reloads>       <uptime>        <version>      \n" \
        "9845            master          2 [failed: 0]   0d00h10m14s     3.0.1\n" \
        "# workers\n" \
        "9850            worker          0               0d00h00m14s     3.0.1\n" \
        "# old workers\n" \
        "9846            worker          1               0d00h10m14s     3.0.1\n" \
        "# programs\n\n"
#define STAT(zero, one) \
        "# pxname,svname,qcur,qmax,scur,smax,slim\n" \
        "shop,shop-0,0,0," zero ",7,\n" \
        "shop,shop-1,2,2," one ",7,\n\n"

/* A HAProxy that gives the answers of a table to what it is asked, one connection each. */
struct fake_answer {
        const char *command, *answer;
        unsigned n_cut;                 /* so often it gives none: it is being reloaded */
};

struct fake {
        const struct fake_answer *answers;
        size_t n;
        struct sockaddr_un address;
        char directory[32];
        int fd;
        pthread_t thread;
        char asked[4096];
        unsigned n_asked;
};

static void answer_one(struct fake *f, int fd) {
        char command[2048] = "";
        size_t n = 0;

        for (ssize_t got; n < sizeof(command) - 1 && (got = read(fd, command + n, sizeof(command) - 1 - n)) > 0;)
                n += (size_t) got;
        command[n] = '\0';
        memcpy(f->asked + strlen(f->asked), command, n + 1);
        f->n_asked++;
        for (size_t i = 0; i < f->n; i++)
                if (n > 0 && f->n_asked > f->answers[i].n_cut && strncmp(f->answers[i].command, command, n - 1) == 0 && strlen(f->answers[i].command) == n - 1)
                        assert_int_equal(write(fd, f->answers[i].answer, strlen(f->answers[i].answer)), strlen(f->answers[i].answer));
        (void) close(fd);
}

static void *serve(void *user) {
        struct fake *f = user;

        for (int fd; (fd = accept(f->fd, NULL, NULL)) >= 0;)
                answer_one(f, fd);

        return NULL;
}

static void fake_start(struct fake *f, const struct fake_answer *answers, size_t n) {
        *f = (struct fake) { .answers = answers, .n = n, .address.sun_family = AF_UNIX, .directory = "/tmp/pyservice-XXXXXX" };
        assert_non_null(mkdtemp(f->directory));
        assert_true(snprintf(f->address.sun_path, sizeof(f->address.sun_path), "%s/socket", f->directory) > 0);
        f->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(f->fd, (const struct sockaddr *) &f->address, sizeof(f->address)), 0);
        assert_int_equal(listen(f->fd, 8), 0);
        assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
}

static void fake_stop(struct fake *f) {
        assert_int_equal(shutdown(f->fd, SHUT_RDWR), 0);
        assert_int_equal(pthread_join(f->thread, NULL), 0);
        (void) close(f->fd);
        (void) unlink(f->address.sun_path);
        (void) rmdir(f->directory);
}

static struct haproxy_client client_of(struct arena *a) {
        return (struct haproxy_client) { .arena = a, .backend = STR("shop"), .server = STR("shop-1") };
}

static void test_workers(void **state) {
        struct arena arena = { 0 };
        struct haproxy_workers workers = { 0 };

        haproxy_parse_workers(&arena, STR(PROC), &workers);
        assert_int_equal(workers.prefixes.n, 2);
        assert_string_equal(workers.prefixes.at[0].p, "@!9850 ");
        assert_string_equal(workers.prefixes.at[1].p, "@!9846 ");
        arena_done(&arena);
}

struct sessions_row {
        const char *name, *answer;
        bool is_there;
        uint64_t n;
};

static const struct sessions_row sessions_rows[] = {
        { "sessions and those that wait", STAT("5", "3"), true, 5 },
        { "no such server", "# pxname,svname,qcur,qmax,scur\nshop,shop-10,0,0,4\n", false, 0 },
        { "no such proxy", "No such proxy.\n", false, 0 },
        { "columns in another order", "# pxname,scur,svname\nshop,9,shop-1\n", true, 9 },
        { "no column of that name", "# pxname,svname\nshop,shop-1\n", false, 0 },
        { "a line too short", "# pxname,svname,qcur,qmax,scur\nshop,shop-1\n", false, 0 },
        { "not a number", "# pxname,svname,scur\nshop,shop-1,many\n", false, 0 },
        { "nothing", "", false, 0 },
};

static void test_sessions(void **state) {
        const struct sessions_row *row = *state;
        uint64_t n = 0;

        assert_int_equal(haproxy_parse_sessions(str_of(row->answer), STR("shop-1"), &n), row->is_there);
        assert_int_equal(n, row->n);
}

static void test_one_worker(void **state) {
        static const struct fake_answer answers[] = {
                { "set server shop/shop-1 state drain", "\n" },
                { "show stat shop 4 -1", STAT("1", "0") },
        };
        struct arena arena = { 0 };
        struct haproxy_client c = client_of(&arena);
        struct haproxy_answer answer;
        struct fake fake;

        fake_start(&fake, answers, ARRAY_SIZE(answers));
        c.socket = fake.address.sun_path;
        c.master = "/nonexistent/master.sock";
        assert_int_equal(haproxy_set_state(&c, STR("drain")), 1);
        assert_int_equal(haproxy_count(&c, &answer), 0);
        fake_stop(&fake);
        assert_true(answer.is_known);
        assert_int_equal(answer.n_sessions, 2);
        arena_done(&arena);
}

static void test_old_workers_count_too(void **state) {
        static const struct fake_answer answers[] = {
                { "show proc", PROC },
                { "@!9850 set server shop/shop-1 state drain", "No such server.\n\n" },
                { "@!9846 set server shop/shop-1 state drain", "\n" },
                { "@!9850 show stat shop 4 -1", "# pxname,svname,qcur,qmax,scur\nshop,shop-0,0,0,4\n" },
                { "@!9846 show stat shop 4 -1", STAT("4", "1") },
        };
        struct arena arena = { 0 };
        struct haproxy_client c = client_of(&arena);
        struct haproxy_answer answer;
        struct fake fake;

        fake_start(&fake, answers, ARRAY_SIZE(answers));
        c.master = fake.address.sun_path;
        assert_int_equal(haproxy_set_state(&c, STR("drain")), 1);
        assert_int_equal(haproxy_count(&c, &answer), 0);
        fake_stop(&fake);
        assert_int_equal(answer.n_sessions, 3);
        arena_done(&arena);
}

static void test_server_that_nobody_knows(void **state) {
        static const struct fake_answer answers[] = {
                { "show proc", PROC },
                { "@!9850 set server shop/shop-1 state drain", "No such server.\n\n" },
                { "@!9846 set server shop/shop-1 state drain", "No such backend.\n\n" },
        };
        struct arena arena = { 0 };
        struct haproxy_client c = client_of(&arena);
        struct fake fake;

        fake_start(&fake, answers, ARRAY_SIZE(answers));
        c.master = fake.address.sun_path;
        assert_int_equal(haproxy_set_state(&c, STR("drain")), 0);
        fake_stop(&fake);
        arena_done(&arena);
}

static void test_a_reload_is_waited_for(void **state) {
        static const struct fake_answer answers[] = {
                { "show proc", PROC, .n_cut = 3 },
                { "@!9850 set server shop/shop-1 state drain", "\n", .n_cut = 10 },
                { "@!9846 set server shop/shop-1 state drain", "\n" },
        };
        struct arena arena = { 0 };
        struct haproxy_client c = client_of(&arena);
        struct fake fake;

        fake_start(&fake, answers, ARRAY_SIZE(answers));
        c.master = c.socket = fake.address.sun_path;
        assert_int_equal(haproxy_set_state(&c, STR("drain")), 1);
        fake_stop(&fake);
        /* The last round is a whole one. */
        assert_true(str_has_suffix(str_of(fake.asked), STR("show proc\n@!9850 set server shop/shop-1 state drain\n@!9846 set server shop/shop-1 state drain\n")));
        arena_done(&arena);
}

static void test_a_worker_that_just_ended(void **state) {
        static const struct fake_answer answers[] = {
                { "show proc", PROC },
                { "@!9850 set server shop/shop-1 state drain", "No such server.\n\n" },
                { "@!9846 set server shop/shop-1 state drain", "Can't connect to the target CLI!\n" },
        };
        struct arena arena = { 0 };
        struct haproxy_client c = client_of(&arena);
        struct fake fake;

        fake_start(&fake, answers, ARRAY_SIZE(answers));
        c.master = fake.address.sun_path;
        assert_int_equal(haproxy_set_state(&c, STR("drain")), 0);
        fake_stop(&fake);
        arena_done(&arena);
}

static void test_many_are_ready(void **state) {
        struct arena arena = { 0 };
        struct haproxy_client c = client_of(&arena);
        struct fake fake;
        struct str names[33];

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                names[i] = arena_printf(&arena, "shop-%zu", i);
        fake_start(&fake, NULL, 0);
        c.socket = fake.address.sun_path;
        assert_int_equal(haproxy_set_ready(&c, names, ARRAY_SIZE(names)), 1);
        fake_stop(&fake);
        assert_true(str_has_prefix(str_of(fake.asked), STR("set server shop/shop-0 state ready; set server shop/shop-1 state ready; ")));
        assert_true(str_has_suffix(str_of(fake.asked), STR("/shop-31 state ready\nset server shop/shop-32 state ready\n")));
        arena_done(&arena);
}

static void test_up_with_an_address(void **state) {
        static const struct fake_answer answers[] = { { "set server shop/shop-1 addr 10.0.0.7; set server shop/shop-1 health up", "\n" } };
        struct arena arena = { 0 };
        struct haproxy_client c = client_of(&arena);
        struct fake fake;

        fake_start(&fake, answers, ARRAY_SIZE(answers));
        c.socket = fake.address.sun_path;
        assert_int_equal(haproxy_set_up(&c, STR("10.0.0.7")), 1);
        fake_stop(&fake);
        assert_string_equal(fake.asked, "set server shop/shop-1 addr 10.0.0.7; set server shop/shop-1 health up\n");
        arena_done(&arena);
}

static void test_each_command_has_its_prefix(void **state) {
        static const struct fake_answer answers[] = {
                { "show proc", PROC },
                { "@!9850 set server shop/shop-1 addr 10.0.0.7; @!9850 set server shop/shop-1 health up", "\n" },
                { "@!9846 set server shop/shop-1 addr 10.0.0.7; @!9846 set server shop/shop-1 health up", "No such server.\n\n" },
        };
        struct arena arena = { 0 };
        struct haproxy_client c = client_of(&arena);
        struct fake fake;

        fake_start(&fake, answers, ARRAY_SIZE(answers));
        c.master = fake.address.sun_path;
        assert_int_equal(haproxy_set_up(&c, STR("10.0.0.7")), 1);
        fake_stop(&fake);
        arena_done(&arena);
}

static void test_port(void **state) {
        struct arena arena = { 0 };
        struct haproxy_client c = client_of(&arena);
        struct fake fake;

        fake_start(&fake, NULL, 0);
        c.socket = fake.address.sun_path;
        assert_int_equal(haproxy_set_port(&c, 20001), 1);
        fake_stop(&fake);
        assert_string_equal(fake.asked, "set server shop/shop-1 addr 127.0.0.1 port 20001\n");
        arena_done(&arena);
}

/* HAProxy takes a ';' or a line feed for the end of a command. Who may write into a directory of certificates chooses
 * the names. */
static void test_a_certificate_with_a_command_in_its_name(void **state) {
        static const char *const paths[] = { "/etc/tls/x;disable server shop/shop-1;y.pem", "/etc/tls/x\ndisable server shop/shop-1",
                                             "/etc/tls/x y", "/etc/tls/x\\", "/etc/tls/x\x7f", "/etc/tls/$(id)", "" };
        const struct fake_answer answers[] = { { "show ssl cert /etc/tls/a+b@1,é=~.pem", "Filename: it\n", 0 } };
        struct arena arena = { 0 };
        struct haproxy_client c = client_of(&arena);
        struct str text;
        struct fake fake;

        fake_start(&fake, answers, ARRAY_SIZE(answers));
        c.socket = fake.address.sun_path;
        for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
                assert_int_equal(haproxy_show_certificate(&c, str_of(paths[i]), &text), -EINVAL);
        assert_int_equal(haproxy_show_certificate(&c, STR("/etc/tls/a+b@1,é=~.pem"), &text), 0);
        fake_stop(&fake);
        assert_string_equal(fake.asked, "show ssl cert /etc/tls/a+b@1,é=~.pem\n");
        arena_done(&arena);
}

static void test_no_haproxy(void **state) {
        struct arena arena = { 0 };
        struct haproxy_client c = client_of(&arena);
        struct haproxy_answer answer;

        c.socket = c.master = "/nonexistent/admin.sock";
        assert_int_equal(haproxy_set_state(&c, STR("ready")), 0);
        assert_int_equal(haproxy_count(&c, &answer), 0);
        assert_false(answer.is_known);

        /* A socket that a dead HAProxy left behind. */
        c.socket = "/dev/null";
        assert_int_equal(haproxy_set_state(&c, STR("ready")), 0);
        arena_done(&arena);
}

int main(void) {
        struct rows rows = { 0 };

        rows_add_one(&rows, test_workers);
        rows_add(&rows, test_sessions, sessions_rows);
        rows_add_one(&rows, test_one_worker);
        rows_add_one(&rows, test_old_workers_count_too);
        rows_add_one(&rows, test_server_that_nobody_knows);
        rows_add_one(&rows, test_a_reload_is_waited_for);
        rows_add_one(&rows, test_a_worker_that_just_ended);
        rows_add_one(&rows, test_many_are_ready);
        rows_add_one(&rows, test_up_with_an_address);
        rows_add_one(&rows, test_each_command_has_its_prefix);
        rows_add_one(&rows, test_port);
        rows_add_one(&rows, test_a_certificate_with_a_command_in_its_name);
        rows_add_one(&rows, test_no_haproxy);
        return rows_run(&rows, "haproxy-socket");
}
