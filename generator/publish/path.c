/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/path.h"

const char *path_join_n(struct path *path, const struct str *parts, size_t n) {
        size_t at = 0;

        for (size_t i = 0; i < n; i++) {
                size_t room = PATH_MAX - at, take = parts[i].n < room ? parts[i].n : room;

                if (take > 0)
                        memcpy(path->text + at, parts[i].p, take);
                at += take;
        }

        path->text[at] = '\0';
        return path->text;
}
