/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/stamp.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/fs.h"
#include "base/hash.h"
#include "bundle/layout.h"
#include "bundle/rows.h"

enum { STAMP_FILE_MAX = 4 << 20 };

/* In every stamp: to be counted up when a bundle of an older pyservice must be made again. */
#define LAYOUT "6"

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

/* The record too, which has the scale; and `revision`: a failure is over once the file has the accepted
 * revision again (rollout/keep.c). */
static struct str scale_hash(const struct tree *t) {
        struct hash_state *h = hash_start(t->arena);

        VEC_EACH(file, &t->files) {
                if (file->kind != TREE_SCALE && !str_is(file->path, LAYOUT_REVISION) &&
                    !str_is(file->path, LAYOUT_RECORD))
                        continue;
                hash_add(h, file->path);
                hash_add(h, file->text);
        }

        return hash_text(t->arena, h);
}

void stamp_make(const struct tree *t, struct str identity, struct stamp *ret) {
        struct str haproxy = STR(LAYOUT_HAPROXY "/"), nginx = STR(LAYOUT_NGINX "/"),
                   units = STR(LAYOUT_UNITS "/");
        struct stamp s = { .scale = scale_hash(t) };
        struct str name;

        s.tree = stamp_hash(t, STR(""), identity);
        s.quadlet = stamp_hash(t, STR(LAYOUT_QUADLET "/"), identity);

        VEC_EACH(file, &t->files) {
                if (str_has_prefix(file->path, units))
                        *vec_push(t->arena, &s.units) = file->path;
                if (str_has_prefix(file->path, haproxy) && str_is_absent(s.haproxy))
                        s.haproxy = tree_hash(t, haproxy);
                if (str_has_prefix(file->path, nginx) && str_is_absent(s.nginx))
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

static const struct row_kind kinds[] = {
        ROW_ONCE("hashes", ROW_FIELD(ROW_NAME, struct stamp, tree),
                 ROW_FIELD(ROW_NAME, struct stamp, quadlet), ROW_FIELD(ROW_TEXT, struct stamp, haproxy),
                 ROW_FIELD(ROW_TEXT, struct stamp, nginx), ROW_FIELD(ROW_NAME, struct stamp, scale)),
        ROW_LIST("unit", struct stamp, units, ROW_WHOLE(ROW_TEXT)),
};

static const struct row_file file =
        ROW_FILE(struct stamp, kinds, .name = "pyservice-stamp", .version = 1, .bare_word = "unit");

struct str stamp_text(struct arena *a, const struct stamp *s) {
        return rows_text(a, &file, s);
}

/* An earlier version had the five hashes in lines of their own before the units. */
static void take_old(struct stamp *s) {
        size_t n = 0;

        if (!str_is_absent(s->tree) || s->units.n < 5)
                return;

        s->tree = s->units.at[0];
        s->quadlet = s->units.at[1];
        s->haproxy = s->units.at[2];
        s->nginx = s->units.at[3];
        s->scale = s->units.at[4];
        VEC_EACH(unit, &s->units)
                if (str_has_prefix(*unit, STR(LAYOUT_UNITS "/")) ||
                    str_has_prefix(*unit, STR(LAYOUT_RETIRED "/")))
                        s->units.at[n++] = *unit;
        s->units.n = n;
}

int stamp_read(struct arena *a, int apps, struct name app, struct stamp *ret) {
        struct str path = arena_join(a, app.text, STR("/" LAYOUT_STAMP)), text;
        struct stamp s = { 0 };
        int r = fs_read(a, apps, path.p, STAMP_FILE_MAX, &text);

        if (r < 0 && r != -ENOENT && r != -ENOTDIR)
                return r;
        if (r >= 0 && rows_parse(a, &file, text, &s) >= 0)
                take_old(&s);

        *ret = str_is_absent(s.tree) ? (struct stamp){ 0 } : s;
        return 0;
}
