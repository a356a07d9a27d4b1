/* SPDX-License-Identifier: Apache-2.0 */

/* Messages about events: what is stored of a text, how many there are, and what a mail looks like. */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "bundle/layout.h"
#include "bundle/message.h"
#include "notify/body.h"
#include "rows.h"

static struct message sample(struct arena *a, struct str reason) {
        struct message m = { .event = STR(MESSAGE_REJECTED), .app = STR("shop"), .part = STR("shop@next"),
                             .revision = STR("0123456789ab"), .reason = reason, .time = 1 };

        *vec_push(a, &m.log) = STR("one\r\nBcc: x\x1b[31m");
        *vec_push(a, &m.log) = STR("");
        message_finish(a, &m, STR("now"));
        m.host = STR("web1");
        return m;
}

static void test_texts_are_lines(void **state) {
        struct arena a = { 0 };
        char *bytes = arena_alloc(&a, 5000, 1);
        struct message m, again = { 0 };

        memset(bytes, 'x', 5000);
        m = sample(&a, (struct str){ bytes, 5000 });
        assert_int_equal(m.reason.n, MESSAGE_REASON_MAX);
        assert_int_equal(m.log.n, 1);
        assert_string_equal(m.log.at[0].p, "one?" " Bcc: x?[31m");
        assert_int_equal(message_parse(&a, message_text(&a, &m), &again), 0);
        assert_string_equal(message_text(&a, &again).p, message_text(&a, &m).p);
        assert_true(message_text(&a, &m).n < 16 * 1024);
        arena_done(&a);
}

static void test_the_last_lines_count(void **state) {
        struct arena a = { 0 };
        struct message m = { .event = STR(MESSAGE_REJECTED), .app = STR("shop") };

        for (uint64_t i = 0; i < 30; i++)
                *vec_push(&a, &m.log) = arena_u64(&a, i);
        message_finish(&a, &m, STR("now"));
        assert_int_equal(m.log.n, MESSAGE_LINES_MAX);
        assert_string_equal(m.log.at[MESSAGE_LINES_MAX - 1].p, "29");
        arena_done(&a);
}

static void test_an_id_is_stable(void **state) {
        struct arena a = { 0 };
        struct message m = sample(&a, STR("x")), again = sample(&a, STR("another reason")), other = m;

        assert_string_equal(m.id.p, again.id.p);
        message_finish(&a, &other, STR("later"));
        assert_string_not_equal(m.id.p, other.id.p);
        arena_done(&a);
}

static void test_the_oldest_go(void **state) {
        struct arena a = { 0 };
        char path[] = "/tmp/test-message-XXXXXX";
        CLEANUP(close_fd) int dir = -1;
        struct messages all = { 0 }, broken = { 0 };

        assert_non_null(mkdtemp(path));
        dir = fs_open_dir(AT_FDCWD, path);
        for (uint64_t i = 0; i < MESSAGES_MAX + 2; i++) {
                struct message m = sample(&a, STR("x"));

                m.id = arena_u64(&a, i);
                m.time = 1000 + i;
                assert_int_equal(message_add(&a, dir, &m), i >= MESSAGES_MAX);
        }
        assert_int_equal(message_list(&a, dir, &all, &broken), 0);
        assert_int_equal(all.list.n, MESSAGES_MAX);
        assert_int_equal(broken.list.n, 0);
        assert_string_equal(all.list.at[0].id.p, "2");

        /* One that was removed meanwhile does not come back. */
        assert_int_equal(message_remove(&a, dir, STR("2")), 0);
        assert_int_equal(message_write(&a, dir, &all.list.at[0]), 0);
        assert_int_equal(faccessat(dir, LAYOUT_MESSAGES "/2", F_OK, 0), -1);
        assert_int_equal(fs_remove_tree(AT_FDCWD, path), 0);
        arena_done(&a);
}

static void test_a_mail(void **state) {
        struct arena a = { 0 };
        struct notify n = { 0 };
        struct message m = sample(&a, STR("broken\nSubject: y"));

        *vec_push(&a, &n.recipients) = STR("ops@example.com");
        *vec_push(&a, &n.recipients) = STR("root");
        m.id = STR("a1");
        assert_string_equal(body_mail(&a, &n, &m).p,
                            "To: ops@example.com,\n root\n"
                            "Subject: [web1] shop: rejected\n"
                            "Auto-Submitted: auto-generated\n"
                            "MIME-Version: 1.0\n"
                            "Content-Type: text/plain; charset=utf-8\n"
                            "Content-Transfer-Encoding: 8bit\n"
                            "X-Pyservice-Event-Id: a1\n"
                            "\n"
                            "Application: shop\n"
                            "Event: rejected\n"
                            "Part: shop@next\n"
                            "Revision: 0123456789ab\n"
                            "Reason: broken Subject: y\n"
                            "Host: web1\n"
                            "Time: 1970-01-01T00:00:00Z\n"
                            "\n"
                            "Last lines of its log:\n"
                            "  one? Bcc: x?[31m\n");
        arena_done(&a);
}

static void test_a_mail_has_no_long_line(void **state) {
        struct arena a = { 0 };
        struct notify n = { 0 };
        char *bytes = arena_alloc(&a, 2 * MESSAGE_REASON_MAX, 1);
        struct message m;
        struct str rest, line;

        memset(bytes, 'x', 2 * MESSAGE_REASON_MAX);
        m = sample(&a, (struct str) { bytes, 2 * MESSAGE_REASON_MAX });
        for (unsigned i = 0; i < 100; i++)
                *vec_push(&a, &n.recipients) = STR("somebody@example.com");
        rest = body_mail(&a, &n, &m);
        while (str_split(&rest, '\n', &line))
                assert_true(line.n <= 998);
        arena_done(&a);
}

int main(void) {
        static struct rows tests;

        rows_add_one(&tests, test_texts_are_lines);
        rows_add_one(&tests, test_the_last_lines_count);
        rows_add_one(&tests, test_an_id_is_stable);
        rows_add_one(&tests, test_the_oldest_go);
        rows_add_one(&tests, test_a_mail);
        rows_add_one(&tests, test_a_mail_has_no_long_line);
        return rows_run(&tests, "message");
}
