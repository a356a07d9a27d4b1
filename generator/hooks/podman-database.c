/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/podman-database.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "hooks/spawn.h"

enum { STORAGE_CONF_MAX = 1 << 20 };

/* The value of `graphroot = "/srv/containers"`; absent where the line says something else. */
static struct str graph_root_of(struct str line) {
        struct str value;

        line = str_trim(line);
        if (!str_has_prefix(line, STR("graphroot")))
                return (struct str) { 0 };

        value = str_trim(str_from(line, strlen("graphroot")));
        if (value.n == 0 || value.p[0] != '=')
                return (struct str) { 0 };

        value = str_trim(str_from(value, 1));
        if (value.n < 3 || (value.p[0] != '"' && value.p[0] != '\'') || value.p[1] != '/')
                return (struct str) { 0 };

        value = (struct str) { value.p + 1, str_find(str_from(value, 1), value.p[0]) };
        return value;
}

/* storage.conf(5): the administrator's file stands instead of the distribution's. */
static struct str find_graph_root(struct arena *a, const char *root) {
        static const char *const files[] = { "/etc/containers/storage.conf", "/usr/share/containers/storage.conf" };
        struct str text = { 0 }, line, found = STR("/var/lib/containers/storage");

        for (size_t i = 0; i < ARRAY_SIZE(files); i++)
                if (fs_read(a, AT_FDCWD, arena_join(a, str_of(root), str_of(files[i])).p, STORAGE_CONF_MAX, &text) >= 0)
                        break;

        while (str_split(&text, '\n', &line)) {
                struct str value = graph_root_of(line);

                if (!str_is_absent(value))
                        found = value;
        }

        return found;
}

/* Any command does, as long as it is about containers; this one changes nothing. */
static int make(struct arena *a) {
        struct str podman = spawn_find(a, "podman");
        const char *argv[] = { podman.p, "container", "exists", "pyservice", NULL };
        struct spawn_result result;

        return str_is_absent(podman) ? -ENOPKG : spawn_run(a, argv, &result);
}

static int open_database(struct arena *a, const struct podman_places *places, const char *path) {
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY), r;

        if (fd >= 0 || errno != ENOENT || places->root[0] != '\0')
                return fd >= 0 ? fd : -errno;

        r = make(a);
        if (r < 0)
                return r;

        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        return fd >= 0 ? fd : -errno;
}

int podman_database_protect(struct arena *a, const struct podman_places *places, struct str *ret_path) {
        struct str graph_root = places->home ? arena_join(a, str_of(places->home), STR("/.local/share/containers/storage"))
                                             : find_graph_root(a, places->root);
        struct str path = arena_join(a, str_of(places->root), graph_root, STR("/db.sql"));
        CLEANUP(close_fd) int fd = open_database(a, places, path.p);
        struct stat st;

        *ret_path = path;
        if (fd < 0)
                return fd == -ELOOP ? 1 : fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
                return 1;

        return (st.st_mode & 0077) != 0 && fchmod(fd, st.st_mode & 0700) < 0 ? -errno : 0;
}
