/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/proxy-state.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fs.h"
#include "bundle/layout.h"

enum {
        LIST_MAX = 1 << 20,
        READ_TRIES = 20,
        READ_PAUSE_MS = 50,
};

static int compare_candidates(const void *x, const void *y) {
        return str_cmp(((const struct proxy_candidate *) x)->app, ((const struct proxy_candidate *) y)->app);
}

static struct proxy_candidate *find(struct proxy_state *s, struct str app) {
        struct proxy_candidate wish = { .app = app };

        return s->apps.n > 0 ? bsearch(&wish, s->apps.at, s->apps.n, sizeof(wish), compare_candidates) : NULL;
}

/* The generator replaces a bundle while it is read at times; then it is read again. */
static int read_wanted(struct proxy_state *s, struct str app, const struct proxy_parts **ret) {
        struct str path = layout_app_file(s->arena, app, STR(LAYOUT_HAPROXY));
        struct proxy_parts *parts = arena_new(s->arena, struct proxy_parts);
        int r = -ENOENT;

        for (unsigned i = 0; i < READ_TRIES && r == -ENOENT; i++) {
                if (i > 0)
                        clock_pause(READ_PAUSE_MS);
                r = proxy_parts_read(s->arena, s->runtime, path.p, parts);
        }
        if (r < 0)
                return r;

        *ret = parts;
        return 0;
}

static void sort(struct proxy_state *s) {
        if (s->apps.n > 0)
                qsort(s->apps.at, s->apps.n, sizeof(*s->apps.at), compare_candidates);
}

static int read_alive(struct proxy_state *s) {
        struct str text, name;
        int r = fs_read(s->arena, s->runtime, LAYOUT_LIST_HAPROXY, LIST_MAX, &text);

        if (r < 0)
                return r == -ENOENT ? 1 : r;

        while (str_split(&text, '\n', &name)) {
                struct proxy_candidate c = { .app = arena_str(s->arena, name) };

                if (name.n == 0)
                        continue;
                r = read_wanted(s, name, &c.wanted);
                if (r < 0)
                        return r;
                *vec_push(s->arena, &s->apps) = c;
        }

        sort(s);
        return 0;
}

/* After those that are alive, whose order is kept until the end, so that they are found. */
static int read_memory(struct proxy_state *s) {
        struct proxy_state gone = { .arena = s->arena };
        struct fs_names names;
        int r = fs_list(s->arena, s->memory, ".", &names);

        if (r < 0)
                return r;

        VEC_EACH(name, &names.list) {
                struct proxy_parts *parts = arena_new(s->arena, struct proxy_parts);
                struct proxy_candidate *c = find(s, *name);

                if (name->p[0] == '.')
                        continue;
                r = proxy_parts_read(s->arena, s->memory, name->p, parts);
                if (r < 0)
                        return r;
                if (!c) {
                        c = vec_push(s->arena, &gone.apps);
                        c->app = *name;
                }
                c->in_place = parts;
        }

        VEC_EACH(c, &gone.apps)
                *vec_push(s->arena, &s->apps) = *c;
        sort(s);
        return 0;
}

int proxy_state_read(struct proxy_state *s) {
        int r = read_alive(s);

        return r == 0 ? read_memory(s) : r;
}

int proxy_state_write(struct proxy_state *s) {
        VEC_EACH(c, &s->apps) {
                int r = 0;

                if (c->chosen == c->in_place)
                        continue;
                if (!c->chosen)
                        r = fs_remove_tree(s->memory, c->app.p);
                else if (!c->in_place || !proxy_parts_equal(c->chosen, c->in_place))
                        r = proxy_parts_write(s->arena, s->memory, c->app, c->chosen);
                if (r < 0)
                        return r;
        }

        return 0;
}
