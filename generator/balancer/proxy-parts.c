/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/proxy-parts.h"

#include <errno.h>
#include <stdio.h>

#include "base/fs.h"

enum { DEPTH_MAX = 64 };

/* The files in `path` ("" or "/a/b") below `top`, and below that. */
static int read_below(struct arena *a, int top, struct str path, unsigned depth, struct proxy_parts *parts) {
        struct str here = path.n > 0 ? str_from(path, 1) : STR(".");
        struct fs_names names;
        int r;

        if (depth > DEPTH_MAX)
                return -ELOOP;

        r = fs_list(a, top, here.p, &names);
        if (r < 0)
                return r;

        VEC_EACH(name, &names.list) {
                struct str below = arena_join(a, path, STR("/"), *name), text;

                r = fs_read(a, top, below.p + 1, PROXY_FILE_MAX, &text);
                if (r == -EISDIR)
                        r = read_below(a, top, below, depth + 1, parts);
                else if (r == 0)
                        *vec_push(a, &parts->list) = (struct proxy_part){ path, *name, text };
                if (r < 0)
                        return r;
        }

        return 0;
}

int proxy_parts_read(struct arena *a, int dir, const char *name, struct proxy_parts *ret) {
        CLEANUP(close_fd) int top = fs_open_dir(dir, name);
        struct proxy_parts parts = { 0 };
        int r;

        if (top < 0)
                return top;

        r = read_below(a, top, STR(""), 0, &parts);
        if (r < 0)
                return r;

        *ret = parts;
        return 0;
}

static int write_parts(struct arena *a, int dir, struct str top, const struct proxy_parts *parts) {
        int r = fs_make_dirs(dir, top.p, false);

        VEC_EACH(part, &parts->list) {
                struct str path = arena_join(a, top, part->directory, STR("/"), part->name);

                if (r >= 0)
                        r = fs_make_dirs(dir, path.p, true);
                if (r >= 0)
                        r = fs_write(dir, path.p, 0600, part->text);
        }

        return r;
}

int proxy_parts_write(struct arena *a, int dir, struct str name, const struct proxy_parts *parts) {
        struct str new = arena_join(a, STR("."), name, STR(".new"));
        int r;

        r = fs_remove_tree(dir, new.p);
        if (r >= 0)
                r = write_parts(a, dir, new, parts);
        if (r >= 0)
                r = fs_swap(dir, new.p, dir, name.p);
        (void) fs_remove_tree(dir, new.p);
        return r;
}

bool proxy_parts_equal(const struct proxy_parts *a, const struct proxy_parts *b) {
        if (a->list.n != b->list.n)
                return false;

        for (size_t i = 0; i < a->list.n; i++) {
                const struct proxy_part *x = &a->list.at[i], *y = &b->list.at[i];

                if (!str_eq(x->directory, y->directory) || !str_eq(x->name, y->name) ||
                    !str_eq(x->text, y->text))
                        return false;
        }

        return true;
}
