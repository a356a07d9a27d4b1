/* SPDX-License-Identifier: Apache-2.0 */
#include "app/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"

enum { QUADLET_FILE_MAX = 64 * 1024, QUADLET_DEPTH_MAX = 3, HOST_NAME_SIZE = 256, ZONE_MAX = 64 * 1024 };

static int compare_units(const void *a, const void *b) {
        return str_cmp(*(const struct str *) a, *(const struct str *) b);
}

/* An unreadable directory that other programs share (for example, with a circle of links) must not stop the
 * generator; the other programs find nothing there either. */
static int list(struct world *w, struct str directory, struct fs_names *ret) {
        int r = fs_list(w->arena, w->root, directory.p + 1, ret);

        return r == -ENOENT || r == -ENOTDIR || r == -EACCES || r == -ELOOP || r == -ENAMETOOLONG ? 0 : r;
}

static int list_units(struct world *w, struct str directory) {
        struct fs_names names = { 0 };
        int r = list(w, directory, &names);

        if (r < 0)
                return r;

        VEC_EACH(name, &names.list)
                *vec_push(w->arena, &w->units) = *name;
        return 0;
}

/* The last "KEY=" of a file in the way of desktop entries; absent if there is none. Enough for the two keys
 * that name things: neither is ever continued or quoted. */
static struct str find_key(struct str text, struct str key) {
        struct str rest = text, line, found = { NULL, 0 };

        while (str_split(&rest, '\n', &line)) {
                line = str_trim(line);
                if (!str_has_prefix(line, key))
                        continue;

                line = str_trim(str_from(line, key.n));
                if (line.n > 0 && line.p[0] == '=')
                        found = str_trim(str_from(line, 1));
        }

        return found.n > 0 ? found : (struct str){ NULL, 0 };
}

/* The unit that Quadlet makes of one kind of file: podman-systemd.unit(5). */
struct quadlet_kind {
        const char *suffix, *name_key, *unit_suffix;
};

static const struct quadlet_kind quadlet_kinds[] = {
        { ".network", "NetworkName", "-network.service" },
        { ".volume", "VolumeName", "-volume.service" },
};

/* The default names of its units, without ServiceName=. */
static const struct {
        const char *suffix, *unit_suffix;
} quadlet_units[] = {
        { ".container", ".service" },     { ".kube", ".service" },        { ".pod", "-pod.service" },
        { ".image", "-image.service" },   { ".build", "-build.service" }, { ".network", "-network.service" },
        { ".volume", "-volume.service" },
};

/* Each "Subnet=" of a network. */
static void add_subnets(struct world *w, struct str text, struct quadlet_object *object) {
        struct str rest = text, line, key;

        while (str_split(&rest, '\n', &line)) {
                if (!str_split(&line, '=', &key) || !str_is(str_trim(key), "Subnet") || str_is_absent(line))
                        continue;

                line = str_trim(line);
                if (line.n > 0 && type_accepts(KIND_IP_PREFIX, line))
                        *vec_push(w->arena, &object->subnets) =
                                (struct ip_prefix){ arena_str(w->arena, line), NOWHERE };
        }
}

static void add_object(struct world *w, struct str directory, struct str file,
                       const struct quadlet_kind *kind) {
        struct str path = arena_join(w->arena, str_from(directory, 1), STR("/"), file), text, name, unit;
        struct str stem = { file.p, file.n - strlen(kind->suffix) };

        if (fs_read(w->arena, w->root, path.p, QUADLET_FILE_MAX, &text) < 0)
                return; /* Quadlet reports it */

        name = find_key(text, str_of(kind->name_key));
        if (str_is_absent(name))
                name = arena_join(w->arena, STR("systemd-"), stem);
        unit = find_key(text, STR("ServiceName"));
        unit = str_is_absent(unit) ? arena_join(w->arena, stem, str_of(kind->unit_suffix))
                                   : arena_join(w->arena, unit, STR(".service"));

        /* It goes into our units, so it is held to what a definition may name. */
        if (type_accepts(KIND_NETWORK_REF, name) && type_accepts(KIND_UNIT_NAME, unit)) {
                struct quadlet_object *object = vec_push(w->arena, &w->quadlets);

                *object = (struct quadlet_object){ arena_str(w->arena, file),
                                                   { arena_str(w->arena, name), NOWHERE },
                                                   { unit, NOWHERE } };
                add_subnets(w, text, object);
        }
}

