/* SPDX-License-Identifier: Apache-2.0 */
#include "base/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <unistd.h>

#include "base/fs.h"

enum { MAX_LINKS = 40 }; /* as the kernel's: path_resolution(7) */

void walk_close(struct walk *w) {
        close_fd(&w->dir);
        close_fd(&w->kept);
        w->dir = w->kept = -1;
}

static const char *name_of(struct walk *w, uid_t uid) {
        const struct passwd *entry = getpwuid(uid);

        return arena_printf(w->arena, "%s", entry ? entry->pw_name : arena_u64(w->arena, uid).p).p;
}

static struct str join(struct walk *w, struct str name) {
        return arena_join(w->arena, w->at, str_has_suffix(w->at, STR("/")) ? STR("") : STR("/"), name);
}

static bool is_ours(uid_t uid) {
        return uid == 0 || uid == geteuid();
}

bool walk_is_shared(const struct stat *dir) {
        /* The group root may have other members, and the bits stand for an ACL as well. */
        return !is_ours(dir->st_uid) || (dir->st_mode & (S_IWGRP | S_IWOTH));
}

/* True if no other user can rename `child` in the directory, or replace it. */
static bool is_kept(const struct stat *dir, const struct stat *child) {
        return !walk_is_shared(dir) ||
               (is_ours(dir->st_uid) && (dir->st_mode & S_ISVTX) && is_ours(child->st_uid));
}

static int refuse_directory(struct walk *w) {
        if (!is_ours(w->stat.st_uid))
                w->problem = arena_printf(w->arena,
                                          "'%s' on the way to '%s' belongs to '%s', who could "
                                          "replace it; change its owner to root, or choose "
                                          "another directory in the definition",
                                          w->at.p, w->path, name_of(w, w->stat.st_uid));
        else
                w->problem = arena_printf(w->arena,
                                          "users other than root may write '%s' on the way to "
                                          "'%s', and could replace it; run 'chmod go-w %s', or "
                                          "choose another directory in the definition",
                                          w->at.p, w->path, w->at.p);
        return -EPERM;
}

static int refuse_link(struct walk *w, struct str name, const struct stat *link) {
        bool is_others = !is_ours(w->stat.st_uid);

        w->owner = is_others && (is_ours(link->st_uid) || link->st_uid == w->stat.st_uid) ? w->stat.st_uid
                   : !is_others && !is_ours(link->st_uid)                                 ? link->st_uid
                                                                                          : 0;
        w->problem =
                arena_printf(w->arena,
                             "the symbolic link '%s' belongs to '%s', in a directory of "
                             "'%s', and is not followed; remove it: on the way to '%s' only "
                             "links that belong to root, in directories that only root may "
                             "write, are followed",
                             join(w, name).p, name_of(w, link->st_uid), name_of(w, w->stat.st_uid), w->path);
        return -ELOOP;
}

/* Remembers the directory if no other user can write it. */
static int keep(struct walk *w) {
        if (!w->is_kept || walk_is_shared(&w->stat))
                return 0;

        close_fd(&w->kept);
        w->kept = fcntl(w->dir, F_DUPFD_CLOEXEC, 0);
        w->kept_at = w->at;
        return w->kept < 0 ? -errno : 0;
}

