/* SPDX-License-Identifier: Apache-2.0 */

/* Which units are ours: those of the published bundles, and those that pyservice is installed with. */

#include <stdlib.h>

#include "base/fs.h"
#include "bundle/layout.h"
#include "doctor/doctor.h"
#include "publish/stamp.h"

static const char *const drop_ins[] = {
        "haproxy.service.d/pyservice.conf",
        "podman-auto-update.service.d/50-pyservice.conf",
};

static int compare(const void *a, const void *b) {
        return str_cmp(((const struct doctor_own *) a)->path, ((const struct doctor_own *) b)->path);
}

void doctor_look_at_own(struct doctor *d) {
        struct fs_names names = { 0 };
        CLEANUP(close_fd) int apps = d->places.runtime < 0 ? -1 : fs_open_dir(d->places.runtime, LAYOUT_APPS);

        for (size_t i = 0; i < ARRAY_SIZE(drop_ins); i++)
                *vec_push(d->arena, &d->own) = (struct doctor_own){ str_of(drop_ins[i]), { 0 } };
        for (const struct doctor_unit_row *row = doctor_unit_rows; row->name; row++)
                *vec_push(d->arena, &d->own) = (struct doctor_own){ str_of(row->name), { 0 } };
        if (apps >= 0 && fs_list(d->arena, apps, ".", &names) < 0)
                names = (struct fs_names){ 0 };
        VEC_EACH(name, &names.list) {
                struct stamp stamp = { 0 };
                struct str file;

                if (!type_accepts(KIND_NAME, *name) ||
                    stamp_read(d->arena, apps, (struct name){ *name, NOWHERE }, &stamp) < 0)
                        continue;
                VEC_EACH(unit, &stamp.units)
                        if (layout_is_unit(*unit, &file))
                                *vec_push(d->arena, &d->own) = (struct doctor_own){ file, *name };
        }
        qsort(d->own.at, d->own.n, sizeof(struct doctor_own), compare);
}

const struct doctor_own *doctor_find_file(const struct doctor *d, struct str path) {
        const struct doctor_own key = { path, { 0 } };

        return bsearch(&key, d->own.at, d->own.n, sizeof(struct doctor_own), compare);
}

/* "shop@.service" of "shop@1.service"; absent if the unit is not an instance. */
static struct str template_of(struct arena *a, struct str unit) {
        size_t at = str_find(unit, '@'), dot = unit.n;

        while (dot > at && unit.p[dot - 1] != '.')
                dot--;
        return at < dot ? arena_join(a, (struct str){ unit.p, at + 1 }, STR("."), str_from(unit, dot))
                        : (struct str){ 0 };
}

const struct doctor_own *doctor_find_own(const struct doctor *d, struct str unit) {
        const struct doctor_own *own = doctor_find_file(d, unit);
        struct str template = template_of(d->arena, unit);

        return own || str_is_absent(template) ? own : doctor_find_file(d, template);
}
