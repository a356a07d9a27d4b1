/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "app/ports-parts.h"
#include "base/fs.h"
#include "bundle/layout.h"

/* INSTANCES_MAX lines of the longest names. */
enum { PORTS_FILE_MAX = 4 << 20 };

static int compare(const void *left, const void *right) {
        const struct port *a = left, *b = right;
        int r = str_cmp(a->app.text, b->app.text);

        if (r == 0)
                r = str_cmp(a->unit.text, b->unit.text);
        if (r == 0)
                r = a->instance < b->instance ? -1 : a->instance > b->instance;

        return r;
}

void ports_sort(struct ports *p) {
        for (size_t i = 1; i < p->list.n; i++) {
                if (compare(&p->list.at[i - 1], &p->list.at[i]) <= 0)
                        continue;

                qsort(p->list.at, p->list.n, sizeof(struct port), compare);
                return;
        }
}

/* "UNIT INSTANCE PORT", "UNIT next PORT" */
static bool parse_line(struct str line, struct port *ret) {
        uint64_t instance, number;
        struct str unit, digits;

        if (!str_split(&line, ' ', &unit) || !str_split(&line, ' ', &digits) || str_is_absent(line))
                return false;
        if (str_is(digits, "next"))
                instance = PORTS_NEXT;
        else if (!str_to_u64(digits, INSTANCES_MAX, &instance))
                return false;
        if (!str_to_u64(line, UINT16_MAX, &number) || number == 0)
                return false;

        ret->unit.text = unit;
        ret->instance = (uint32_t) instance;
        ret->number = (uint16_t) number;
        return true;
}

/* A bundle's `ports`. */
struct file {
        struct str app, text;
};

struct files {
        VEC(struct file) list;
};

/* Those of all bundles; *ret_lines: how many lines they have. */
static int read_files(struct arena *a, int apps, struct files *ret, size_t *ret_lines) {
        struct files files = { 0 };
        struct fs_names names;
        size_t n = 0;
        int r = fs_list(a, apps, ".", &names);

        if (r < 0)
                return r;

        VEC_EACH(app, &names.list) {
                struct str path = arena_join(a, *app, STR("/" LAYOUT_PORTS)), text;

                r = fs_read(a, apps, path.p, PORTS_FILE_MAX, &text);
                if (r == -ENOENT || r == -ENOTDIR)
                        continue;
                if (r < 0)
                        return r;

                *vec_push(a, &files.list) = (struct file){ *app, text };
                for (size_t i = 0; i < text.n; i++)
                        n += text.p[i] == '\n';
                n++;
        }

        *ret = files;
        *ret_lines = n;
        return 0;
}

static void parse_file(struct arena *a, const struct file *file, struct ports *p) {
        struct str rest = file->text, line;

        while (str_split(&rest, '\n', &line)) {
                struct port port = { .app.text = file->app };

                if (parse_line(line, &port))
                        *vec_push(a, &p->list) = port;
        }
}

int ports_read(struct arena *a, int runtime, struct ports *ret) {
        CLEANUP(close_fd) int apps = runtime >= 0 ? fs_open_dir(runtime, LAYOUT_APPS) : -ENOENT;
        struct files files = { 0 };
        struct ports p = { 0 };
        int r = apps < 0 ? apps : read_files(a, apps, &files, &p.list.room);

        if (r < 0 && r != -ENOENT)
                return r;

        p.list.at = arena_array(a, p.list.room, struct port);
        VEC_EACH(file, &files.list)
                parse_file(a, file, &p);

        ports_sort(&p);
        *ret = p;
        return 0;
}

void ports_add_held(const struct world *w, struct ports *p) {
        VEC_EACH(held, &w->held_ports)
                parse_file(w->arena, &(struct file){ held->app, held->text }, p);

        ports_sort(p);
}

/* The first that is not before `key`. */
static size_t lower_bound(const struct ports *p, const struct port *key) {
        size_t low = 0, high = p->list.n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (compare(&p->list.at[middle], key) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }

        return low;
}

uint16_t ports_find(const struct ports *p, struct name app, struct name unit, uint32_t instance) {
        struct port key = { .app = app, .unit = unit, .instance = instance };
        size_t i = lower_bound(p, &key);

        return i < p->list.n && compare(&p->list.at[i], &key) == 0 ? p->list.at[i].number : 0;
}

const struct port *ports_of(const struct ports *p, struct name app, struct name unit, size_t *ret_n) {
        struct port key = { .app = app, .unit = unit };
        size_t first = lower_bound(p, &key), i = first;

        while (i < p->list.n && str_eq(p->list.at[i].app.text, app.text) &&
               str_eq(p->list.at[i].unit.text, unit.text))
                i++;
        *ret_n = i - first;
        return p->list.at + first;
}

struct str ports_text(struct arena *a, const struct ports *p, struct name app) {
        struct port key = { .app = app };
        struct buf text = buf_in(a);

        for (size_t i = lower_bound(p, &key); i < p->list.n && str_eq(p->list.at[i].app.text, app.text);
             i++) {
                buf_put_str(&text, p->list.at[i].unit.text);
                buf_put_char(&text, ' ');
                if (p->list.at[i].instance == PORTS_NEXT)
                        buf_put_str(&text, STR("next"));
                else
                        buf_put_u64(&text, p->list.at[i].instance);
                buf_put_char(&text, ' ');
                buf_put_u64(&text, p->list.at[i].number);
                buf_put_char(&text, '\n');
        }

        return buf_str(&text);
}
