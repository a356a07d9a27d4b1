/* SPDX-License-Identifier: Apache-2.0 */

/* The code as people find it: a copy of the clone, owned by root, at {{ app_code_dir }}. Others may write the directory that it is in: so it is
 * made beside the application's root directory, which only root may write, and takes its place by one rename that follows no link. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fs.h"
#include "image/build.h"
#include "runtime/spawn.h"

/* A directory that others can't change under us. */
static int open_trusted(const char *path) {
        CLEANUP(close_fd) int fd = -1;
        struct stat st;
        int result;

        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
                return -EPERM;

        result = fd;
        fd = -1;
        return result;
}

static struct str parent_of(struct arena *a, struct str path) {
        while (path.n > 1 && path.p[path.n - 1] != '/')
                path.n--;

        return arena_str(a, (struct str) { path.p, path.n > 1 ? path.n - 1 : path.n });
}

static int copy(struct build *b, struct str target) {
        struct str cp = spawn_find(b->arena, "cp");
        struct spawn_result result;
        int r = str_is_absent(cp) ? -ENOENT
                                  : spawn_run(b->arena, (const char *const[]) { cp.p, "--archive", "--reflink=auto", "--no-target-directory", b->clone.p, target.p, NULL }, &result);

        return r < 0 ? r : result.status != 0 ? -EIO : 0;
}

/* "code" of the directory "app" of the root's directory; each step follows no link. */
static int exchange(int above, const char *new, struct str root_name) {
        CLEANUP(close_fd) int root = openat(above, root_name.p, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        CLEANUP(close_fd) int app = root < 0 ? -1 : openat(root, "app", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (app < 0)
                return -errno;
        if (renameat2(above, new, app, "code", RENAME_EXCHANGE) == 0)
                return 0;

        return errno == ENOENT && renameat(above, new, app, "code") == 0 ? 0 : -errno;
}

static int place(struct build *b) {
        struct str root = parent_of(b->arena, parent_of(b->arena, b->code)), above_path = parent_of(b->arena, root), new, name;
        CLEANUP(close_fd) int above = -1;
        int r;

        name = str_from(root, above_path.n > 1 ? above_path.n + 1 : 1);
        new = arena_join(b->arena, STR(".pyservice-"), b->app, STR("-code"));
        r = above = open_trusted(above_path.p);
        if (r >= 0)
                r = fs_remove_tree(above, new.p);
        if (r >= 0)
                r = copy(b, arena_join(b->arena, above_path, STR("/"), new));
        if (r >= 0)
                r = exchange(above, new.p, arena_str(b->arena, name));
        if (above >= 0)
                (void) fs_remove_tree(above, new.p);
        return r;
}

void place_code(struct build *b) {
        int r = place(b);

        if (r < 0)
                (void) fprintf(stderr, "the image is built, but its code could not be copied to %.*s for you to look at: %s\n", STR_ARG(b->code), strerror(-r));
}
