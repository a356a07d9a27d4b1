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

void withhold(struct tree *t, const struct holds *h) {
        struct record *record = arena_new(t->arena, struct record);
        struct record_units units;

        /* An app that is stopped as a whole needs no bundle of another kind: its target is not upheld. */
        if (h->list.n == 0 || hold_has_all(h))
                return;

        *record = *t->record;
        record->stopped.n = record->stopped.room = 0;
        record_list(t->arena, record, &units);
        VEC_EACH(unit, &units.list)
                if (hold_find(h, unit->upheld))
                        *vec_push(t->arena, &record->stopped) = unit->upheld;
        stored_set_record(t, record);
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
