/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle/wanted.h"

#include <errno.h>

#include "base/fs.h"
#include "bundle/alive.h"
#include "bundle/layout.h"
#include "bundle/rows.h"

enum { TEXT_MAX = 4096 };

static const struct row_kind kinds[] = {
        ROW_ONCE("runs", ROW_FIELD(ROW_TEXT, struct wanted, runs)),
        ROW_ONCE("wanted", ROW_FIELD(ROW_TEXT, struct wanted, wanted)),
        ROW_ONCE("file", ROW_FIELD(ROW_TEXT, struct wanted, file)),
        ROW_MARK("emptied", struct wanted, is_emptied),
};

static const struct row_file file =
        ROW_FILE(struct wanted, kinds, .name = "pyservice-revision", .version = 1);

struct str wanted_text(struct arena *a, const struct wanted *w) {
        return rows_text(a, &file, w);
}

int wanted_parse(struct arena *a, struct str text, struct wanted *ret) {
        return rows_parse(a, &file, text, ret);
}

int wanted_read_revisions(struct arena *a, int runtime, struct str app, struct wanted *ret) {
        struct str text;
        int r = fs_read(a, runtime, layout_app_file(a, app, STR(LAYOUT_REVISION)).p, TEXT_MAX, &text);

        return r < 0 ? r : wanted_parse(a, text, ret);
}

int wanted_read(struct arena *a, int runtime, struct str app, struct wanted *ret) {
        struct wanted wanted = { 0 };
        const struct alive_app *found;
        struct alive alive;
        int r = alive_read(a, runtime, &alive);

        if (r >= 0)
                r = wanted_read_revisions(a, runtime, app, &wanted);
        if (r < 0 && r != -ENOENT)
                return r;

        found = alive_find(&alive, app);
        wanted.is_alive = found;
        wanted.is_stopped = found && found->is_stopped;
        *ret = wanted;
        return 0;
}
