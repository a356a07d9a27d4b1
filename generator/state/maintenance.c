/* SPDX-License-Identifier: Apache-2.0 */
#include "state/maintenance.h"

#include <errno.h>
#include <unistd.h>

#include "base/fs.h"
#include "bundle/layout.h"
#include "bundle/rows.h"

enum { MAINTENANCE_FILE_MAX = 1 << 16 };

static const struct row_kind kinds[] = {
        ROW_ONCE("maintenance", ROW_FIELD(ROW_COUNT, struct maintenance, since),
                 ROW_FIELD(ROW_COUNT, struct maintenance, retry),
                 ROW_FIELD(ROW_TEXT, struct maintenance, page)),
};

static const struct row_file row_file =
        ROW_FILE(struct maintenance, kinds, .name = "pyservice-maintenance", .version = 1);

static struct str path_of(struct arena *a, struct str app) {
        return arena_join(a, app, STR("/" LAYOUT_MAINTENANCE));
}

int maintenance_read(struct arena *a, int dir, struct str app, struct maintenance *ret) {
        struct str text;
        int r = dir < 0 ? -ENOENT : fs_read(a, dir, path_of(a, app).p, MAINTENANCE_FILE_MAX, &text);

        *ret = (struct maintenance){ 0 };
        if (r == -ENOENT || r == -ENOTDIR)
                return 0;

        return r < 0 ? r : rows_parse(a, &row_file, text, ret);
}

int maintenance_write(struct arena *a, int dir, struct str app, const struct maintenance *m) {
        CLEANUP(close_fd) int app_dir = -1;

        if (m->since == 0)
                return unlinkat(dir, path_of(a, app).p, 0) < 0 && errno != ENOENT && errno != ENOTDIR ? -errno
                                                                                                      : 0;

        app_dir = fs_open_dir(dir, app.p);
        return app_dir < 0 ? app_dir
                           : fs_replace_safely(app_dir, LAYOUT_MAINTENANCE, 0600, rows_text(a, &row_file, m));
}
