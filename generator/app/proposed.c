/* SPDX-License-Identifier: Apache-2.0 */
#include "app/proposed.h"

#include <errno.h>

int proposed_read(const struct world *w, struct str path, struct fs_file *ret) {
        VEC_EACH(p, &w->proposed) {
                if (!str_eq(p->path, path))
                        continue;
                if (str_is_absent(p->text))
                        return -ENOENT;

                *ret = (struct fs_file){ .text = p->text, .stat = { .st_mode = S_IFREG | p->mode } };
                return 0;
        }

        return 1;
}

void proposed_list(const struct world *w, struct str directory, struct fs_names *names) {
        VEC_EACH(p, &w->proposed) {
                struct str name = p->path;

                if (!str_has_prefix(name, directory) || name.n <= directory.n || name.p[directory.n] != '/')
                        continue;
                name = str_from(name, directory.n + 1);
                if (str_find(name, '/') == name.n && !VEC_HAS(&names->list, name))
                        *vec_push(w->arena, &names->list) = name;
        }
}
