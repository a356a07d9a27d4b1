/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "bundle/layout.h"
#include "publish/parts.h"

#define STAGING LAYOUT_STAGING
#define UNITS STR(LAYOUT_UNITS "/")

void publishing_fail(struct publishing *pub, struct job *job, int error) {
        if (pub->error == 0)
                pub->error = error;
        if (job)
                job->is_given_up = true;
}

static int make_dir(int dir, const char *name) {
        return mkdirat(dir, name, 0755) < 0 ? -errno : 0;
}

/* A run that was killed may have left a Quadlet that still writes: then a directory is not empty when its
 * turn comes. */
static int remove_leftovers(const struct publisher *p) {
        int r = -ENOTEMPTY;

        for (unsigned i = 0; i < 3 && r == -ENOTEMPTY; i++)
                r = fs_remove_tree(p->runtime, STAGING);

        return r;
}

int stage_open(struct publishing *pub) {
        char link[32], path[PATH_MAX];
        ssize_t n;
        int r = remove_leftovers(pub->p);

        if (r >= 0)
                r = make_dir(pub->p->runtime, STAGING);
        if (r >= 0)
                r = pub->staging = fs_open_dir(pub->p->runtime, STAGING);
        if (r < 0)
                return r;

        /* Not runtime_path: with --root the directory lies elsewhere. */
        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", pub->staging);
        n = readlink(link, path, sizeof(path));
        if (n < 0 || n == sizeof(path) || path[0] != '/')
                pub->staging_path = arena_join(pub->p->arena, pub->p->runtime_path, STR("/" STAGING));
        else
                pub->staging_path = arena_str(pub->p->arena, (struct str){ path, (size_t) n });
        return 0;
}

/* `last_dir`: the directory of the file before it, which is there. Sorted files make few of them. */
static int write_file(int dir, const struct tree_file *file, struct str *last_dir) {
        struct path path;
        const char *name = path_join(&path, file->path), *slash = strrchr(name, '/');
        struct str parent = { file->path.p, slash ? (size_t) (slash - name) : 0 };
        struct path target;
        int r;

        if (!str_eq(parent, *last_dir)) {
                r = fs_make_dirs(dir, name, true);
                if (r < 0)
                        return r;
                *last_dir = parent;
        }

        if (str_is_absent(file->link))
                return fs_write(dir, name, tree_mode(file), file->text);

        return symlinkat(path_join(&target, file->link), dir, name) < 0 ? -errno : 0;
}

