/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/withhold.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "bundle/layout.h"
#include "bundle/record.h"
#include "publish/parts.h"
#include "state/stored.h"

#define STOPPED LAYOUT_STOPPED
#define TAKEN STOPPED "/.taken"
#define UPHOLDS STR("Upholds=")

static struct str without_held(struct arena *a, struct str text, const struct holds *h) {
        struct buf out = buf_in(a);
        struct str line;

        while (str_split(&text, '\n', &line)) {
                if (str_has_prefix(line, UPHOLDS) && hold_find(h, str_from(line, UPHOLDS.n)))
                        continue;
                buf_put_str(&out, line);
                if (!str_is_absent(text))
                        buf_put_char(&out, '\n');
        }

        return buf_str(&out);
}

static struct str record_held(struct arena *a, struct str text, const struct holds *h) {
        struct record record;
        struct record_units units;

        if (record_parse(a, text, &record) < 0)
                return text;

        record.stopped.n = 0;
        record_list(a, &record, &units);
        VEC_EACH(unit, &units.list)
                if (hold_find(h, unit->upheld))
                        *vec_push(a, &record.stopped) = unit->upheld;
        return record_text(a, &record);
}

void withhold(struct tree *t, struct str app, const struct holds *h) {
        struct str prefix = layout_upholding(t->arena, app);
        size_t n = t->files.n;

        /* An app that is stopped as a whole needs no bundle of another kind: its target is not upheld. */
        if (h->list.n == 0 || hold_has_all(h))
                return;

        for (size_t i = 0; i < n; i++) {
                struct tree_file whole = t->files.at[i];
                struct str text;

                if (str_is(whole.path, LAYOUT_RECORD))
                        t->files.at[i].text = record_held(t->arena, whole.text, h);
                if (str_is_absent(whole.owner) || !str_has_prefix(whole.path, prefix))
                        continue;
                text = without_held(t->arena, whole.text, h);
                if (str_eq(text, whole.text))
                        continue;

                t->files.at[i].text = text;
                whole.path = arena_join(t->arena, STR(LAYOUT_WHOLE "/"), whole.path);
                *vec_push(t->arena, &t->files) = whole;
        }
}

static void complain(const struct publisher *p, struct str app, int r) {
        struct str owner = p->ds->owner;

        p->ds->owner = app;
        (void) diag_add(p->ds, DIAG_BAD_STATE, NOWHERE,
                        "'%.*s/%.*s/" STOPPED
                        "' cannot be used: %s; no part of the app counts as stopped. Remove it, and run "
                        "'pyservicectl stop' again",
                        STR_ARG(p->state_path), STR_ARG(app), state_problem(r));
        p->ds->owner = owner;
}

static int take_over(const struct publisher *p, struct str app) {
        struct holds h;
        int r = hold_read_lasting(p->arena, p->state, app, &h);

        if (r < 0)
                complain(p, app, r);
        if (r < 0 || h.list.n == 0)
                return 0;

        VEC_EACH(hold, &h.list)
                hold->now = hold->lasting;
        return hold_write(p->arena, p->runtime, app, &h);
}

int withhold_begin(const struct publisher *p) {
        struct fs_names names = { 0 };
        int r = 0;

        if (p->state < 0 || faccessat(p->runtime, TAKEN, F_OK, 0) >= 0)
                return 0;

        r = fs_list(p->arena, p->state, ".", &names);
        VEC_EACH(name, &names.list)
                if (r >= 0 && name->p[0] != '.')
                        r = take_over(p, *name);
        if (r >= 0)
                r = fs_make_dirs(p->runtime, TAKEN, true);
        return r < 0 ? r : fs_write(p->runtime, TAKEN, 0644, STR(""));
}

bool withhold_is_lasting(const struct publisher *p, struct str app) {
        struct path path;

        return p->state >= 0 && faccessat(p->state, path_join(&path, app, STR("/" STOPPED)), F_OK, 0) >= 0;
}

static int compare_bundles(const void *name, const void *bundle) {
        return str_cmp(*(const struct str *) name, ((const struct bundle *) bundle)->app.text);
}

int withhold_forget(const struct publisher *p, const struct bundle *bundles, size_t n) {
        struct fs_names names = { 0 };
        int r = fs_list(p->arena, p->runtime, STOPPED, &names), q;

        if (r < 0)
                return r == -ENOENT ? 0 : r;

        VEC_EACH(name, &names.list) {
                struct path path;

                if (name->p[0] == '.' ||
                    (n > 0 && bsearch(name, bundles, n, sizeof(struct bundle), compare_bundles)))
                        continue;
                q = unlinkat(p->runtime, path_join(&path, STR(STOPPED "/"), *name), 0) < 0 && errno != ENOENT
                            ? -errno
                            : 0;
                r = r < 0 ? r : q;
        }

        return r;
}
