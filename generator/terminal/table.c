/* SPDX-License-Identifier: Apache-2.0 */
#include "terminal/table.h"

#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/utf8.h"

struct table {
        struct libscols_table *table; /* NULL for JSON */
        struct arena *arena;
        const char *name;
        const struct table_column *columns;
        size_t n; /* columns */
        VEC(struct libscols_line *) lines;
        VEC(const struct str *) rows; /* for JSON; each has as many cells as there are columns */
};

static int to_scols(unsigned flags) {
        return (flags & TABLE_RIGHT ? SCOLS_FL_RIGHT : 0) | (flags & TABLE_WRAP ? SCOLS_FL_WRAP : 0) |
               (flags & TABLE_CUT ? SCOLS_FL_TRUNC : 0) | (flags & TABLE_TREE ? SCOLS_FL_TREE : 0) |
               (flags & TABLE_JSON_ONLY ? SCOLS_FL_HIDDEN : 0);
}

static int open_table(struct table *t) {
        t->table = scols_new_table();
        if (!t->table)
                return -ENOMEM;

        for (size_t i = 0; i < t->n; i++)
                if (!scols_table_new_column(t->table, t->columns[i].name, 1, to_scols(t->columns[i].flags)))
                        return -ENOMEM;

        return 0;
}

int table_new(struct ctl *c, const char *name, const struct table_column *columns, size_t n,
              struct table **ret) {
        struct table *t = arena_new(&c->arena, struct table);
        int r;

        *t = (struct table){ .arena = &c->arena, .name = name, .columns = columns, .n = n };
        r = c->is_json ? 0 : open_table(t);
        if (r < 0)
                table_free(&t);
        else
                *ret = t;
        return r;
}

void table_free(struct table **t) {
        if (*t && (*t)->table)
                scols_unref_table((*t)->table);
        *t = NULL;
}

static int add_row(struct table *t, const struct str *cells) {
        struct str *row = arena_alloc(t->arena, t->n * sizeof(*row), alignof(struct str));

        for (size_t i = 0; i < t->n; i++)
                row[i] = str_is_absent(cells[i]) ? cells[i] : arena_str(t->arena, cells[i]);
        *vec_push(t->arena, &t->rows) = row;
        return 0;
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
        return t->table ? add(t, NULL, cells) : add_row(t, cells);
}

int table_add_below(struct table *t, size_t parent, const struct str *cells) {
        return t->table ? add(t, t->lines.at[parent], cells) : add_row(t, cells);
}

static void put_cell(struct json_writer *w, const struct table_column *column, struct str cell) {
        if (column->flags & TABLE_NUMBER)
                json_plain(w, column->json, cell);
        else
                json_text(w, column->json, cell);
}

static int print_json(struct table *t) {
        struct buf out = buf_in(t->arena);
        struct json_writer w = { .out = &out };

        json_open(&w, NULL, '{');
        json_open(&w, t->name, '[');
        VEC_EACH(row, &t->rows) {
                json_open(&w, NULL, '{');
                for (size_t i = 0; i < t->n; i++)
                        put_cell(&w, &t->columns[i], (*row)[i]);
                json_close(&w, '}');
        }
        json_close(&w, ']');
        json_close(&w, '}');
        buf_put_char(&out, '\n');
        return ctl_write(stdout, buf_str(&out));
}

int table_print(struct ctl *c, struct table *t) {
        int r = t->table ? scols_print_table(t->table) : 0;

        if (r < 0)
                return ctl_fail("cannot print the table", r);

        return t->table ? CTL_GOOD : print_json(t);
}

int table_text(struct ctl *c, struct table *t, struct str *ret) {
        char *text = NULL;
        int r = scols_print_table_to_string(t->table, &text);

        if (r == 0)
                *ret = arena_str(&c->arena, str_of(text));
        free(text);
        return r;
}
