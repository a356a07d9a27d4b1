/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The free space of the file systems that pulls and rollouts write to. */

#include "app/world.h"

/* How to find what uses the space. */
#define ROOM_STATE_ADVICE "rollouts need it: 'du -xh' shows what uses the space"
#define ROOM_STORAGE_ADVICE "podman image prune; 'podman system df' shows what uses the space"
#define ROOM_RUN_ADVICE "it is in memory: 'du -xh -d2 /run' shows what uses the space"

struct room {
        unsigned space, files;     /* percent that are free: bytes, inodes */
        uint64_t n_bytes, n_files; /* n_files: UINT64_MAX if the file system makes inodes as it needs them */
};

/* Looks at the file system of an absolute directory. `root`: a machine's root, or AT_FDCWD for this one.
 * Negative errno. */
int room_read(int root, struct str directory, struct room *ret);

/* "/var: 4 % of the file system is free, 310 MiB", or the inodes, if fewer of these are free. */
struct str room_text(struct arena *a, struct str path, const struct room *room);

/* True if an image would probably fill it: few percent are free, and that is not much either. */
bool room_is_short(const struct room *room);

/* 0 if the directories that Podman uses for a pull have room, or if they are not known. -ENOSPC otherwise;
 * *ret_problem then names the directory, its free space and what to do. `podman`: its program; NULL if there
 * is none. */
int room_check(struct arena *a, const char *podman, struct str *ret_problem);

/* Where root's Podman has its images and containers, as storage.conf has it. */
struct str room_storage(struct arena *a, int root);

/* The reason why a rollout could not write its files: the directory, its free space, and how to get more.
 * Absent if there is enough. An image that is to be pulled may need more. */
struct str room_find_full(struct arena *a, const struct world *w);
