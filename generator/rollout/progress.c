/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "bundle/layout.h"
#include "bundle/rows.h"

enum { TEXT_MAX = 4 << 20 };

static struct progress_unit *find(const struct progress *p, struct str unit) {
        VEC_EACH(u, &p->units)
                if (str_eq(u->name, unit))
                        return u;

        return NULL;
}

void progress_set(struct arena *a, struct progress *p, struct str unit, struct str state) {
        struct progress_unit *u = find(p, unit);

        if (!u) {
                u = vec_push(a, &p->units);
                u->name = unit;
        }
        u->state = state;
}

struct str progress_find(const struct progress *p, struct str unit) {
        const struct progress_unit *u = find(p, unit);

        return u ? u->state : (struct str){ 0 };
}

static const struct row_kind kinds[] = {
        ROW_ONCE("revision", ROW_FIELD(ROW_NAME, struct progress, revision)),
        ROW_ONCE("phase", ROW_FIELD(ROW_NAME, struct progress, phase)),
        ROW_ONCE("started", ROW_FIELD(ROW_NUMBER, struct progress, started)),
        ROW_ONCE("began", ROW_FIELD(ROW_NUMBER, struct progress, began)),
        ROW_LIST("unit", struct progress, units, ROW_FIELD(ROW_NAME, struct progress_unit, name),
                 ROW_FIELD(ROW_NAME, struct progress_unit, state)),
        ROW_MARK("accepted", struct progress, has_accepted),
        ROW_ONCE("message", ROW_FIELD(ROW_NAME, struct progress, message)),
        ROW_ONCE("since", ROW_FIELD(ROW_NUMBER, struct progress, since)),
};

static const struct row_file file =
        ROW_FILE(struct progress, kinds, .name = "pyservice-progress", .version = 1);

struct str progress_text(struct arena *a, const struct progress *p) {
        return rows_text(a, &file, p);
}

int progress_parse(struct arena *a, struct str text, struct progress *ret) {
        return rows_parse(a, &file, text, ret);
}

int progress_read(struct arena *a, int runtime, struct str app, struct progress *ret) {
        struct str text;
        int r = fs_read(a, runtime, arena_join(a, STR(LAYOUT_ROLLOUTS "/"), app).p, TEXT_MAX, &text);

        return r < 0 ? r : progress_parse(a, text, ret);
}

bool progress_is_for_root(const struct progress *p) {
        return str_is(p->phase, "failed");
}

int progress_write(struct arena *a, int runtime, struct str app, const struct progress *p) {
        struct str path = arena_join(a, STR(LAYOUT_ROLLOUTS "/"), app);
        int r = fs_make_dirs(runtime, path.p, true);

        return r < 0 ? r
                     : fs_replace(runtime, path.p, progress_is_for_root(p) ? 0600 : 0644,
                                  progress_text(a, p));
}

void progress_remove(struct arena *a, int runtime, struct str app) {
        (void) unlinkat(runtime, arena_join(a, STR(LAYOUT_ROLLOUTS "/"), app).p, 0);
}

int progress_open_lock(struct arena *a, int runtime, struct str app) {
        struct str path = arena_join(a, STR(LAYOUT_ROLLOUTS "/"), app, STR(LAYOUT_ROLLOUT_LOCK));
        int r = fs_make_dirs(runtime, path.p, true);

        if (r < 0)
                return r;

        r = openat(runtime, path.p, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        return r < 0 ? -errno : r;
}
