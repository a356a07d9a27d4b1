/* SPDX-License-Identifier: Apache-2.0 */
#include "change/change-parts.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "bundle/layout.h"
#include "ctl/session.h"
#include "podman/room.h"

/* Who may not write the runtime directory may not write definitions either, which is then reported. */
int change_lock(struct ctl *c, int *ret) {
        CLEANUP(close_fd) int root = fs_open_dir(AT_FDCWD, c->root);
        struct places places;
        struct str path;
        int r = ctl_places(c, &places);

        if (r != 0)
                return r;
        if (root < 0)
                return ctl_fail(c->root, root);

        path = arena_join(&c->arena, places.runtime, STR("/" LAYOUT_DEFINITIONS_LOCK));
        r = fs_make_dirs(root, path.p + 1, true);
        if (r >= 0)
                r = *ret = fs_lock(root, path.p + 1);
        return r >= 0 || r == -EACCES || r == -EPERM || r == -EROFS ? 0 : ctl_fail(path.p, r);
}

/* A rename, so that no reader sees an incomplete file, and nothing is lost. */
static int write_new(int directory, struct arena *a, const char *name, const struct changed_file *f) {
        const char *draft = arena_join(a, STR("."), str_of(name), STR(".new")).p;
        int r;

        (void) unlinkat(directory, draft, 0);
        r = fs_write(directory, draft, f->mode, f->after);
        if (r == 0)
                r = linkat(directory, draft, directory, name, 0) < 0 ? -errno : 0;
        (void) unlinkat(directory, draft, 0);
        return r;
}

static int write_file(int root, struct arena *a, const struct changed_file *f) {
        struct str path = str_from(f->path, 1), directory = path;
        CLEANUP(close_fd) int fd = -1;
        const char *name;
        int r;

        while (directory.p[directory.n - 1] != '/')
                directory.n--;
        name = path.p + directory.n;
        directory = arena_str(a, (struct str){ directory.p, directory.n - 1 });
        r = str_is_absent(f->after) ? 0 : fs_make_dirs(root, directory.p, false);
        fd = r < 0 ? r : fs_open_dir(root, directory.p);
        if (fd < 0)
                return fd;
        if (f->is_new)
                return write_new(fd, a, name, f);
        if (!str_is_absent(f->after))
                return fs_replace_as(fd, name, f->mode, f->as, f->after);

        /* The directory stays if it has other files. */
        if (unlinkat(fd, name, 0) < 0)
                return -errno;
        (void) unlinkat(root, directory.p, AT_REMOVEDIR);
        return 0;
}

int change_write(struct changing *ch) {
        VEC_EACH(f, &ch->files) {
                int r = str_is_absent(f->before) == str_is_absent(f->after) && str_eq(f->before, f->after)
                                ? 0
                                : write_file(ch->before.world.root, &ch->ctl->arena, f);

                if (r == -EACCES || r == -EPERM) {
                        (void) fprintf(stderr, "pyservicectl: %.*s: %s; run it as root\n", STR_ARG(f->path),
                                       strerror(-r));
                        return CTL_ERROR;
                }
                if (r == -EEXIST) {
                        (void) fprintf(stderr, "pyservicectl: %.*s exists already; nothing changed\n",
                                       STR_ARG(f->path));
                        return CTL_ERROR;
                }
                if (r < 0)
                        return ctl_fail(f->path.p, r);
        }
        return 0;
}

/* A change of the number of instances alone writes no revision. */
static int check_room(const struct changing *ch) {
        bool writes_revision = false;
        struct str full;

        VEC_EACH(change, &ch->changes->list)
                writes_revision |= !str_is(change->key.words[change->key.n - 1], "scale");
        if (!writes_revision)
                return 0;

        full = room_find_full(&ch->ctl->arena, &ch->before.world);
        if (str_is_absent(full))
                return 0;
        (void) fprintf(stderr, "pyservicectl: nothing changed: %.*s\n", STR_ARG(full));
        return CTL_ERROR;
}

int changes_make(struct ctl *c, struct changes *changes) {
        CLEANUP(close_fd) int locked = -1;
        struct changing ch = { .ctl = c, .changes = changes, .before.world.root = -1 };
        int r = change_lock(c, &locked);

        if (r == 0)
                r = session_open(c, &ch.before);
        if (r == 0)
                r = change_edit(&ch);
        if (r == 0)
                r = change_check(&ch);
        if (r == 0)
                r = check_room(&ch);
        if (r == 0)
                r = change_write(&ch);
        session_close(&ch.before);
        return r;
}
