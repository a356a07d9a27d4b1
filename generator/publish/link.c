/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "publish/parts.h"

/* Which of an app's units, and of which apps. */
struct pass {
        const struct publisher *p;
        int apps;
        struct str prefix;
};

int link_file(int from_dir, const char *from, int to_dir, const char *to, const char *path) {
        if (linkat(from_dir, from, to_dir, to, 0) >= 0)
                return 0;
        if (errno != EXDEV && errno != EMLINK && errno != EPERM)
                return -errno;

        return symlinkat(path, to_dir, to) < 0 ? -errno : 0;
}

static int make_parent(int dir, struct str name) {
        size_t slash = str_find(name, '/');
        struct path path;

        if (slash == name.n)
                return 0;

        name.n = slash;
        return mkdirat(dir, path_join(&path, name), 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static bool is_same_file(int a_dir, const char *a, int b_dir, const char *b) {
        struct stat x, y;

        return fstatat(a_dir, a, &x, 0) >= 0 && fstatat(b_dir, b, &y, 0) >= 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* `unit`: "units/shop.target". 1 where another app has one of that name already. */
static int link_unit(const struct pass *pass, struct str app, struct str unit) {
        struct str name = str_from(unit, pass->prefix.n);
        struct path from, to, path;
        int r = make_parent(pass->p->output, name);

        if (r < 0)
                return r;

        r = link_file(pass->apps, path_join(&from, app, STR("/"), unit), pass->p->output, path_join(&to, name),
                      path_join(&path, pass->p->runtime_path, STR("/apps/"), app, STR("/"), unit));
        if (r == -EEXIST)
                return !is_same_file(pass->apps, from.text, pass->p->output, to.text);
        return r;
}

static bool is_drop_in_of(struct str file, struct str unit) {
        return str_has_prefix(file, unit) && str_has_prefix(str_from(file, unit.n), STR(".d/"));
}

static int link_app(const struct pass *pass, const struct linkable *l) {
        struct str taken = STR("");
        int error = 0;

        VEC_EACH(unit, &l->stamp.units) {
                int r;

                /* In byte order they come behind their unit. */
                if (!str_has_prefix(*unit, pass->prefix) || is_drop_in_of(*unit, taken))
                        continue;

                r = link_unit(pass, l->app, *unit);
                if (r > 0)
                        taken = *unit;
                if (r < 0 && error == 0)
                        error = r;
        }

        return error;
}

int link_units(const struct publisher *p, int apps, const struct linkables *l) {
        static const struct {
                struct str prefix;
                bool is_alive;
        } order[] = {
                { STR_INIT("units/"), true },
                { STR_INIT("retired/"), true },
                { STR_INIT("units/"), false },
                { STR_INIT("retired/"), false },
        };
        int error = 0;

        for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
                struct pass pass = { p, apps, order[i].prefix };

                VEC_EACH(app, &l->list) {
                        int r = app->is_alive == order[i].is_alive ? link_app(&pass, app) : 0;

                        if (r < 0 && error == 0)
                                error = r;
                }
        }

        return error;
}
