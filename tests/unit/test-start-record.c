/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "hooks/start-record.h"
#include "rows.h"

#define A "0123456789ab"

struct row {
        const char *name, *text;
        int error;
        uint64_t ready;
        bool was_killed;
};

static const struct row good[] = {
        { "ready", "pyservice-start 1\nstart " A " 12345 0\n", 0, 12345, false },
        { "killed", "pyservice-start 1\nstart " A " 0 1\n", 0, 0, true },
        { "of an earlier version", A " 12345 0\n", 0, 12345, false },
        { "of an earlier version, killed", A " 0 1\n", 0, 0, true },
};

static const struct row bad[] = {
        { "of a later version", "pyservice-start 2\nstart " A " 12345 0 more\n", -EPROTONOSUPPORT, 0, false },
        { "cut off", A " 12345 0", -EBADMSG, 0, false },
        { "a field missing", A " 12345\n", -EBADMSG, 0, false },
        { "no number", A " now 0\n", -EBADMSG, 0, false },
        { "no flag", A " 1 2\n", -EBADMSG, 0, false },
        { "two", A " 1 0\n" A " 2 0\n", -EBADMSG, 0, false },
};

static struct arena arena;
static struct str path;
static char directory[] = "/tmp/pyservice-XXXXXX";

static void test_good(void **state) {
        const struct row *row = *state;
        struct start_record record;
        struct str text;

        assert_int_equal(fs_replace(AT_FDCWD, path.p, 0644, str_of(row->text)), 0);
        assert_int_equal(start_record_read(&arena, AT_FDCWD, path.p, &record), 0);
        assert_string_equal(record.revision.p, A);
        assert_int_equal(record.ready, row->ready);
        assert_int_equal(record.was_killed, row->was_killed);

        assert_int_equal(start_record_write(&arena, path.p, &record), 0);
        assert_int_equal(fs_read(&arena, AT_FDCWD, path.p, 256, &text), 0);
        assert_string_equal(text.p, arena_printf(&arena, "pyservice-start 1\nstart " A " %u %u\n",
                                                 (unsigned) row->ready, row->was_killed).p);
}

static void test_bad(void **state) {
        const struct row *row = *state;
        struct start_record record;

        assert_int_equal(fs_replace(AT_FDCWD, path.p, 0644, str_of(row->text)), 0);
        assert_int_equal(start_record_read(&arena, AT_FDCWD, path.p, &record), row->error);
}

int main(void) {
        static struct rows all;
        int failed;

        if (!mkdtemp(directory))
                return 1;
        path = arena_join(&arena, str_of(directory), STR("/shop@0.service"));
        rows_add(&all, test_good, good);
        rows_add(&all, test_bad, bad);
        failed = rows_run(&all, "start-record");
        (void) unlink(path.p);
        (void) rmdir(directory);
        arena_done(&arena);
        return failed;
}
