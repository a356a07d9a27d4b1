/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Tables for people, by libsmartcols, and with --json the same for programs. */

#include "ctl/ctl.h"

enum table_flags {
        TABLE_RIGHT = 1,   /* numbers */
        TABLE_WRAP = 2,    /* long text goes on in the next line, rather than being cut */
        TABLE_CUT = 4,     /* long text is cut at the terminal's edge */
        TABLE_TREE = 8,    /* lines may have a parent: table_add_below() */
        TABLE_NUMBER = 16, /* in JSON without quotes; an empty cell is null */
        TABLE_JSON_ONLY = 32,
};

struct table_column {
        const char *name, *json;
        unsigned flags;
};

struct table;

/* `name`: of the array in JSON. The columns have to live as long as the table. Negative errno. */
int table_new(struct ctl *c, const char *name, const struct table_column *columns, size_t n,
              struct table **ret);
void table_free(struct table **t);

/* A line of as many cells as there are columns; an absent one is null in JSON. The texts are copied.
 * Negative errno. */
int table_add(struct table *t, const struct str *cells);

/* Adds a line below the line that was added as number `parent`, counted from 0. */
int table_add_below(struct table *t, size_t parent, const struct str *cells);

/* Writes to standard output; returns the exit status after reporting a failure. */
int table_print(struct ctl *c, struct table *t);

/* Gives the table as text, for a display that is redrawn. 0 or negative errno. */
int table_text(struct ctl *c, struct table *t, struct str *ret);
