/* SPDX-License-Identifier: Apache-2.0 */

/* The images of revisions that are no longer kept. */

#include <errno.h>
#include <stdio.h>

#include "base/fs.h"
#include "bundle/layout.h"
#include "rollout/parts.h"
#include "state/stored.h"

static void add(struct arena *a, struct podman_images *to, struct str image) {
        if (image.n > 0 && !VEC_HAS(&to->list, image))
                *vec_push(a, &to->list) = image;
}

/* Adds the images that can be pulled or built again. An image that an administrator built or loaded here may
 * be in no registry; record->images has none of a part with `pull: never`. An image that an update replaced
 * has only the name that the update gave it. */
static void add_replaceable(struct rollout_run *ro, const struct record *record, struct podman_images *to) {
        struct str built = arena_join(ro->arena, STR("localhost/pyservice-"), ro->app, STR(":"));

        VEC_EACH(image, &record->images)
                if (!str_has_prefix(image->reference, STR("localhost/")))
                        add(ro->arena, to, image->reference);
        VEC_EACH(part, &record->parts)
                if (str_has_prefix(part->image, built) || str_has_prefix(part->image, STR("sha256:")))
                        add(ro->arena, to, part->image);
}

void images_find_unneeded(struct rollout_run *ro, const struct bus_names *kept, struct podman_images *ret) {
        struct fs_names names = { 0 };

        if (fs_list(ro->arena, ro->state, layout_bundles(ro->arena, ro->app).p, &names) < 0)
                return;

        VEC_EACH(name, &names.list) {
                CLEANUP(close_fd) int dir = -1;
                struct record record = { 0 };

                if (!state_is_revision(*name) || VEC_HAS(&kept->list, *name))
                        continue;
                dir = fs_open_dir(ro->state, layout_bundle(ro->arena, ro->app, *name).p);
                if (dir >= 0 && stored_record(ro->arena, dir, &record) >= 0)
                        add_replaceable(ro, &record, ret);
        }
}

/* All that the bundle in the directory names; nothing if there is none. */
static int add_bundle(struct arena *a, int parent, struct str path, struct podman_images *to) {
        CLEANUP(close_fd) int dir = fs_open_dir(parent, path.p);
        struct record record = { 0 };
        int r = dir < 0 ? dir : stored_record(a, dir, &record);

        if (r < 0)
                return r == -ENOENT || r == -ENOTDIR ? 0 : r;

        VEC_EACH(image, &record.images)
                add(a, to, image->reference);
        VEC_EACH(part, &record.parts)
                add(a, to, part->image);
        return 0;
}

static int add_stored(struct rollout_run *ro, struct str app, struct podman_images *to) {
        struct fs_names names = { 0 };
        struct state s = { 0 };
        /* It has images that `pyservicectl update` found, and that are not in a bundle yet. */
        int r = state_read(ro->arena, ro->state, app, &s);

        (void) fs_list(ro->arena, ro->state, layout_bundles(ro->arena, app).p, &names);
        VEC_EACH(name, &names.list)
                if (r >= 0)
                        r = add_bundle(ro->arena, ro->state, layout_bundle(ro->arena, app, *name), to);
        VEC_EACH(image, &s.images) {
                add(ro->arena, to, image->reference);
                add(ro->arena, to, image->pinned);
        }
        return r;
}

/* The images that any application needs: for its published revision, for the one that is being tried, and for
 * those to which an undo can return. */
static int find_needed(struct rollout_run *ro, struct podman_images *ret) {
        struct fs_names published = { 0 }, stored = { 0 };
        int r = fs_list(ro->arena, ro->runtime, LAYOUT_APPS, &published);

        VEC_EACH(app, &published.list) {
                if (r >= 0)
                        r = add_bundle(ro->arena, ro->runtime, layout_app(ro->arena, *app), ret);
                if (r >= 0)
                        r = add_bundle(ro->arena, ro->runtime,
                                       layout_app_file(ro->arena, *app, STR(LAYOUT_WANTED)), ret);
        }
        if (r >= 0)
                r = fs_list(ro->arena, ro->state, ".", &stored);
        VEC_EACH(app, &stored.list)
                if (r >= 0 && app->p[0] != '.')
                        r = add_stored(ro, *app, ret);
        return r;
}

static void report(struct rollout_run *ro, const struct podman_removals *removals) {
        VEC_EACH(removal, &removals->list)
                if (str_is_absent(removal->problem))
                        (void) fprintf(stderr, "%.*s: removed the image %.*s of an older revision\n",
                                       STR_ARG(ro->app), STR_ARG(removal->image));
                else
                        (void) fprintf(stderr,
                                       "%.*s: the image %.*s of an older revision stays: podman: %.*s\n",
                                       STR_ARG(ro->app), STR_ARG(removal->image), STR_ARG(removal->problem));
}

void images_remove(struct rollout_run *ro, const struct podman_images *unneeded) {
        struct podman_images needed = { 0 }, rest = { 0 };
        struct podman_removals removals = { 0 };
        struct str problem = { 0 };
        int r = unneeded->list.n > 0 ? find_needed(ro, &needed) : 0;

        VEC_EACH(image, &unneeded->list)
                if (!VEC_HAS(&needed.list, *image))
                        add(ro->arena, &rest, *image);
        if (r >= 0 && rest.list.n > 0)
                r = podman_remove_images(ro->arena, &rest, &needed, &removals, &problem);

        if (r < 0)
                (void) fprintf(stderr, "%.*s: the images of older revisions stay: %.*s\n", STR_ARG(ro->app),
                               STR_ARG(str_is_absent(problem) ? str_of(strerror(-r)) : problem));
        report(ro, &removals);
}
