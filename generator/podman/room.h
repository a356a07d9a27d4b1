/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The free space of a file system, and whether a pull has room. */

#include "base/arena.h"

struct room {
        unsigned space, files; /* percent that are free: bytes, inodes */
        uint64_t n_bytes, n_files;
};

/* Negative errno. `fd`: any file of the file system, also with O_PATH. */
int room_read(int fd, struct room *ret);

/* "/var: 4 % of the file system is free, 310 MiB", or the inodes, if fewer of these are free. */
struct str room_text(struct arena *a, struct str path, const struct room *room);

/* True if an image would probably fill it: few percent are free, and that is not much either. */
bool room_is_short(const struct room *room);

/* 0 if the directories that Podman uses for a pull have room, or if they are not known. -ENOSPC otherwise;
 * *ret_problem then names the directory, its free space and what to do. */
int room_check(struct arena *a, struct str *ret_problem);