static int write_files(struct publishing *pub, const struct job *job, bool are_quadlet) {
        CLEANUP(close_fd) int dir = -1;
        struct str last_dir = STR("");
        struct path path;
        int r;

        dir = fs_open_dir(pub->staging, path_join(&path, job->bundle->app.text));
        if (dir < 0)
                return dir;

        VEC_EACH(file, &job->bundle->tree.files) {
                struct str name;

                if (layout_is_quadlet(file->path, &name) != are_quadlet)
                        continue;

                r = write_file(dir, file, &last_dir);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* The units that Quadlet made of the same files. -ENOENT where one of them is gone. */
static int take_over(struct publishing *pub, const struct job *job) {
        VEC_EACH(file, &job->bundle->tree.files) {
                struct str name, unit;
                struct path path;

                if (!layout_is_quadlet(file->path, &name))
                        continue;

                unit = stamp_unit_of(pub->p->arena, name);
                (void) path_join(&path, job->bundle->app.text, STR("/"), UNITS, unit);
                if (linkat(pub->apps, path.text, pub->staging, path.text, 0) < 0)
                        return -errno;
        }

        return 0;
}

void stage_close(struct publishing *pub) {
        close_fd(&pub->staging);
        pub->staging = -1;
        (void) fs_remove_tree(pub->p->runtime, STAGING);
}

int stage_quadlet(struct publishing *pub, struct job *job) {
        struct path path;
        int r = make_dir(pub->staging, path_join(&path, job->bundle->app.text));

        if (r >= 0)
                r = make_dir(pub->staging, path_join(&path, job->bundle->app.text, STR("/" LAYOUT_UNITS)));
        if (r >= 0)
                r = write_files(pub, job, true);
        if (r < 0 || job->needs_quadlet)
                return r;

        r = take_over(pub, job);
        if (r == -ENOENT)
                job->needs_quadlet = true;
        return r == -ENOENT ? 0 : r;
}

int stage_rest(struct publishing *pub, struct job *job) {
        return write_files(pub, job, false);
}

/* The unit that a drop-in belongs to: "shop@3.service.d/a.conf" gives "units/shop@.service" when
 * `is_template`. */
static struct str owner_of(struct path *path, struct str prefix, struct str drop_in, bool is_template) {
        struct str unit = { drop_in.p, str_find(drop_in, '/') };
        size_t at = str_find(unit, '@');
        const char *text;

        if (str_has_suffix(unit, STR(".d")))
                unit.n -= 2;
        if (is_template && at < unit.n) {
                const char *dot = memrchr(unit.p, '.', unit.n);
                struct str suffix = dot ? str_from(unit, (size_t) (dot - unit.p)) : STR("");

                text = path_join(path, prefix, (struct str){ unit.p, at + 1 }, suffix);
        } else
                text = path_join(path, prefix, unit);

        return str_of(text);
}

static bool has_owner(const struct stamp *s, struct str prefix, struct str drop_in) {
        struct path path;

        return stamp_has_unit(s, owner_of(&path, prefix, drop_in, false)) ||
               stamp_has_unit(s, owner_of(&path, prefix, drop_in, true));
}

/* A unit that no longer exists is kept, and so are its drop-ins; but not a drop-in of a unit that is still
 * there, because it would still count. Nor is an instance with a file of its own (the spare, UNIT@next) when
 * its template is there, which it then is an instance of. */
static bool is_retired(const struct stamp *old, const struct stamp *now, struct str name) {
        if (str_find(name, '/') == name.n)
                return !has_owner(now, UNITS, name);

        return !has_owner(now, UNITS, name) &&
               (has_owner(old, UNITS, name) || has_owner(old, STR(LAYOUT_RETIRED "/"), name));
}

static int retire(struct publishing *pub, struct job *job, struct str unit, struct str name) {
        struct arena *a = pub->p->arena;
        struct str app = job->bundle->app.text, kept = arena_join(a, STR(LAYOUT_RETIRED "/"), name);
        struct path from, to;
        int r = fs_make_dirs(pub->staging, path_join(&to, app, STR("/"), kept), true);

        if (r < 0)
                return r;

        if (linkat(pub->apps, path_join(&from, app, STR("/"), unit), pub->staging, to.text, 0) < 0) {
                /* One that came back and went again is there from its last life. */
                if (errno == EEXIST || errno == ENOENT)
                        return 0;
                return -errno;
        }

        *vec_push(a, &job->now.units) = kept;
        return 0;
}

int stage_retired(struct publishing *pub, struct job *job) {
        struct stamp now = job->now;
        int r = 0;

        /* From the end: "units/x" before "retired/x", which is older. */
        for (size_t i = job->old.units.n; i > 0 && r >= 0; i--) {
                struct str unit = job->old.units.at[i - 1], name = str_from(unit, str_find(unit, '/') + 1);

                if (is_retired(&job->old, &now, name))
                        r = retire(pub, job, unit, name);
        }

        if (job->now.units.n > now.units.n)
                stamp_sort(&job->now);
        return r;
}

/* Before they are published: a mark too many does no harm, one too few does. */
int stage_keep(struct publishing *pub, struct job *job) {
        if (!job->bundle->is_accepted || str_eq(job->old.scale, job->now.scale))
                return 0;

        return bundle_mark_unkept(pub->p, job->bundle->app.text);
}

int stage_publish(struct publishing *pub, struct job *job) {
        struct path path;
        struct str app = job->bundle->app.text;
        const char *name = path_join(&path, app, STR("/" LAYOUT_STAMP));
        int r = fs_write(pub->staging, name, 0644, stamp_text(pub->p->arena, &job->now));

        if (r < 0)
                return r;

        /* The old one is removed with the staging directory. */
        name = path_join(&path, app);
        return fs_swap(pub->staging, name, pub->apps, name);
}
