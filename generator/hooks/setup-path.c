/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/setup-path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"

enum { MAX_LINKS = 40 };                /* as the kernel's: path_resolution(7) */

struct walk {
        struct arena *arena;
        const char *path;
        struct str at, rest;            /* where `dir` is, and what is left of the path */
        struct str problem;
        int dir;
        struct stat stat;               /* of `dir` */
        unsigned links;
};

static void walk_close(struct walk *w) {
        close_fd(&w->dir);
}

static const char *name_of(struct walk *w, uid_t uid) {
        const struct passwd *entry = getpwuid(uid);

        return arena_printf(w->arena, "%s", entry ? entry->pw_name : arena_u64(w->arena, uid).p).p;
}

static struct str join(struct walk *w, struct str name) {
        return arena_join(w->arena, w->at, str_has_suffix(w->at, STR("/")) ? STR("") : STR("/"), name);
}

/* True if nobody but root can rename `child` in the directory, or put something else in its place. */
static bool is_kept(const struct stat *dir, const struct stat *child) {
        mode_t others = dir->st_gid == 0 ? S_IWOTH : S_IWGRP | S_IWOTH;

        if (dir->st_uid != 0)
                return false;
        return !(dir->st_mode & others) || ((dir->st_mode & S_ISVTX) && child->st_uid == 0);
}

static void refuse_directory(struct walk *w) {
        if (w->stat.st_uid != 0)
                w->problem = arena_printf(w->arena, "'%s' on the way to '%s' belongs to '%s', who could put something "
                                          "else in its place; give it to root, or choose another directory in "
                                          "the definition", w->at.p, w->path, name_of(w, w->stat.st_uid));
        else
                w->problem = arena_printf(w->arena, "others than root may write '%s' on the way to '%s', and put "
                                          "something else in its place; 'chmod go-w %s', or choose another "
                                          "directory in the definition", w->at.p, w->path, w->at.p);
}

static void refuse_link(struct walk *w, struct str name, const struct stat *link) {
        w->problem = arena_printf(w->arena, "the symbolic link '%s' belongs to '%s', in a directory of '%s', and is "
                                  "not followed; remove it: only a link of root's in a directory of root's may be "
                                  "on the way to '%s'", join(w, name).p, name_of(w, link->st_uid),
                                  name_of(w, w->stat.st_uid), w->path);
}

static int go_to(struct walk *w, int fd, struct str at) {
        close_fd(&w->dir);
        w->dir = fd;
        w->at = at;
        return fd < 0 || fstat(fd, &w->stat) < 0 ? -errno : 0;
}

static int go_to_root(struct walk *w) {
        return go_to(w, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), STR("/"));
}

static int follow(struct walk *w, struct str name) {
        char target[PATH_MAX];
        ssize_t n = readlinkat(w->dir, name.p, target, sizeof(target));

        if (n < 0)
                return -errno;
        if (n == sizeof(target))
                return -ENAMETOOLONG;
        if (++w->links > MAX_LINKS)
                return -ELOOP;

        w->rest = arena_join(w->arena, (struct str) { target, (size_t) n }, STR("/"), w->rest);
        return target[0] == '/' ? go_to_root(w) : 0;
}

static int step(struct walk *w, struct str name, bool is_roots) {
        bool is_last = w->rest.n == 0;
        struct stat st;

        if (fstatat(w->dir, name.p, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (is_roots && !is_kept(&w->stat, &st)) {
                refuse_directory(w);
                return 0;
        }
        if (S_ISLNK(st.st_mode)) {
                if (!is_last && st.st_uid == 0 && is_kept(&w->stat, &st))
                        return follow(w, name);
                refuse_link(w, name, &st);
                return 0;
        }

        if (is_last)
                return 0;
        return go_to(w, openat(w->dir, name.p, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), join(w, name));
}

int setup_path_check(struct arena *a, const char *path, bool is_roots, struct str *ret) {
        CLEANUP(walk_close) struct walk w = {
                .arena = a, .path = path, .rest = str_of(path), .dir = -1,
        };
        int r = go_to_root(&w);
        struct str name;

        while (r >= 0 && str_is_absent(w.problem) && w.rest.n > 0) {
                (void) str_split(&w.rest, '/', &name);
                if (name.n > 0)
                        r = step(&w, arena_str(a, name), is_roots);
        }

        *ret = w.problem;
        return r == -ENOENT ? 0 : r;
}