static void add_quadlet(struct world *w, struct str directory, struct str file) {
        for (size_t i = 0; i < ARRAY_SIZE(quadlet_kinds); i++)
                if (str_has_suffix(file, str_of(quadlet_kinds[i].suffix)))
                        add_object(w, directory, file, &quadlet_kinds[i]);

        for (size_t i = 0; i < ARRAY_SIZE(quadlet_units); i++) {
                struct str suffix = str_of(quadlet_units[i].suffix);

                if (str_has_suffix(file, suffix))
                        *vec_push(w->arena, &w->units) =
                                arena_join(w->arena, (struct str){ file.p, file.n - suffix.n },
                                           str_of(quadlet_units[i].unit_suffix));
        }
}

static int list_quadlets(struct world *w, struct str directory, unsigned depth) {
        struct fs_names names = { 0 };
        int r = list(w, directory, &names);

        if (r < 0)
                return r;

        VEC_EACH(name, &names.list) {
                if (str_find(*name, '.') < name->n)
                        add_quadlet(w, directory, *name);
                else if (depth < QUADLET_DEPTH_MAX)
                        r = list_quadlets(w, arena_join(w->arena, directory, STR("/"), *name), depth + 1);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ConditionHost= takes a machine's ID as well, in both ways to write one. */
static bool is_id(struct str text) {
        size_t digits = 0;

        for (size_t i = 0; i < text.n; i++)
                digits += text.p[i] != '-';

        return digits == 32 && str_is_made_of(text, "0123456789abcdefABCDEF-");
}

/* `id`: without dashes, as in machine-id(5). */
static bool is_same_id(struct str host, struct str id) {
        size_t n = 0;

        for (size_t i = 0; i < host.n; i++)
                if (host.p[i] != '-' && strncasecmp(host.p + i, id.p + n++, 1) != 0)
                        return false;

        return true;
}

/* Without /etc/hostname the machine has its default name, "localhost" mostly, until the network brings
 * another; systemd-hostnamed and systemd itself mark that by a file. */
static bool has_settled(const struct world *w, struct str name) {
        return faccessat(w->root, "etc/hostname", F_OK, 0) >= 0 ||
               (!str_is(name, "localhost") &&
                faccessat(w->root, "run/systemd/default-hostname", F_OK, 0) < 0);
}

/* The kernel's, as for ConditionHost=. */
static void read_host_name(struct world *w) {
        CLEANUP(close_fd) int fd = openat(w->root, "proc/sys/kernel/hostname", O_RDONLY | O_CLOEXEC);
        char text[HOST_NAME_SIZE];
        ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));
        struct str name = { text, n > 0 ? str_find((struct str){ text, (size_t) n }, '\n') : 0 };

        if (name.n > 0 && has_settled(w, name))
                w->host_name = arena_str(w->arena, name);
}

static void read_machine_id(struct world *w) {
        struct str text, line;

        if (fs_read(w->arena, w->root, "etc/machine-id", HOST_NAME_SIZE, &text) >= 0 &&
            str_split(&text, '\n', &line) && is_id(line))
                w->machine_id = line;
}

int machine_read(struct world *w) {
        read_host_name(w);
        read_machine_id(w);
        for (size_t i = 0; i < ARRAY_SIZE(w->places.units) && !str_is_absent(w->places.units[i]); i++) {
                int r = list_units(w, w->places.units[i]);

                if (r < 0)
                        return r;
        }

        for (size_t i = 0; i < ARRAY_SIZE(w->places.quadlets) && !str_is_absent(w->places.quadlets[i]); i++) {
                int r = list_quadlets(w, w->places.quadlets[i], 0);

                if (r < 0)
                        return r;
        }

        if (w->units.n > 0)
                qsort(w->units.at, w->units.n, sizeof(struct str), compare_units);
        return 0;
}

