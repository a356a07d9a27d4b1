/* SPDX-License-Identifier: Apache-2.0 */
#include "terminal/table.h"

#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>

#include "base/utf8.h"

struct table {
        struct libscols_table *table;
        struct arena *arena;
        size_t n; /* columns */
        VEC(struct libscols_line *) lines;
};

static int to_scols(unsigned flags) {
        return (flags & TABLE_RIGHT ? SCOLS_FL_RIGHT : 0) | (flags & TABLE_WRAP ? SCOLS_FL_WRAP : 0) |
               (flags & TABLE_CUT ? SCOLS_FL_TRUNC : 0) | (flags & TABLE_TREE ? SCOLS_FL_TREE : 0);
}

static int add_column(struct table *t, const struct table_column *column, bool is_json) {
        int flags =
                to_scols(column->flags) | (column->flags & TABLE_JSON_ONLY && !is_json ? SCOLS_FL_HIDDEN : 0);
        struct libscols_column *added =
                scols_table_new_column(t->table, is_json ? column->json : column->name, 1, flags);

        if (!added)
                return -ENOMEM;

        return scols_column_set_json_type(added, column->flags & TABLE_NUMBER ? SCOLS_JSON_NUMBER
                                                                              : SCOLS_JSON_STRING);
}

int table_new(struct ctl *c, const char *name, const struct table_column *columns, size_t n,
              struct table **ret) {
        struct table *t = arena_new(&c->arena, struct table);
        int r;

        *t = (struct table){ .table = scols_new_table(), .arena = &c->arena, .n = n };
        if (!t->table)
                return -ENOMEM;

        r = scols_table_set_name(t->table, name);
        if (r == 0)
                r = scols_table_enable_json(t->table, c->is_json);
        for (size_t i = 0; r == 0 && i < n; i++)
                r = add_column(t, &columns[i], c->is_json);
        if (r < 0)
                scols_unref_table(t->table);
        else
                *ret = t;
        return r;
}

void table_free(struct table **t) {
        if (*t)
                scols_unref_table((*t)->table);
        *t = NULL;
}

static int add(struct table *t, struct libscols_line *parent, const struct str *cells) {
        struct libscols_line *line = scols_table_new_line(t->table, parent);
        int r = line ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && i < t->n; i++)
                if (!str_is_absent(cells[i]))
                        r = scols_line_set_data(line, i, utf8_clean(t->arena, cells[i]).p);
        if (r == 0)
                *vec_push(t->arena, &t->lines) = line;
        return r;
}

int table_add(struct table *t, const struct str *cells) {
        return add(t, NULL, cells);
}

int table_add_below(struct table *t, size_t parent, const struct str *cells) {
        return add(t, t->lines.at[parent], cells);
}

int table_print(struct ctl *c, struct table *t) {
        int r = scols_print_table(t->table);

        if (r < 0)
                return ctl_fail("cannot print the table", r);

        return ctl_write(stdout, c->is_json ? STR("\n") : STR(""));
}

int table_text(struct ctl *c, struct table *t, struct str *ret) {
        char *text = NULL;
        int r = scols_print_table_to_string(t->table, &text);

        if (r == 0)
                *ret = arena_str(&c->arena, str_of(text));
        free(text);
        return r;
}
