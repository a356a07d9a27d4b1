/* SPDX-License-Identifier: Apache-2.0 */

/* The code as people find it: a copy of the clone, owned by root, at {{ app_code_dir }}. Others may write the
 * directory that it is in: so it is made in the nearest one above that only root may write, and takes its
 * place by one rename that follows no link. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fs.h"
#include "image/build.h"
#include "runtime/spawn.h"

/* Others can't change it under us. */
static bool is_trusted(int fd) {
        struct stat st;

        return fstat(fd, &st) == 0 && (st.st_uid == 0 || st.st_uid == geteuid()) &&
               (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

struct walk {
        int above;                      /* the nearest directory that only root may write */
        struct str above_path;
        int parent;                     /* the directory that the code is in; the same one, maybe */
        struct str name;                /* of the code's in it */
};

static void walk_close(struct walk *w) {
        close_fd(&w->parent);
        close_fd(&w->above);
}

/* One directory deeper; made where only root could. */
static int descend(struct walk *w, struct str name, bool is_trusted_so_far) {
        int fd;

        if (is_trusted_so_far && mkdirat(w->parent, name.p, 0755) < 0 && errno != EEXIST)
                return -errno;
        fd = openat(w->parent, name.p, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;

        close_fd(&w->parent);
        w->parent = fd;
        return 0;
}

static int remember(struct walk *w, struct str path) {
        int fd = fcntl(w->parent, F_DUPFD_CLOEXEC, 0);

        if (fd < 0)
                return -errno;
        close_fd(&w->above);
        w->above = fd;
        w->above_path = path;
        return 0;
}

/* Each step follows no link. */
static int walk_to(struct build *b, struct walk *w) {
        struct str rest = str_from(b->code, 1), path = STR(""), part;
        bool trusted = true;
        int r = 0;

        w->parent = fs_open_dir(AT_FDCWD, "/");
        if (w->parent < 0)
                return w->parent;

        while (r >= 0) {
                trusted = trusted && is_trusted(w->parent);
                if (trusted)
                        r = remember(w, path);
                (void) str_split(&rest, '/', &part);
                w->name = arena_str(b->arena, part);
                if (r < 0 || str_is_absent(rest))
                        break;
                path = arena_join(b->arena, path, STR("/"), w->name);
                r = descend(w, w->name, trusted);
        }
        return r < 0 ? r : w->above < 0 ? -EPERM : 0;
}

static int copy(struct build *b, struct str target) {
        struct str cp = spawn_find(b->arena, "cp");
        struct spawn_result result;
        int r = str_is_absent(cp) ? -ENOENT
                                  : spawn_run(b->arena, (const char *const[]) { cp.p, "--archive", "--reflink=auto", "--no-target-directory", b->clone.p, target.p, NULL }, &result);

        return r < 0 ? r : result.status != 0 ? -EIO : 0;
}

static int place(struct build *b) {
        struct str new = arena_join(b->arena, STR(".pyservice-"), b->app, STR("-code"));
        CLEANUP(walk_close) struct walk w = { .above = -1, .parent = -1 };
        int r = walk_to(b, &w);

        if (r >= 0)
                r = fs_remove_tree(w.above, new.p);
        if (r >= 0)
                r = copy(b, arena_join(b->arena, w.above_path, STR("/"), new));
        if (r >= 0)
                r = fs_swap(w.above, new.p, w.parent, w.name.p);
        if (w.above >= 0)
                (void) fs_remove_tree(w.above, new.p);
        return r;
}

void place_code(struct build *b) {
        int r = place(b);

        if (r < 0)
                (void) fprintf(stderr, "the image is built, but its code could not be copied to %.*s for you to look at: %s\n", STR_ARG(b->code), strerror(-r));
}
