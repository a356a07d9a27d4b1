/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/left-volume.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "app/resolve.h"
#include "base/fs.h"
#include "bundle/layout.h"
#include "schema/syntax.h"
#include "state/old-bundle.h"
#include "state/state.h"

struct looking {
        struct world *w;
        struct definition *definition;
        struct fs_names mounted; /* sources that what is published or accepted mounts, as Podman knows them */
        bool has_looked;
};

/* Bundles of an earlier pyservice have no other record of it than the text for Quadlet. */
static void look(struct looking *l) {
        const struct places *places = &l->w->places;
        struct arena *a = l->w->arena;
        struct str app = l->definition->name.text;
        CLEANUP(close_fd) int dir = fs_open_dir(l->w->root, world_below(places->state));
        struct state state = { 0 };

        if (l->has_looked)
                return;

        l->has_looked = true;
        old_bundle_mounts(a, l->w->root,
                          world_below(arena_join(a, places->runtime, STR("/" LAYOUT_APPS "/"), app)),
                          &l->mounted);
        if (dir >= 0 && state_read(a, dir, app, &state) >= 0 && !str_is_absent(state.accepted))
                old_bundle_mounts(a, dir, layout_bundle(a, app, state.accepted).p, &l->mounted);
}

static bool is_mounted(struct looking *l, struct str source) {
        look(l);
        return VEC_HAS(&l->mounted.list, source);
}

/* Podman keeps each volume below a directory of its name. If only root can see the directory, the volume is
 * assumed to exist. */
static bool is_there(const struct world *w, struct str volume) {
        struct str path = arena_join(w->arena, w->places.volumes, STR("/"), volume);

        return faccessat(w->root, world_below(path), F_OK, 0) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

/* For a map between braces. */
static struct str as_written(struct arena *a, struct str text) {
        struct str shown = marks_show(a, text);

        return has_instance_mark(text) ? arena_join(a, STR("\""), shown, STR("\"")) : shown;
}

/* As units have it, for the first instance, and as users write it. */
static void check_own(struct looking *l, const struct volume_spec *spec) {
        struct world *w = l->w;
        struct arena *a = w->arena;
        struct syntax_volume v = syntax_volume_split(spec->text);
        struct str app = arena_join(a, l->definition->name.text, STR("-"));
        struct str unit = instance_mark_replace(a, v.source, STR("%i"));
        struct str first = instance_mark_replace(a, v.source, STR("0"));
        struct str shown = marks_show(a, v.source), target = as_written(a, v.target),
                   source = as_written(a, v.source);

        if (is_there(w, arena_join(a, app, first)))
                return;

        if (is_mounted(l, unit) && !is_mounted(l, arena_join(a, app, unit))) {
                (void) diag_add(w->ds, DIAG_VOLUME_LEFT, spec->at,
                                "so far this is the Podman volume '%.*s'; now it would be '%.*s%.*s', which "
                                "is empty: write {volume: %.*s, dest: %.*s} to keep it, or copy it (see "
                                "'Volumes' in pyservice(7))",
                                STR_ARG(shown), STR_ARG(app), STR_ARG(shown), STR_ARG(source),
                                STR_ARG(target));
                l->definition->is_broken = true;
        } else if (is_there(w, first))
                (void) diag_add(w->ds, DIAG_VOLUME_NAMESAKE, spec->at,
                                "a Podman volume '%.*s' exists, but this mount will use the application's "
                                "volume '%.*s%.*s'; write {volume: %.*s, dest: %.*s} to mount that one",
                                STR_ARG(shown), STR_ARG(app), STR_ARG(shown), STR_ARG(source),
                                STR_ARG(target));
}

/* True if it is the first part that mounts this volume. */
static bool is_first(const struct container_list *all, const struct volume_spec *spec) {
        struct str source = syntax_volume_split(spec->text).source;

        VEC_EACH(ref, &all->list)
                LIST_EACH(other, &ref->container->volumes)
                        if (str_eq(syntax_volume_split(other->text).source, source))
                                return other == spec;

        return true;
}

static void check_one(struct world *w, struct definition *d) {
        struct looking l = { .w = w, .definition = d };
        struct container_list all = app_containers(w->arena, d->app);

        w->ds->owner = d->name.text;
        VEC_EACH(ref, &all.list)
                LIST_EACH(spec, &ref->container->volumes)
                        if (syntax_volume_is_own(syntax_volume_split(spec->text)) && is_first(&all, spec))
                                check_own(&l, spec);
        if (d->is_broken)
                d->app = NULL;
}

void left_volumes_check(struct world *w) {
        if (w->trusts_all) /* files of a command line may be meant for another machine */
                return;

        VEC_EACH(d, &w->definitions)
                if (d->app && !d->is_broken)
                        check_one(w, d);
        w->ds->owner = (struct str){ 0 };
}
