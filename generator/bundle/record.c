/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle/record.h"

#include <errno.h>
#include <stdlib.h>

#include "bundle/rows.h"

#define NAME "pyservice-bundle"

static const char *const kinds[] = {
        [RECORD_SERVICE] = "service",
        [RECORD_SIDECAR] = "sidecar",
        [RECORD_TIMER] = "timer",
        [RECORD_TASK] = "task",
        NULL,
};

static const struct row_field part_fields[] = {
        { ROW_CHOICE, offsetof(struct record_part, kind), kinds },
        { ROW_TEXT, offsetof(struct record_part, unit), NULL },
        { ROW_NUMBER, offsetof(struct record_part, scale), NULL },
        { ROW_TEXT, offsetof(struct record_part, label), NULL },
        { ROW_FLAG, offsetof(struct record_part, runs_once), NULL },
        { ROW_FLAG, offsetof(struct record_part, has_spare), NULL },
        { ROW_TEXT, offsetof(struct record_part, image), NULL },
};

static const struct row_spec part_spec = { "part", part_fields, ARRAY_SIZE(part_fields) };

static const struct row_field name_fields[] = { { ROW_TEXT, 0, NULL } };
static const struct row_spec stopped_spec = { "stopped", name_fields, ARRAY_SIZE(name_fields) };
static const struct row_spec volume_spec = { "volume", name_fields, ARRAY_SIZE(name_fields) };

const char *record_kind_name(enum record_kind kind) {
        return kinds[kind];
}

struct record_part *record_find(const struct record *r, struct str unit) {
        VEC_EACH(part, &r->parts)
                if (str_eq(part->unit, unit))
                        return part;

        return NULL;
}

static int compare_parts(const void *a, const void *b) {
        return str_cmp(((const struct record_part *) a)->unit, ((const struct record_part *) b)->unit);
}

void record_sort(struct record *r) {
        if (r->parts.n > 1)
                qsort(r->parts.at, r->parts.n, sizeof(struct record_part), compare_parts);
}

struct str record_text(struct arena *a, const struct record *r) {
        struct buf out = buf_in(a);

        rows_begin(&out, NAME, RECORD_VERSION);
        VEC_EACH(part, &r->parts)
                rows_put(&out, &part_spec, part);
        VEC_EACH(unit, &r->stopped)
                rows_put(&out, &stopped_spec, unit);
        VEC_EACH(volume, &r->volumes)
                rows_put(&out, &volume_spec, volume);
        return buf_str(&out);
}

void record_add_volume(struct arena *a, struct record *r, struct str name) {
        if (!VEC_HAS(&r->volumes, name))
                *vec_push(a, &r->volumes) = name;
}

void record_rescale(struct record *r, const struct record *from) {
        VEC_EACH(part, &r->parts) {
                const struct record_part *now = record_find(from, part->unit);

                part->scale = now ? now->scale : part->scale;
                part->runs_once = now ? now->runs_once : part->runs_once;
        }
}

static void list_instances(struct arena *a, const struct record_part *part, struct record_units *ret) {
        for (uint64_t i = 0; i < part->scale; i++) {
                struct str number = arena_u64(a, i),
                           unit = arena_join(a, part->unit, STR("@"), number, STR(".service"));

                *vec_push(a, &ret->list) = (struct record_unit){
                        part,
                        i,
                        unit,
                        part->runs_once ? arena_join(a, part->unit, STR("-once@"), number, STR(".target"))
                                        : unit,
                };
        }
}

static void list_one(struct arena *a, const struct record_part *part, struct record_units *ret) {
        struct str unit =
                arena_join(a, part->unit, part->kind == RECORD_TIMER ? STR(".timer") : STR(".service"));

        if (part->scale > 0)
                *vec_push(a, &ret->list) = (struct record_unit){
                        part,
                        0,
                        unit,
                        part->runs_once ? arena_join(a, part->unit, STR("-once.target")) : unit,
                };
}

void record_list(struct arena *a, const struct record *r, struct record_units *ret) {
        *ret = (struct record_units){ 0 };
        VEC_EACH(part, &r->parts)
                if (part->kind == RECORD_SERVICE)
                        list_instances(a, part, ret);
                else
                        list_one(a, part, ret);
}

bool record_is_stopped(const struct record *r, struct str upheld) {
        return VEC_HAS(&r->stopped, upheld);
}

static bool take_row(struct arena *a, struct str line, struct record *r) {
        struct record_part part = { 0 };
        struct str name = { 0 };

        if (rows_take(a, line, &stopped_spec, &name) && !str_is_absent(name))
                *vec_push(a, &r->stopped) = name;
        else if (rows_take(a, line, &volume_spec, &name) && !str_is_absent(name))
                *vec_push(a, &r->volumes) = name;
        else if (rows_take(a, line, &part_spec, &part) && !str_is_absent(part.unit))
                *vec_push(a, &r->parts) = part;
        else
                return false;

        return true;
}

int record_parse(struct arena *a, struct str text, struct record *ret) {
        struct record r = { 0 };
        struct str line = STR("");
        int error = rows_open(&text, NAME, RECORD_VERSION);

        if (error < 0)
                return error;

        while (str_split(&text, '\n', &line) && !str_is_absent(text))
                if (!take_row(a, line, &r))
                        return -EBADMSG;
        if (line.n > 0) /* the last line has its end */
                return -EBADMSG;

        *ret = r;
        return 0;
}
