/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/stamp.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/hash.h"
#include "bundle/layout.h"

enum { STAMP_FILE_MAX = 4 << 20 };

/* In every stamp: to be counted up when a bundle of an older pyservice must be made again. */
#define LAYOUT "4"

static const struct {
        struct str suffix, unit_suffix;
} conversions[] = {
        { STR_INIT(".container"), STR_INIT(".service") },
        { STR_INIT(".image"), STR_INIT("-image.service") },
        { STR_INIT(".network"), STR_INIT("-network.service") },
        { STR_INIT(".volume"), STR_INIT("-volume.service") },
        { STR_INIT(".build"), STR_INIT("-build.service") },
};

struct str stamp_unit_of(struct arena *a, struct str quadlet_file) {
        for (size_t i = 0; i < ARRAY_SIZE(conversions); i++) {
                struct str suffix = conversions[i].suffix, stem = quadlet_file;

                if (!str_has_suffix(quadlet_file, suffix))
                        continue;
                stem.n -= suffix.n;
                return arena_join(a, stem, conversions[i].unit_suffix);
        }

        return (struct str){ 0 };
}

static int compare(const void *a, const void *b) {
        return str_cmp(*(const struct str *) a, *(const struct str *) b);
}

void stamp_sort(struct stamp *s) {
        if (s->units.n > 1)
                qsort(s->units.at, s->units.n, sizeof(struct str), compare);
}

bool stamp_has_unit(const struct stamp *s, struct str unit) {
        return s->units.n > 0 && bsearch(&unit, s->units.at, s->units.n, sizeof(struct str), compare);
}

int stamp_identify(struct arena *a, const char *program, struct str *ret) {
        struct stat st;

        if (stat(program, &st) < 0)
                return -errno;

        *ret = arena_printf(a, LAYOUT ":%ju:%ju:%jd:%jd.%09ld", (uintmax_t) st.st_dev, (uintmax_t) st.st_ino,
                            (intmax_t) st.st_size, (intmax_t) st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
        return 0;
}

struct str stamp_hash(const struct tree *t, struct str prefix, struct str identity) {
        return arena_join(t->arena, tree_hash(t, prefix), STR(" "), identity);
}

/* `revision` too: once the file says again what is accepted, what failed is over (rollout/keep.c). */
static struct str scale_hash(const struct tree *t) {
        struct hash_state *h = hash_start(t->arena);

        VEC_EACH(file, &t->files) {
                if (file->kind != TREE_SCALE && !str_is(file->path, LAYOUT_REVISION))
                        continue;
                hash_add(h, file->path);
                hash_add(h, file->text);
        }

        return hash_text(t->arena, h);
}

void stamp_make(const struct tree *t, struct str identity, struct stamp *ret) {
        struct str haproxy = STR(LAYOUT_HAPROXY "/"), nginx = STR(LAYOUT_NGINX "/"),
                   units = STR(LAYOUT_UNITS "/");
        struct stamp s = { .haproxy = STR("-"), .nginx = STR("-"), .scale = scale_hash(t) };
        struct str name;

        s.tree = stamp_hash(t, STR(""), identity);
        s.quadlet = stamp_hash(t, STR(LAYOUT_QUADLET "/"), identity);

        VEC_EACH(file, &t->files) {
                if (str_has_prefix(file->path, units))
                        *vec_push(t->arena, &s.units) = file->path;
                if (str_has_prefix(file->path, haproxy) && str_is(s.haproxy, "-"))
                        s.haproxy = tree_hash(t, haproxy);
                if (str_has_prefix(file->path, nginx) && str_is(s.nginx, "-"))
                        s.nginx = tree_hash(t, nginx);
                if (layout_is_quadlet(file->path, &name)) {
                        struct str unit = stamp_unit_of(t->arena, name);

                        if (unit.n > 0)
                                *vec_push(t->arena, &s.units) = arena_join(t->arena, units, unit);
                }
        }

        stamp_sort(&s);
        *ret = s;
}

struct str stamp_text(struct arena *a, const struct stamp *s) {
        const struct str lines[] = { s->tree, s->quadlet, s->haproxy, s->nginx, s->scale };
        struct buf text = buf_in(a);

        for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
                buf_put_str(&text, lines[i]);
                buf_put_char(&text, '\n');
        }
        VEC_EACH(unit, &s->units) {
                buf_put_str(&text, *unit);
                buf_put_char(&text, '\n');
        }

        return buf_str(&text);
}

int stamp_read(struct arena *a, int apps, struct name app, struct stamp *ret) {
        struct str path = arena_join(a, app.text, STR("/" LAYOUT_STAMP)), rest, line;
        struct stamp s = { 0 };
        int r = fs_read(a, apps, path.p, STAMP_FILE_MAX, &rest);

        if (r < 0 && r != -ENOENT && r != -ENOTDIR)
                return r;

        *ret = (struct stamp){ 0 };
        if (r < 0 || !str_split(&rest, '\n', &s.tree) || !str_split(&rest, '\n', &s.quadlet) ||
            !str_split(&rest, '\n', &s.haproxy) || !str_split(&rest, '\n', &s.nginx) ||
            !str_split(&rest, '\n', &s.scale) || str_is_absent(rest))
                return 0;

        while (str_split(&rest, '\n', &line))
                if (str_has_prefix(line, STR(LAYOUT_UNITS "/")) ||
                    str_has_prefix(line, STR(LAYOUT_RETIRED "/")))
                        *vec_push(a, &s.units) = line;

        *ret = s;
        return 0;
}
