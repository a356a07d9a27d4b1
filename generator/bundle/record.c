/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle/record.h"

#include <errno.h>
#include <stdlib.h>

#include "bundle/rows.h"

#define NAME "pyservice-bundle"

static const char *const kinds[] = {
        [RECORD_SERVICE] = "service", [RECORD_SIDECAR] = "sidecar", [RECORD_TIMER] = "timer", [RECORD_TASK] = "task", NULL,
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
        return buf_str(&out);
}

int record_parse(struct arena *a, struct str text, struct record *ret) {
        struct record r = { 0 };
        struct str line = STR("");
        int error = rows_open(&text, NAME, RECORD_VERSION);

        if (error < 0)
                return error;

        while (str_split(&text, '\n', &line) && !str_is_absent(text)) {
                struct record_part part = { 0 };

                if (!rows_take(a, line, &part_spec, &part) || str_is_absent(part.unit))
                        return -EBADMSG;
                *vec_push(a, &r.parts) = part;
        }
        if (line.n > 0)                 /* the last line has its end */
                return -EBADMSG;

        *ret = r;
        return 0;
}
