/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The way to a path on which other users of the machine may write, for programs that run as root.
 *
 * A link is followed only if root (or the user of this process) owns it, and if no other user can replace it
 * or a directory before it, as with CHASE_SAFE of systemd's. Any other link on the way is refused, by its
 * name. */

#include <sys/stat.h>

#include "base/arena.h"

enum {
        WALK_MAKE = 1,   /* makes the directories that are missing, 0755 */
        WALK_ROOTS = 2,  /* refuses every directory that other users can write */
        WALK_LAST = 4,   /* the last part, too, must not be a link; else it is not checked */
        WALK_FOLLOW = 8, /* with WALK_LAST: the last part may be a link like any other */
};

struct walk {
        int dir;            /* the directory that the path is in (O_PATH), or -1 */
        struct str at;      /* its path; no part of it is a link */
        struct str name;    /* the last part of the path */
        int kept;           /* the nearest directory on the way that no other user can write, or -1 */
        struct str kept_at; /* its path */
        struct str problem; /* the path that was refused, and the reason; absent if nothing was refused */
        uid_t owner;        /* who chose where a refused link leads; 0 if more than one user may have */
        /* The rest is walk.c's. */
        struct arena *arena;
        const char *path;
        struct str rest;
        struct stat stat;
        int root;
        unsigned flags, links;
        bool is_kept;
};

#define WALK_INIT \
        { .dir = -1, .kept = -1 }

/* Goes to the directory that `path` is in; an absolute path or link begins at `root`. Returns 0, -ELOOP or
 * -EPERM with a problem, or another negative errno. To be closed in each case. */
int walk_to(struct walk *w, struct arena *a, int root, const char *path, unsigned flags);

/* Like fs_replace(), and makes the missing directories of `path`, an absolute one or one from the current
 * directory. */
int walk_replace(struct walk *w, struct arena *a, const char *path, mode_t mode, struct str text);

/* Reads a file like fs_read(). A link on the way that belongs to another user leads only to that user's own
 * files: -ELOOP with a problem if it leads to files of another user. */
int walk_read(struct arena *a, const char *path, size_t max, struct str *ret, struct str *ret_problem);

/* True if other users than root (or the user of this process) can create names in the directory. */
bool walk_is_shared(const struct stat *dir);

/* For CLEANUP. */
void walk_close(struct walk *w);
