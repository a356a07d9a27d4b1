/* SPDX-License-Identifier: Apache-2.0 */
#include "podman/room.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>

#include "base/fs.h"
#include "podman/podman.h"

enum { SHORT_PERCENT = 3, SHORT_FILES = 100000 };
static const uint64_t short_bytes = 2ULL << 30;

static unsigned percent(uint64_t part, uint64_t whole) {
        return whole == 0 ? 100 : (unsigned) ((double) part * 100 / (double) whole);
}

int room_read(int fd, struct room *ret) {
        struct statvfs st;

        if (fstatvfs(fd, &st) < 0)
                return -errno;

        *ret = (struct room){ percent(st.f_bavail, st.f_blocks), percent(st.f_favail, st.f_files),
                              (uint64_t) st.f_bavail * st.f_frsize, st.f_favail };
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

int room_check(struct arena *a, struct str *ret_problem) {
        struct str rest, path, problem;
        /* A pull writes the layers to the second directory first. */
        int r = podman_run(a,
                           (const char *[]){ NULL, "info", "--format",
                                             "{{.Store.GraphRoot}}\n{{.Store.ImageCopyTmpDir}}", NULL },
                           &rest, &problem);

        while (r >= 0 && str_split(&rest, '\n', &path)) {
                CLEANUP(close_fd) int fd = open(arena_str(a, path).p, O_PATH | O_DIRECTORY | O_CLOEXEC);
                struct room room;

                if (fd < 0 || room_read(fd, &room) < 0 || !room_is_short(&room))
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