static bool is_masked(const struct world *w, struct str unit) {
        for (size_t i = 0; i < ARRAY_SIZE(w->places.units) && !str_is_absent(w->places.units[i]); i++) {
                struct str path = arena_join(w->arena, str_from(w->places.units[i], 1), STR("/"), unit);
                char target[16];
                ssize_t n = readlinkat(w->root, path.p, target, sizeof(target));

                if (n >= 0 && str_eq((struct str){ target, (size_t) n }, STR("/dev/null")))
                        return true;
        }

        return false;
}

bool machine_has_unit(const struct world *w, struct str unit) {
        if (w->units.n == 0 || !bsearch(&unit, w->units.at, w->units.n, sizeof(struct str), compare_units))
                return false;

        return !is_masked(w, unit);
}

bool machine_has_zone(const struct world *w, struct str zone) {
        struct str path = arena_join(w->arena, STR("usr/share/zoneinfo/"), zone), text;

        if (str_find(zone, '.') == zone.n && fs_read(w->arena, w->root, path.p, ZONE_MAX, &text) >= 0)
                return str_has_prefix(text, STR("TZif"));

        tzset();
        return str_is(zone, tzname[0]) || str_is(zone, tzname[1]);
}

/* linux/magic.h has these two since Linux 5.17 only. */
#define CIFS_MAGIC 0xff534d42
#define SMB2_MAGIC 0xfe534d42

/* Those that hold a container's data. Since Linux 6.12 a FUSE file system can allow it; next to none does. */
static const struct {
        const char *type, *name;
        unsigned magic;
} fixed_owners[] = {
        { "nfs", "NFS", NFS_SUPER_MAGIC },
        { "nfs4", "NFS", NFS_SUPER_MAGIC },
        { "cifs", "SMB", CIFS_MAGIC },
        { "smb3", "SMB", SMB2_MAGIC },
        { "fuse", "FUSE", FUSE_SUPER_MAGIC },
        { "9p", "9P", V9FS_MAGIC },
        { "overlay", "an overlay", OVERLAYFS_SUPER_MAGIC },
};

const char *machine_owners_fixed_by(struct str type) {
        struct str family = { type.p, str_find(type, '.') }; /* fuse.sshfs */

        for (size_t i = 0; i < ARRAY_SIZE(fixed_owners); i++)
                if (str_is(family, fixed_owners[i].type))
                        return fixed_owners[i].name;

        return NULL;
}

const char *machine_owners_fixed_at(const struct world *w, struct str path) {
        bool is_absolute = path.n > 1 && path.p[0] == '/';
        CLEANUP(close_fd)
        int fd = is_absolute ? openat(w->root, arena_str(w->arena, path).p + 1, O_PATH | O_CLOEXEC) : -1;
        struct statfs fs;

        if (fd < 0 || fstatfs(fd, &fs) < 0)
                return NULL;

        for (size_t i = 0; i < ARRAY_SIZE(fixed_owners); i++)
                if ((unsigned) fs.f_type == fixed_owners[i].magic)
                        return fixed_owners[i].name;

        return NULL;
}

const struct quadlet_object *machine_quadlet(const struct world *w, struct str file) {
        VEC_EACH(object, &w->quadlets)
                if (str_eq(object->file, file))
                        return object;

        return NULL;
}

/* True also if one of them is not known: ConditionHost= then decides when the part starts. */
static bool is_machine(const struct world *w, struct str host) {
        if (is_id(host))
                return w->machine_id.n == 0 || is_same_id(host, w->machine_id);

        return w->host_name.n == 0 || fnmatch(arena_str(w->arena, host).p, w->host_name.p, FNM_CASEFOLD) == 0;
}

bool machine_is_among(const struct world *w, const struct host_glob *hosts, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (is_machine(w, hosts[i].text))
                        return true;

        return n == 0;
}
