/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/wanted.h"

#include <errno.h>

#include "base/fs.h"
#include "bundle/alive.h"
#include "bundle/layout.h"

/* 4,096 apps with a line or two each in alive.conf. */
enum { TEXT_MAX = 4 << 20 };

/* What stands behind "WORD " in a line of its own; absent for "-". */
static struct str find_word(struct arena *a, struct str text, struct str word) {
        struct str rest = text, line;

        while (str_split(&rest, '\n', &line))
                if (str_has_prefix(line, word) && !str_is(str_from(line, word.n), "-"))
                        return arena_str(a, str_from(line, word.n));

        return (struct str){ 0 };
}

void wanted_parse(struct arena *a, struct str app, struct str alive, struct str revision,
                  struct wanted *ret) {
        const struct alive_app *found;
        struct alive apps;

        alive_parse(a, alive, &apps);
        found = alive_find(&apps, app);
        *ret = (struct wanted){
                .is_alive = found,
                .is_stopped = found && found->is_stopped,
                .runs = find_word(a, revision, STR("runs ")),
                .wanted = find_word(a, revision, STR("wanted ")),
                .file = find_word(a, revision, STR("file ")),
        };
}

int wanted_read(struct arena *a, int runtime, struct str app, struct wanted *ret) {
        struct str path = layout_app_file(a, app, STR(LAYOUT_REVISION)), alive = STR(""), revision = STR("");
        int r = fs_read(a, runtime, LAYOUT_ALIVE, TEXT_MAX, &alive),
            q = fs_read(a, runtime, path.p, TEXT_MAX, &revision);

        if (r < 0 && r != -ENOENT)
                return r;
        if (q < 0 && q != -ENOENT)
                return q;

        wanted_parse(a, app, alive, revision, ret);
        return 0;
}
