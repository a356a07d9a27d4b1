/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/start-record.h"

#include <fcntl.h>

#include "base/fs.h"
#include "bundle/rows.h"

enum { RECORD_MAX = 256 };

static const char *const bits[] = { "0", "1", NULL };

static const struct row_kind kinds[] = {
        ROW_ONCE("start", ROW_FIELD(ROW_NAME, struct start_record, revision),
                 ROW_FIELD(ROW_NUMBER, struct start_record, ready),
                 ROW_WORD(ROW_FLAG, struct start_record, was_killed, bits)),
};

static const struct row_file file =
        ROW_FILE(struct start_record, kinds, .name = "pyservice-start", .version = 1, .bare_word = "start");

int start_record_read(struct arena *a, int dir, const char *path, struct start_record *ret) {
        struct str text;
        int r = fs_read(a, dir, path, RECORD_MAX, &text);

        return r < 0 ? r : rows_parse(a, &file, text, ret);
}

int start_record_write(struct arena *a, const char *path, const struct start_record *record) {
        int r = fs_make_dirs(AT_FDCWD, path, true);

        return r < 0 ? r : fs_replace(AT_FDCWD, path, 0644, rows_text(a, &file, record));
}
