/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/start-record.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fs.h"

enum { RECORD_MAX = 256 };

int start_record_read(struct arena *a, int dir, const char *path, struct start_record *ret) {
        struct start_record record = { 0 };
        struct str text, ready, killed;
        int r = fs_read(a, dir, path, RECORD_MAX, &text);

        if (r < 0)
                return r;
        if (!str_split(&text, ' ', &record.revision) || !str_split(&text, ' ', &ready) ||
            !str_split(&text, '\n', &killed) || !str_to_u64(ready, UINT64_MAX, &record.ready))
                return -EBADMSG;

        record.was_killed = str_is(killed, "1");
        *ret = record;
        return 0;
}

int start_record_write(struct arena *a, const char *path, const struct start_record *record) {
        struct str text = arena_join(a, record->revision, STR(" "), arena_u64(a, record->ready),
                                     record->was_killed ? STR(" 1\n") : STR(" 0\n"));
        int r = fs_make_dirs(AT_FDCWD, path, true);

        return r < 0 ? r : fs_replace(AT_FDCWD, path, 0644, text);
}
