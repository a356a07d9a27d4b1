/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "base/fs.h"
#include "bundle/layout.h"
#include "rollout/parts.h"
#include "state/hold.h"
#include "state/maintenance.h"
#include "state/stored.h"

/* The generator writes only to /run, and leaves a mark for each application to be saved: unkept/APP. Each
 * mark first moves to keeping/, so that a mark which the generator makes meanwhile counts again, and
 * interrupted work is done again. */

struct keeper {
        struct arena *arena;
        int runtime, state;
        struct bus *bus;
};

/* The definition was removed: a later application of that name is a new one, whose tasks have not run. Its
 * bundles and history stay, for people to read. */
static int forget(const struct keeper *k, struct str app) {
        int r = hold_write_lasting(k->arena, k->state, app, &(const struct holds){ 0 });

        if (r >= 0)
                r = maintenance_write(k->arena, k->state, app, &(const struct maintenance){ 0 });
        progress_remove(k->arena, k->runtime, app);
        (void) finish_reset(k->bus, k->arena, app, &(const struct plan){ 0 });
        return r < 0 ? r : state_write(k->arena, k->state, app, &(const struct state){ 0 });
}

/* Files of the accepted bundle that the published one does not have while it contains a newer bundle: its
 * tasks, its plan, the spare's files. */
static void add_missing(struct arena *a, const struct tree *stored, struct tree *published) {
        const struct tree before = *published;

        VEC_EACH(f, &stored->files) {
                bool is_of_spare = str_find_str(f->path, STR("@next.service.d/")) < f->path.n;

                if ((f->kind != TREE_SCALE || is_of_spare) && !tree_find(&before, f->path))
                        *vec_push(a, &published->files) = *f;
        }
        tree_sort(published);
}

/* The record is the stored one's, except for the scale: that of what is published may have tasks, spares and
 * parts of a newer one. */
static void keep_record(const struct tree *stored, struct tree *published) {
        record_rescale(stored->record, published->record);
        stored->record->stopped.n = 0;
        stored_set_record(published, stored->record);
}

static int save(const struct keeper *k, struct str app, struct str revision) {
        struct str path = layout_app(k->arena, app);
        CLEANUP(close_fd) int dir = fs_open_dir(k->runtime, path.p);
        struct tree published = { .arena = k->arena }, stored = { .arena = k->arena };
        struct wanted wanted = { 0 };
        int r = dir < 0 ? dir : stored_read(k->arena, dir, &published);

        /* For strategy recreate, services are not upheld during the change: that is not a scale to save. A
         * new mark comes once they are. */
        if (r >= 0 && wanted_read_revisions(k->arena, k->runtime, app, &wanted) >= 0 && wanted.is_emptied)
                return 0;
        if (r >= 0)
                r = stored_load(k->arena, k->state, app, revision, &stored);
        if (r < 0)
                return r == -ENOENT ? 0
                                    : r; /* nothing is published that could be kept, or nothing was stored */

        add_missing(k->arena, &stored, &published);
        keep_record(&stored, &published);
        /* Replaced while it was read: then there is a new mark. */
        if (!str_eq(stored_revision(&published), revision))
                return 0;

        /* After each boot there are marks for all apps, and mostly nothing changed. */
        return str_eq(tree_hash(&published, STR("")), tree_hash(&stored, STR("")))
                       ? 0
                       : stored_save(k->state, app, revision, &published);
}

/* The desired revision is the accepted one: revisions that were tried in between and failed are no longer
 * wanted. */
static int clear(const struct keeper *k, struct str app) {
        struct plan plan;
        int r = plan_read(k->arena, k->runtime, app, &plan);

        return r < 0 ? r : finish_reset(k->bus, k->arena, app, &plan);
}

static int keep_app(const struct keeper *k, struct str app) {
        CLEANUP(close_fd) int lock = -1;
        struct wanted wanted;
        struct state s = { 0 };
        int r = state_lock(k->state, app, &lock);

        if (r >= 0)
                r = state_read(k->arena, k->state, app, &s);
        if (r >= 0)
                r = wanted_read(k->arena, k->runtime, app, &wanted);
        if (r >= 0 && !wanted.is_alive)
                return forget(k, app);
        if (r < 0 || str_is_absent(s.accepted))
                return r;

        r = str_eq(wanted.runs, s.accepted) ? save(k, app, s.accepted) : 0;
        if (r >= 0 && str_eq(wanted.file, s.accepted) && str_eq(wanted.wanted, s.accepted))
                r = clear(k, app);
        return r;
}

/* Moves the marks; what is in keeping/ already was cut off. */
static int take_marks(const struct keeper *k, struct fs_names *ret) {
        struct fs_names names = { 0 };
        int r = fs_make_dirs(k->runtime, LAYOUT_KEEPING, false);

        if (r >= 0)
                r = fs_list(k->arena, k->runtime, LAYOUT_UNKEPT, &names);
        if (r < 0 && r != -ENOENT)
                return r;

        VEC_EACH(name, &names.list) {
                struct str from = arena_join(k->arena, STR(LAYOUT_UNKEPT "/"), *name),
                           to = arena_join(k->arena, STR(LAYOUT_KEEPING "/"), *name);

                if (renameat(k->runtime, from.p, k->runtime, to.p) < 0 && errno != ENOENT)
                        return -errno;
        }

        return fs_list(k->arena, k->runtime, LAYOUT_KEEPING, ret);
}

/* One that can't be kept does not keep others from it. */
int keep_run(struct arena *a, int runtime, int state, struct bus *bus) {
        const struct keeper k = { a, runtime, state, bus };
        struct fs_names names = { 0 };
        int r = take_marks(&k, &names), failed = 0;

        if (r < 0)
                return r;

        VEC_EACH(name, &names.list) {
                r = keep_app(&k, *name);
                if (r >= 0)
                        r = fs_remove_tree(runtime, arena_join(a, STR(LAYOUT_KEEPING "/"), *name).p);
                if (r < 0)
                        failed = r;
        }

        return failed;
}
