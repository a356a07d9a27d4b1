/* SPDX-License-Identifier: Apache-2.0 */

/* The lines of a unit, from a journal in place of sd-journal(3). */

#include "parsers.h"
#include "rows.h"
#include "systemd/journal.h"

#define KILLING "shop@0.service: Killing process 42 (x) with signal SIGKILL."

enum { REPEATED = 1000 };

static const struct row {
        const char *name;
        bool is_user;
        const char *entries[3]; /* the newest first; the last one is repeated */
        const char *newest;     /* NULL for no line at all */
} rows[] = {
        { "what systemd's end of a unit says is of no use", false,
          { "_PID=1\n_SYSTEMD_UNIT=init.scope\nMESSAGE=" KILLING "\n", "_PID=7\n_SYSTEMD_UNIT=shop@0.service\nMESSAGE=ready\n" }, "ready" },
        { "and so for a user", true,
          { "_PID=9\n_SYSTEMD_USER_UNIT=init.scope\nMESSAGE=" KILLING "\n", "_PID=7\n_SYSTEMD_USER_UNIT=shop@0.service\nMESSAGE=ready\n" }, "ready" },
        { "a container that says the same, for ever", false, { "_PID=7\n_SYSTEMD_UNIT=shop@0.service\nMESSAGE=" KILLING "\n" }, KILLING },
        { "a container of a user", true, { "_PID=1\n_SYSTEMD_USER_UNIT=shop@0.service\nMESSAGE=" KILLING "\n" }, KILLING },
        { "a line whose unit journald did not know", true, { "_PID=7\nSYSLOG_IDENTIFIER=shop@0\nMESSAGE=" KILLING "\n" }, KILLING },
        { "Podman's events", false, { "_PID=7\nPODMAN_EVENT=health_status\nMESSAGE=x\n" }, NULL },
};

static void test_read(void **state) {
        const struct row *row = *state;
        struct journal_query query = { .unit = STR("shop@0.service"), .is_user = row->is_user, .n = 10 };
        struct journal_lines lines = { 0 };
        struct arena arena = { 0 };
        struct buf text = buf_in(&arena);
        size_t last = 0;

        while (row->entries[last + 1])
                last++;
        for (size_t i = 0; i < last + REPEATED; i++) {
                buf_put(&text, row->entries[i < last ? i : last]);
                buf_put(&text, "\n");
        }
        fake_journal_hold(buf_str(&text));
        assert_int_equal(journal_read(&arena, &query, &lines), 0);
        if (row->newest) {
                assert_int_equal(lines.list.n, 10);
                assert_true(str_is(lines.list.at[9].text, row->newest));
                assert_true(fake_journal_n_read <= 11);
        } else
                assert_int_equal(lines.list.n, 0);
        arena_done(&arena);
}

int main(void) {
        static struct rows all;

        rows_add(&all, test_read, rows);
        return rows_run(&all, "journal");
}
