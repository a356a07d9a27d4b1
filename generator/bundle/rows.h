/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Files that this program writes and reads again: a line "NAME VERSION", then one row a line, "WORD FIELD
 * FIELD …" with one blank between two. What a row holds is said once, in a table of its fields, from which
 * it is both written and read.
 *
 * Fields are never empty: "-" stands for a text that is absent; in texts blanks, "%", control characters
 * and a "-" that stands alone are written as %XX. */

#include "base/buf.h"

enum row_type {
        ROW_TEXT,   /* struct str */
        ROW_NUMBER, /* uint64_t */
        ROW_FLAG,   /* bool: yes or no */
        ROW_CHOICE, /* unsigned: an index of `choices` */
};

struct row_field {
        enum row_type type;
        size_t offset;              /* in the row's struct */
        const char *const *choices; /* NULL behind the last */
};

struct row_spec {
        const char *word;
        const struct row_field *fields;
        size_t n;
};

void rows_begin(struct buf *out, const char *name, uint64_t version);
void rows_put(struct buf *out, const struct row_spec *spec, const void *row);

/* Takes the first line off `rest`. -EBADMSG where the file is no such one; -EPROTONOSUPPORT where an older
 * or a newer pyservice wrote it, so that its rows may mean something else. */
int rows_open(struct str *rest, const char *name, uint64_t version);

/* Is the line such a row, whole and without anything behind it? Texts are copied to the arena. */
bool rows_take(struct arena *a, struct str line, const struct row_spec *spec, void *ret);
