/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bundle/layout.h"
#include "output/unit.h"
#include "publish/parts.h"

/* All failed services of an application that is gone: their result is no longer of interest, so systemd
 * forgets it. */
#define GONE "gone.conf"

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

int link_make_parent(int dir, struct str name) {
        size_t slash = str_find(name, '/');
        struct path path;

        if (slash == name.n)
                return 0;

        name.n = slash;
        return mkdirat(dir, path_join(&path, name), 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static bool is_same_file(int a_dir, const char *a, int b_dir, const char *b) {
        struct stat x, y;

        return fstatat(a_dir, a, &x, 0) >= 0 && fstatat(b_dir, b, &y, 0) >= 0 && x.st_dev == y.st_dev &&
               x.st_ino == y.st_ino;
}

/* `unit`: "units/shop.target". 1 if another app has one of that name already. */
static int link_unit(const struct pass *pass, struct str app, struct str unit) {
        struct str name = str_from(unit, pass->prefix.n);
        struct path from, to, path;
        int r = link_make_parent(pass->p->output, name);

        if (r < 0)
                return r;

        r = link_file(pass->apps, path_join(&from, app, STR("/"), unit), pass->p->output,
                      path_join(&to, name),
                      path_join(&path, pass->p->runtime_path, STR("/" LAYOUT_APPS "/"), app, STR("/"), unit));
        if (r == -EEXIST)
                return !is_same_file(pass->apps, from.text, pass->p->output, to.text);
        return r;
}

/* After the drop-ins of the unit itself, so that it counts. */
static int link_gone(const struct pass *pass, struct str unit) {
        struct str name = arena_join(pass->p->arena, str_from(unit, pass->prefix.n), STR(".d/90-" GONE));
        struct path path;
        int r = link_make_parent(pass->p->output, name);

        if (r >= 0)
                r = link_file(pass->p->runtime, GONE, pass->p->output, name.p,
                              path_join(&path, pass->p->runtime_path, STR("/" GONE)));
        return r == -EEXIST ? 0 : r;
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
                if (r == 0 && !l->is_alive && str_has_suffix(*unit, STR(".service")))
                        r = link_gone(pass, *unit);
                if (r > 0)
                        taken = *unit;
                if (r < 0 && error == 0)
                        error = r;
        }

        return error;
}

static int write_gone(const struct publisher *p) {
        struct unit *u = unit_new(p->arena);

        if (faccessat(p->runtime, GONE, F_OK, 0) >= 0)
                return 0;

        unit_put_const(u, UNIT_COLLECT_MODE, "inactive-or-failed");
        return fs_replace(p->runtime, GONE, 0644, unit_text(u));
}

static bool has_gone(const struct linkables *l) {
        VEC_EACH(app, &l->list)
                if (!app->is_alive)
                        return true;

        return false;
}

int link_units(const struct publisher *p, int apps, const struct linkables *l) {
        static const struct {
                struct str prefix;
                bool is_alive;
        } order[] = {
                { STR_INIT(LAYOUT_UNITS "/"), true },
                { STR_INIT(LAYOUT_RETIRED "/"), true },
                { STR_INIT(LAYOUT_UNITS "/"), false },
                { STR_INIT(LAYOUT_RETIRED "/"), false },
        };
        int error = has_gone(l) ? write_gone(p) : 0;

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
