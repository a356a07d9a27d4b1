/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Files, always relative to a directory that is open. All return 0 (or a descriptor) and negative errno. */

#include <sys/stat.h>

#include "base/arena.h"
#include "base/vec.h"

/* For CLEANUP: closes what is not -1; closes what is not NULL. */
void close_fd(int *fd);

/* openat2(2) with its RESOLVE_ flags. A descriptor, or negative errno. */
int fs_open_resolved(int dir, const char *path, int flags, uint64_t resolve);

/* A directory, O_PATH not set, so that it can be read and synced. `name` may be absolute. */
int fs_open_dir(int dir, const char *name);

struct fs_file {
        struct str text;
        struct stat stat;
};

/* The whole of a regular file, at most `max` bytes, in the arena. -EFBIG if it is larger, -EISDIR and
 * -ENOTSUP if it is not a regular file. */
int fs_read_file(struct arena *a, int dir, const char *name, size_t max, struct fs_file *ret);

/* Its text alone. */
int fs_read(struct arena *a, int dir, const char *name, size_t max, struct str *ret);

/* Makes `name` (which must not be there) with exactly `mode` and these bytes. Programs set the umask to
 * 022. */
int fs_write(int dir, const char *name, mode_t mode, struct str text);

/* Replaces `name` by rename, so that no reader sees an incomplete file. */
int fs_replace(int dir, const char *name, mode_t mode, struct str text);

/* Like fs_replace() for a name in `dir` itself; after a loss of power the file is either the old or the new
 * one. */
int fs_replace_safely(int dir, const char *name, mode_t mode, struct str text);

/* Like fs_replace_safely(), with the owner and group of `as`; with those of this process if it is NULL. */
int fs_replace_as(int dir, const char *name, mode_t mode, const struct stat *as, struct str text);

/* Puts the directory `new` of `from` at `name` of `to`, a name without '/', on the same file system. The old
 * directory is then at `new`; without an error, `name` is there at all times, except on a file system that
 * cannot exchange names. */
int fs_swap(int from, const char *new, int to, const char *name);

/* Waits for the lock that the file `name` stands for; the file is made, and only its owner can open it. A
 * directory or a file that other users can open is not a lock: they could keep it for ever (flock(2)). A
 * descriptor to be closed, or negative errno. */
int fs_lock(int dir, const char *name);

/* Makes the kernel write a file or directory ("." for `dir` itself) to the disk. */
int fs_sync(int dir, const char *name);

/* Makes the directories of `path` that are missing, 0755; "a/b/c" with is_file makes a and a/b. */
int fs_make_dirs(int dir, const char *path, bool is_file);

/* Removes `name` and everything below it; a missing `name` is not an error. Follows no link, and keeps
 * everything that is mounted below it: a mount, also a bind mount of the same file system, is -EBUSY, and
 * files that were removed before stay removed. Call fs_find_mount() first if that matters. */
int fs_remove_tree(int dir, const char *name);

/* Looks for a mount point at `name` or below it. Returns 1 and its path, 0 if there is none, or negative
 * errno. */
int fs_find_mount(struct arena *a, int dir, const char *name, struct str *ret);

struct fs_names {
        VEC(struct str) list;
};

/* The names in directory `name` ("." for `dir` itself) but "." and "..", in byte order. */
int fs_list(struct arena *a, int dir, const char *name, struct fs_names *ret);
