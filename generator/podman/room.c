/* SPDX-License-Identifier: Apache-2.0 */
#include "podman/room.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>

#include "base/fs.h"
#include "podman/podman.h"
#include "runtime/spawn.h"

enum { SHORT_PERCENT = 3, SHORT_FILES = 100000, FILES_MIN = 32 };
static const uint64_t short_bytes = 2ULL << 30;

static unsigned percent(uint64_t part, uint64_t whole) {
        return whole == 0 ? 100 : (unsigned) ((double) part * 100 / (double) whole);
}

int room_read(int root, struct str directory, struct room *ret) {
        const char *path = root == AT_FDCWD ? directory.p : directory.n > 1 ? directory.p + 1 : ".";
        CLEANUP(close_fd) int fd = openat(root, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct statvfs st;

        if (fd < 0 || fstatvfs(fd, &st) < 0)
                return -errno;

        *ret = (struct room){ percent(st.f_bavail, st.f_blocks), percent(st.f_favail, st.f_files),
                              (uint64_t) st.f_bavail * st.f_frsize,
                              st.f_files == 0 ? UINT64_MAX : st.f_favail };
        return 0;
}

struct str room_text(struct arena *a, struct str path, const struct room *room) {
        return room->space <= room->files
                       ? arena_printf(a, "%.*s: %u %% of the file system is free, %llu MiB", STR_ARG(path),
                                      room->space, (unsigned long long) room->n_bytes >> 20)
                       : arena_printf(a, "%.*s: %u %% of the file system's inodes are free", STR_ARG(path),
                                      room->files);
}

bool room_is_short(const struct room *room) {
        return (room->space < SHORT_PERCENT && room->n_bytes < short_bytes) ||
               (room->files < SHORT_PERCENT && room->n_files < SHORT_FILES);
}

int room_check(struct arena *a, const char *podman, struct str *ret_problem) {
        /* A pull writes the layers to the second directory first. */
        const char *const argv[] = { podman, "info", "--format",
                                     "{{.Store.GraphRoot}}\n{{.Store.ImageCopyTmpDir}}", NULL };
        struct spawn_result found;
        struct str path;

        if (!podman || spawn_as_root(a, argv, &found) < 0 || found.status != 0)
                return 0;

        while (str_split(&found.out, '\n', &path)) {
                struct room room;

                if (room_read(AT_FDCWD, arena_str(a, path), &room) < 0 || !room_is_short(&room))
                        continue;
                *ret_problem = arena_join(
                        a, STR("no image is pulled, because the disk is nearly full: "),
                        room_text(a, path, &room),
                        STR("; remove files there, or unused images: 'podman system df' shows what uses the "
                            "space, 'podman image prune' removes images without a tag"));
                return -ENOSPC;
        }
        return 0;
}

struct str room_storage(struct arena *a, int root) {
        struct str text = podman_storage_conf(a, root), line, path = STR("/var/lib/containers/storage");

        while (str_split(&text, '\n', &line)) {
                struct str value = str_from(line, str_find(line, '"'));

                if (!str_has_prefix(str_trim(line), STR("graphroot")) || value.n < 3 || value.p[1] != '/')
                        continue;
                value = str_from(value, 1);
                path = arena_str(a, (struct str){ value.p, str_find(value, '"') });
        }
        return path;
}

struct str room_find_full(struct arena *a, const struct world *w) {
        /* A rollout writes at least so much: a record of some lines, the units and servers of an application,
         * the directories of a container. */
        const struct {
                struct str directory;
                uint64_t bytes;
                const char *advice;
        } rows[] = {
                { w->places.state, 128 << 10, ROOM_STATE_ADVICE },
                { w->places.runtime, 1 << 20, ROOM_RUN_ADVICE },
                { w->places.is_user ? STR("") : room_storage(a, w->root), 4 << 20, ROOM_STORAGE_ADVICE },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct room room;

                if (rows[i].directory.n == 0 || room_read(w->root, rows[i].directory, &room) < 0)
                        continue;
                if (room.n_bytes < rows[i].bytes)
                        return arena_printf(a, "the disk with %s has %llu KiB free, and needs %llu KiB; %s",
                                            rows[i].directory.p, (unsigned long long) room.n_bytes >> 10,
                                            (unsigned long long) rows[i].bytes >> 10, rows[i].advice);
                if (room.n_files < FILES_MIN)
                        return arena_printf(a, "the disk with %s has %llu inodes free, and needs %d; %s",
                                            rows[i].directory.p, (unsigned long long) room.n_files, FILES_MIN,
                                            rows[i].advice);
        }

        return (struct str){ 0 };
}
