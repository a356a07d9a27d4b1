/* SPDX-License-Identifier: Apache-2.0 */
#include "verbs/purge.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <unistd.h>

#include "app/home.h"
#include "app/resolve.h"
#include "base/fs.h"
#include "schema/syntax.h"

/* Where a descriptor leads, seen from here. */
static bool read_place(struct arena *a, int fd, struct str *ret) {
        char link[64], path[PATH_MAX];
        ssize_t n;

        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, path, sizeof(path));
        if (n < 0 || (size_t) n == sizeof(path))
                return false;

        *ret = arena_str(a, (struct str) { path, (size_t) n });
        return true;
}

/* Without links on the way, below the root; false where it is not there. */
static bool resolve(const struct purge_uses *uses, struct str path, struct str *ret) {
        CLEANUP(close_fd) int fd = fs_open_resolved(uses->root, arena_str(uses->arena, path).p, O_PATH, RESOLVE_IN_ROOT);
        struct str root, place;

        if (fd < 0 || !read_place(uses->arena, uses->root, &root) || !read_place(uses->arena, fd, &place))
                return false;
        if (str_is(root, "/"))
                root = STR("");

        *ret = str_from(place, root.n);
        return path_is_below(place, root);
}

void purge_uses_add(struct purge_uses *uses, struct str what, struct str app) {
        struct str place;

        if (what.n == 0)
                return;
        *vec_push(uses->arena, &uses->list) = (struct purge_use) { what, app };
        if (what.p[0] == '/' && resolve(uses, what, &place) && !str_eq(place, what))
                *vec_push(uses->arena, &uses->list) = (struct purge_use) { place, app };
}

/* "SOURCE:TARGET"; of one for each instance the directory where all are. */
static struct str source_of(struct str volume) {
        struct str source = syntax_volume_split(volume).source;
        size_t end = str_find(source, INSTANCE_MARK);

        if (end == source.n)
                return source;
        while (end > 1 && source.p[end - 1] != '/')
                end--;
        return (struct str) { source.p, end > 1 ? end - 1 : end };
}

void purge_uses_add_all(struct purge_uses *uses, struct app *app) {
        struct container_list all = app_containers(uses->arena, app);

        if (app->home) {
                const struct home *h = app->home;
                const struct str own[] = {
                        h->root.text, h->app.text, h->code.text, h->config.text, h->data.text,
                };

                for (size_t i = 0; i < ARRAY_SIZE(own); i++)
                        purge_uses_add(uses, own[i], app->name.text);
        }
        LIST_EACH(f, &app->files) {
                purge_uses_add(uses, f->dest.text, app->name.text);
                purge_uses_add(uses, f->source.text, app->name.text);
        }
        VEC_EACH(ref, &all.list) {
                purge_uses_add(uses, ref->container->image.text, app->name.text);
                purge_uses_add(uses, arena_join(uses->arena, ref->container->image.text, STR(":latest")), app->name.text);
                LIST_EACH(mount, &ref->container->mounts)
                        purge_uses_add(uses, source_of(mount->spec.text), app->name.text);
        }
}

/* Who mounts "/" or "/var" does not mean what applications have there. */
static bool is_all(struct str path) {
        return str_find(str_from(path, 1), '/') == path.n - 1;
}

static bool is_touched(struct str what, struct str by) {
        if (what.p[0] != '/' || by.p[0] != '/')
                return str_eq(what, by);

        return str_eq(what, by) || path_is_below(by, what) || (path_is_below(what, by) && !is_all(by));
}

const struct purge_use *purge_uses_find(const struct purge_uses *uses, struct str what) {
        VEC_EACH(use, &uses->list)
                if (is_touched(what, use->what))
                        return use;

        return NULL;
}
