/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "app/ports-parts.h"
#include "base/fs.h"
#include "bundle/layout.h"
#include "bundle/rows.h"

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

static const char *const next[] = { "next", NULL };

static const struct row_kind kinds[] = {
        ROW_LIST("port", struct ports, list, ROW_FIELD(ROW_NAME, struct port, unit.text),
                 ROW_WORD(ROW_NUMBER, struct port, instance, next),
                 ROW_FIELD(ROW_COUNT, struct port, number)),
};

static const struct row_file file =
        ROW_FILE(struct ports, kinds, .name = "pyservice-ports", .version = 1, .bare_word = "port");

int ports_add(struct arena *a, struct str text, struct str app, struct ports *p) {
        size_t n = p->list.n;
        int r = rows_add(a, &file, text, p);

        for (size_t i = n; i < p->list.n; i++) {
                struct port *port = &p->list.at[i];

                if (port->number > UINT16_MAX ||
                    (port->instance > INSTANCES_MAX && port->instance != PORTS_NEXT))
                        r = -EBADMSG;
                port->app.text = app;
        }
        if (r < 0)
                p->list.n = n;
        return r;
}

static void add_file(struct arena *a, struct str app, struct str text, struct ports *p) {
        if (ports_add(a, text, app, p) < 0)
                *vec_push(a, &p->unread) = app;
}

int ports_read(struct arena *a, int runtime, struct ports *ret) {
        CLEANUP(close_fd) int apps = runtime >= 0 ? fs_open_dir(runtime, LAYOUT_APPS) : -ENOENT;
        struct fs_names names = { 0 };
        struct ports p = { .list.room = INSTANCES_MAX };
        int r = apps < 0 ? apps : fs_list(a, apps, ".", &names);

        if (r < 0 && r != -ENOENT)
                return r;

        p.list.at = arena_array(a, INSTANCES_MAX, struct port); /* what is not used takes no memory */
        VEC_EACH(app, &names.list) {
                struct str text;

                r = fs_read(a, apps, arena_join(a, *app, STR("/" LAYOUT_PORTS)).p, PORTS_FILE_MAX, &text);
                if (r >= 0)
                        add_file(a, *app, text, &p);
                else if (r != -ENOENT && r != -ENOTDIR)
                        return r;
        }

        ports_sort(&p);
        *ret = p;
        return 0;
}

void ports_add_held(const struct world *w, struct ports *p) {
        VEC_EACH(held, &w->held_ports)
                add_file(w->arena, held->app, held->text, p);

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

uint64_t ports_find(const struct ports *p, struct name app, struct name unit, uint64_t instance) {
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
        size_t first = lower_bound(p, &key), end = first;
        struct ports own = { 0 };

        while (end < p->list.n && str_eq(p->list.at[end].app.text, app.text))
                end++;
        if (first == end)
                return STR("");

        own.list.at = p->list.at + first;
        own.list.n = end - first;
        return rows_text(a, &file, &own);
}
