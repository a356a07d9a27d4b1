/* SPDX-License-Identifier: Apache-2.0 */

/* The lines of a unit, from a journal of this file's own in place of sd-journal(3). */

#include <errno.h>
#include <systemd/sd-journal.h>

#include "rows.h"
#include "systemd/journal.h"

#define KILLING "shop@0.service: Killing process 42 (x) with signal SIGKILL."

/* The newest first; the last one is repeated without end. */
static const char *const *entries;
static size_t n_entries, n_read;

int sd_journal_open(sd_journal **ret, int flags) {
        *ret = (sd_journal *) (uintptr_t) &entries;
        n_read = 0;
        return 0;
}

void sd_journal_close(sd_journal *j) {
}

int sd_journal_add_match(sd_journal *j, const void *data, size_t size) {
        return 0;
}

int sd_journal_add_disjunction(sd_journal *j) {
        return 0;
}

int sd_journal_seek_tail(sd_journal *j) {
        return 0;
}

int sd_journal_previous(sd_journal *j) {
        return n_read++ < 1000;
}

int sd_journal_get_realtime_usec(sd_journal *j, uint64_t *ret) {
        *ret = 1700000000000000;
        return 0;
}

/* An entry is fields, with a line feed behind each. */
int sd_journal_get_data(sd_journal *j, const char *field, const void **data, size_t *n) {
        size_t at = n_read <= n_entries ? n_read - 1 : n_entries - 1;
        struct str rest = str_of(entries[at]), line;

        while (str_split(&rest, '\n', &line))
                if (str_has_prefix(line, str_of(field)) && line.p[strlen(field)] == '=') {
                        *data = line.p;
                        *n = line.n;
                        return 0;
                }

        return -ENOENT;
}

static const struct row {
        const char *name;
        bool is_user;
        const char *entries[3], *newest; /* newest: NULL for no line at all */
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

        entries = row->entries;
        for (n_entries = 0; row->entries[n_entries]; n_entries++)
                ;
        assert_int_equal(journal_read(&arena, &query, &lines), 0);
        if (row->newest) {
                assert_int_equal(lines.list.n, 10);
                assert_true(str_is(lines.list.at[9].text, row->newest));
                assert_true(n_read <= 11);
        } else
                assert_int_equal(lines.list.n, 0);
        arena_done(&arena);
}

int main(void) {
        static struct rows all;

        rows_add(&all, test_read, rows);
        return rows_run(&all, "journal");
}
