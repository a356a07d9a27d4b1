/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle/alive.h"

#include <errno.h>

#include "base/fs.h"
#include "bundle/layout.h"

/* 4,096 applications with a line or two each. */
enum { ALIVE_MAX = 4 << 20 };

void alive_parse(struct arena *a, struct str text, struct alive *ret) {
        struct str line, key, end = STR(".target");

        *ret = (struct alive){ 0 };
        while (str_split(&text, '\n', &line)) {
                bool has_key = str_split(&line, '=', &key) && !str_is_absent(line),
                     is_stopped = str_is(key, "X-Stopped");

                if (!has_key || !(is_stopped || str_is(key, "Upholds")) || !str_has_suffix(line, end))
                        continue;
                *vec_push(a, &ret->apps) = (struct alive_app){ { line.p, line.n - end.n }, is_stopped };
        }
}

int alive_read(struct arena *a, int runtime, struct alive *ret) {
        struct str text = STR("");
        int r = fs_read(a, runtime, LAYOUT_ALIVE, ALIVE_MAX, &text);

        alive_parse(a, r < 0 ? STR("") : text, ret);
        return r == -ENOENT || r >= 0 ? 0 : r;
}

const struct alive_app *alive_find(const struct alive *alive, struct str app) {
        VEC_EACH(one, &alive->apps)
                if (str_eq(one->name, app))
                        return one;

        return NULL;
}
