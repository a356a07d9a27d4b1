/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/path.h"

void close_fd(int *fd) {
        if (*fd >= 0)
                (void) close(*fd);
}

static void close_dir(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

static void close_file(FILE **f) {
        if (*f)
                (void) fclose(*f);
}

static void free_text(char **p) {
        free(*p);
}

int fs_open_resolved(int dir, const char *path, int flags, uint64_t resolve) {
        const struct open_how how = { .flags = (unsigned) flags | O_CLOEXEC, .resolve = resolve };
        int fd = (int) syscall(SYS_openat2, dir, path, &how, sizeof(how));

        return fd < 0 ? -errno : fd;
}

int fs_open_dir(int dir, const char *name) {
        int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

static int read_all(int fd, char *p, size_t size, size_t *ret_n) {
        size_t at = 0;

        while (at < size) {
                ssize_t n = read(fd, p + at, size - at);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                at += (size_t) n;
        }

        *ret_n = at;
        return 0;
}

int fs_read_file(struct arena *a, int dir, const char *name, size_t max, struct fs_file *ret) {
        /* O_NONBLOCK so that a FIFO does not hold up the boot. */
        CLEANUP(close_fd) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat st;
        size_t n = 0;
        char *p;
        int r;

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return S_ISDIR(st.st_mode) ? -EISDIR : -ENOTSUP;
        if ((uint64_t) st.st_size > max)
                return -EFBIG;

        /* One byte more than it should have, to notice that it grew. */
        p = arena_alloc(a, (size_t) st.st_size + 2, 1);
        r = read_all(fd, p, (size_t) st.st_size + 1, &n);
        if (r < 0)
                return r;
        if (n > max)
                return -EFBIG;

        p[n] = '\0';
        *ret = (struct fs_file){ { p, n }, st };
        return 0;
}

int fs_read(struct arena *a, int dir, const char *name, size_t max, struct str *ret) {
        struct fs_file file;
        int r = fs_read_file(a, dir, name, max, &file);

        if (r >= 0)
                *ret = file.text;
        return r;
}

static int write_all(int fd, struct str text) {
        while (text.n > 0) {
                ssize_t n = write(fd, text.p, text.n);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                text = str_from(text, (size_t) n);
        }

        return 0;
}

int fs_write(int dir, const char *name, mode_t mode, struct str text) {
        CLEANUP(close_fd)
        int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        int r;

        if (fd < 0)
                return -errno;

        r = write_all(fd, text);
        if (r < 0)
                return r;

        /* The umask of our programs is 022. */
        return (mode & 022) != 0 && fchmod(fd, mode) < 0 ? -errno : 0;
}

int fs_replace(int dir, const char *name, mode_t mode, struct str text) {
        char temporary[NAME_MAX + 1];
        const char *slash = strrchr(name, '/');
        int prefix = slash ? (int) (slash - name) + 1 : 0;
        int n = snprintf(temporary, sizeof(temporary), "%.*s.%s.new", prefix, name, name + prefix);
        int r;

        if (n < 0 || (size_t) n >= sizeof(temporary))
                return -ENAMETOOLONG;

        if (unlinkat(dir, temporary, 0) < 0 && errno != ENOENT)
                return -errno;

        r = fs_write(dir, temporary, mode, text);
        if (r >= 0 && renameat(dir, temporary, dir, name) < 0)
                r = -errno;
        if (r < 0)
                (void) unlinkat(dir, temporary, 0);
        return r;
}

int fs_lock(int dir, const char *name) {
        int fd = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), r;

        if (fd < 0)
                return -errno;
        if (TEMP_FAILURE_RETRY(flock(fd, LOCK_EX)) >= 0)
                return fd;

        r = -errno;
        (void) close(fd);
        return r;
}

int fs_sync(int dir, const char *name) {
        CLEANUP(close_fd) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

        if (fd < 0)
                return -errno;

        return fsync(fd) < 0 ? -errno : 0;
}

static int take_owner(int dir, const char *name, const struct stat *as) {
        struct stat st;

        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (st.st_uid == as->st_uid && st.st_gid == as->st_gid)
                return 0;

        return fchownat(dir, name, as->st_uid, as->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

int fs_replace_as(int dir, const char *name, mode_t mode, const struct stat *as, struct str text) {
        char temporary[NAME_MAX + 1];
        int n = snprintf(temporary, sizeof(temporary), ".%s.new", name), r;

        if (n < 0 || (size_t) n >= sizeof(temporary))
                return -ENAMETOOLONG;

        if (unlinkat(dir, temporary, 0) < 0 && errno != ENOENT)
                return -errno;

        r = fs_write(dir, temporary, mode, text);
        if (r >= 0 && as)
                r = take_owner(dir, temporary, as);
        if (r >= 0)
                r = fs_sync(dir, temporary);
        if (r >= 0 && renameat(dir, temporary, dir, name) < 0)
                r = -errno;
        if (r < 0)
                (void) unlinkat(dir, temporary, 0);

        return r < 0 ? r : fs_sync(dir, ".");
}

int fs_replace_safely(int dir, const char *name, mode_t mode, struct str text) {
        return fs_replace_as(dir, name, mode, NULL, text);
}

static int swap_in_steps(int from, const char *new, int to, const char *name) {
        char aside[NAME_MAX + sizeof(".old-")];
        int r;

        (void) snprintf(aside, sizeof(aside), ".old-%s", name);
        if (renameat(to, name, from, aside) < 0)
                return -errno;
        if (renameat(from, new, to, name) < 0) {
                r = -errno;
                (void) renameat(from, aside, to, name);
                return r;
        }

        return renameat(from, aside, from, new) < 0 ? -errno : 0;
}

int fs_swap(int from, const char *new, int to, const char *name) {
        if (renameat2(from, new, to, name, RENAME_EXCHANGE) >= 0)
                return 0;
        if (errno == ENOENT)
                return renameat(from, new, to, name) < 0 ? -errno : 0;

        return errno == EINVAL || errno == ENOSYS ? swap_in_steps(from, new, to, name) : -errno;
}

int fs_make_dirs(int dir, const char *path, bool is_file) {
        char part[PATH_MAX];
        size_t n = strlen(path);

        if (n >= sizeof(part))
                return -ENAMETOOLONG;

        for (size_t i = 1; i <= n; i++) {
                if (path[i] != '/' && (path[i] != '\0' || is_file))
                        continue;

                memcpy(part, path, i);
                part[i] = '\0';
                if (mkdirat(dir, part, 0755) < 0 && errno != EEXIST)
                        return -errno;
        }

        return 0;
}

/* The number of the mount that a descriptor is on. A bind mount of the same file system has the same
 * st_dev, but never this (statx(2)). */
static int mount_of(int fd, uint64_t *ret) {
        struct statx st;

        if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0)
                return -errno;

        *ret = st.stx_mnt_id;
        return 0;
}

/* A directory of `dir` itself; -EBUSY if something is mounted there. */
static int open_below(int dir, const char *name) {
        int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r;
        uint64_t above, here;

        if (fd < 0)
                return -errno;
        r = mount_of(dir, &above);
        if (r >= 0)
                r = mount_of(fd, &here);
        if (r >= 0 && above == here)
                return fd;

        (void) close(fd);
        return r < 0 ? r : -EBUSY;
}

/* An open directory is needed for each level, and the owner of the tree decides how many levels there are:
 * directories deeper than this are moved to the top of the tree, and removed from there. */
enum { REMOVE_DEPTH = 32 };

struct removal {
        int top;
        unsigned n_moved;
};

/* Returns 0 or negative errno. */
static int move_to_top(struct removal *removal, int dir, const char *name) {
        for (;;) {
                char aside[32];

                (void) snprintf(aside, sizeof(aside), ".removing-%u", removal->n_moved++);
                if (renameat2(dir, name, removal->top, aside, RENAME_NOREPLACE) >= 0)
                        return 0;
                if (errno != EEXIST)
                        return -errno;
        }
}

static int remove_entry(struct removal *removal, int dir, const char *name, unsigned depth);

/* Returns how many entries there were (at most INT_MAX), or negative errno. */
static int remove_entries(struct removal *removal, int fd, unsigned depth) {
        CLEANUP(close_dir) DIR *d = fdopendir(fd);
        int n = 0;

        if (!d) {
                (void) close(fd);
                return -ENOMEM;
        }

        for (struct dirent *e; (e = readdir(d));) {
                int r;

                if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
                        continue;
                r = remove_entry(removal, dirfd(d), e->d_name, depth);
                if (r < 0)
                        return r;
                n += n < INT_MAX;
        }

        return n;
}

static int remove_entry(struct removal *removal, int dir, const char *name, unsigned depth) {
        int fd, r;

        if (unlinkat(dir, name, 0) >= 0 || errno == ENOENT)
                return 0;
        if (errno != EISDIR && errno != EPERM)
                return -errno;
        if (unlinkat(dir, name, AT_REMOVEDIR) >= 0)
                return 0;
        if (depth >= REMOVE_DEPTH)
                return move_to_top(removal, dir, name);

        fd = open_below(dir, name);
        if (fd < 0)
                return fd;
        r = remove_entries(removal, fd, depth + 1);
        if (r < 0)
                return r;

        return unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

/* proc_pid_mountinfo(5) writes blanks, line feeds and backslashes as three octal digits. */
static struct str decode_mount_point(struct arena *a, struct str field) {
        char *p = arena_array(a, field.n + 1, char);
        size_t n = 0;

        for (size_t i = 0; i < field.n; i++) {
                if (field.p[i] == '\\' && i + 3 < field.n) {
                        p[n++] = (char) ((field.p[i + 1] - '0') << 6 | (field.p[i + 2] - '0') << 3 |
                                         (field.p[i + 3] - '0'));
                        i += 3;
                } else
                        p[n++] = field.p[i];
        }
        p[n] = '\0';

        return (struct str){ p, n };
}

/* The fifth field of a line; absent if the line has fewer. */
static struct str mount_point_of(struct arena *a, struct str line) {
        struct str field = { 0 };

        for (size_t i = 0; i < 5; i++)
                if (!str_split(&line, ' ', &field))
                        return (struct str){ 0 };

        return decode_mount_point(a, field);
}

/* Returns 1 and the first mount point at `top` or below it, 0, or negative errno. */
static int find_mount_below(struct arena *a, struct str top, struct str *ret) {
        CLEANUP(close_file) FILE *mounts = fopen("/proc/self/mountinfo", "re");
        CLEANUP(free_text) char *line = NULL;
        size_t size = 0;

        if (!mounts)
                return -errno;
        while (getline(&line, &size, mounts) > 0) {
                struct str at = mount_point_of(a, str_of(line));

                if (path_is_within(at, top)) {
                        *ret = at;
                        return 1;
                }
        }

        return ferror(mounts) ? -EIO : 0;
}

int fs_find_mount(struct arena *a, int dir, const char *name, struct str *ret) {
        CLEANUP(close_fd) int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        char link[32], path[PATH_MAX];
        ssize_t n;

        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, path, sizeof(path));
        if (n < 0)
                return -errno;
        if (n == sizeof(path))
                return -ENAMETOOLONG;

        return find_mount_below(a, (struct str){ path, (size_t) n }, ret);
}

/* 0; -EBUSY if something is mounted at the directory itself. */
static int refuse_mount(int fd) {
        struct statx st;

        if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0)
                return -errno;

        return st.stx_attributes & STATX_ATTR_MOUNT_ROOT ? -EBUSY : 0;
}

int fs_remove_tree(int dir, const char *name) {
        CLEANUP(close_fd) int top = -1;
        struct removal removal;
        int r;

        if (unlinkat(dir, name, 0) >= 0 || errno == ENOENT)
                return 0;
        if (errno != EISDIR && errno != EPERM)
                return -errno;

        top = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (top < 0)
                return -errno;
        r = refuse_mount(top);
        if (r < 0)
                return r;
        removal = (struct removal){ .top = top };
        do {
                int fd = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

                r = fd < 0 ? -errno : remove_entries(&removal, fd, 0);
        } while (r > 0 && removal.n_moved > 0);
        if (r < 0)
                return r;

        return unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

static int compare_names(const void *a, const void *b) {
        return str_cmp(*(const struct str *) a, *(const struct str *) b);
}

int fs_list(struct arena *a, int dir, const char *name, struct fs_names *ret) {
        int fd = fs_open_dir(dir, name);
        CLEANUP(close_dir) DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
        struct fs_names names = { 0 };

        if (fd < 0)
                return fd;
        if (!d) {
                (void) close(fd);
                return -ENOMEM;
        }

        for (struct dirent *e; (e = readdir(d));)
                if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
                        *vec_push(a, &names.list) = arena_str(a, str_of(e->d_name));

        if (names.list.n > 0)
                qsort(names.list.at, names.list.n, sizeof(struct str), compare_names);
        *ret = names;
        return 0;
}