static int go_to(struct walk *w, int from, const char *name, struct str at) {
        int fd = openat(from, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        close_fd(&w->dir);
        w->dir = fd;
        w->at = at;
        return fstat(fd, &w->stat) < 0 ? -errno : 0;
}

static int go_to_root(struct walk *w) {
        int r = go_to(w, w->root, w->root == AT_FDCWD ? "/" : ".", STR("/"));

        return r < 0 ? r : keep(w);
}

static int go_down(struct walk *w, struct str name) {
        struct stat above = w->stat;
        int r = go_to(w, w->dir, name.p, join(w, name));

        w->is_kept = w->is_kept && is_kept(&above, &w->stat);
        return r < 0 ? r : keep(w);
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

        w->rest = arena_join(w->arena, (struct str){ target, (size_t) n }, STR("/"), w->rest);
        return target[0] == '/' ? go_to_root(w) : 0;
}

/* `..` of the top is the top, as with chroot(2). */
static int go_up(struct walk *w) {
        struct stat top;

        if (fstatat(w->root, w->root == AT_FDCWD ? "/" : ".", &top, 0) < 0)
                return -errno;

        return top.st_ino == w->stat.st_ino && top.st_dev == w->stat.st_dev ? 0 : go_down(w, STR(".."));
}

static int look(const struct walk *w, struct str name, struct stat *ret) {
        if (fstatat(w->dir, name.p, ret, AT_SYMLINK_NOFOLLOW) >= 0)
                return 0;
        if (errno != ENOENT || !(w->flags & WALK_MAKE))
                return -errno;
        if (mkdirat(w->dir, name.p, 0755) < 0 && errno != EEXIST)
                return -errno;

        return fstatat(w->dir, name.p, ret, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int step(struct walk *w, struct str name) {
        bool is_last = str_is_made_of(w->rest, "/");
        struct stat st;
        int r;

        if (is_last)
                w->name = name;
        if (is_last && !(w->flags & WALK_LAST))
                return 0;
        if (str_is(name, ".."))
                return go_up(w);

        r = look(w, name, &st);
        if (r < 0)
                return r;
        if ((w->flags & WALK_ROOTS) && !is_kept(&w->stat, &st))
                return refuse_directory(w);
        if (S_ISLNK(st.st_mode))
                return (!is_last || (w->flags & WALK_FOLLOW)) && w->is_kept && is_ours(st.st_uid) &&
                                       is_kept(&w->stat, &st)
                               ? follow(w, name)
                               : refuse_link(w, name, &st);

        return is_last ? 0 : go_down(w, name);
}

int walk_to(struct walk *w, struct arena *a, int root, const char *path, unsigned flags) {
        struct str name;
        int r;

        *w = (struct walk){ .dir = -1,
                            .kept = -1,
                            .arena = a,
                            .path = path,
                            .rest = arena_str(a, str_of(path)),
                            .root = root,
                            .flags = flags,
                            .is_kept = true };
        r = path[0] == '/' ? go_to_root(w) : go_to(w, AT_FDCWD, ".", STR("."));
        while (r >= 0 && !str_is_made_of(w->rest, "/")) {
                (void) str_split(&w->rest, '/', &name);
                if (name.n > 0 && !str_is(name, "."))
                        r = step(w, arena_str(a, name));
        }

        return r;
}

int walk_replace(struct walk *w, struct arena *a, const char *path, mode_t mode, struct str text) {
        int r = walk_to(w, a, AT_FDCWD, path, WALK_MAKE);

        return r < 0 ? r : fs_replace(w->dir, w->name.p, mode, text);
}

/* The file that was read is the one at the end of the way, and not one that a link led to meanwhile. */
static bool is_at_end(const struct walk *w, const struct stat *file) {
        struct stat st;

        return fstatat(w->dir, w->name.p, &st, AT_SYMLINK_NOFOLLOW) >= 0 && st.st_dev == file->st_dev &&
               st.st_ino == file->st_ino;
}

int walk_read(struct arena *a, const char *path, size_t max, struct str *ret, struct str *ret_problem) {
        CLEANUP(walk_close) struct walk w = WALK_INIT;
        int walked = walk_to(&w, a, AT_FDCWD, path, WALK_LAST | WALK_FOLLOW), r;
        struct fs_file file;

        if (walked < 0 && str_is_absent(w.problem))
                return walked;
        r = fs_read_file(a, AT_FDCWD, path, max, &file);
        if (r < 0)
                return r;

        if (walked < 0 ? w.owner != 0 && file.stat.st_uid == w.owner : is_at_end(&w, &file.stat)) {
                *ret = file.text;
                return 0;
        }
        *ret_problem = walked < 0 ? w.problem
                                  : arena_printf(a, "'%s' was replaced while it was read; try again", path);
        return -ELOOP;
}
