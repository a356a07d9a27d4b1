/* SPDX-License-Identifier: Apache-2.0 */
#include "load/file-name.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "load/load.h"

struct str file_name_stem(struct str file_name) {
        return (struct str){ file_name.p, file_name.n - (str_has_suffix(file_name, STR(".yml")) ? 4 : 5) };
}

bool file_name_check(struct world *w, const char *what, struct str file_name, struct span at) {
        if (!str_has_suffix(file_name, STR(".yml")))
                return true;

        (void) diag_add(w->ds, DIAG_BAD_FILE_NAME, at,
                        "a %s's name ends in .yaml; rename '%.*s' to '%.*s.yaml'", what, STR_ARG(file_name),
                        STR_ARG(file_name_stem(file_name)));
        return false;
}

/* A mask has a file, and those that are passed over have one. */
static bool has_file(const struct world *w, struct str file_name) {
        struct stat st;

        for (size_t i = 0; i < ARRAY_SIZE(w->places.definitions) && !str_is_absent(w->places.definitions[i]);
             i++)
                if (fstatat(w->root,
                            world_below(arena_join(w->arena, w->places.definitions[i], STR("/"), file_name)),
                            &st, AT_SYMLINK_NOFOLLOW) == 0)
                        return true;

        return false;
}

/* It may be proposed only. */
static bool is_defined(const struct world *w, struct str file_name) {
        return world_find(w, file_name_stem(file_name)) || has_file(w, file_name);
}

static void check_in(struct world *w, struct str directory) {
        struct fs_names names = { 0 }, inside = { 0 };

        (void) fs_list(w->arena, w->root, world_below(directory), &names);
        VEC_EACH(name, &names.list) {
                struct str path = arena_join(w->arena, directory, STR("/"), *name),
                           file_name = { name->p, name->n - 2 };

                if (!str_has_suffix(*name, STR(".yaml.d")) || is_defined(w, file_name) ||
                    fs_list(w->arena, w->root, world_below(path), &inside) < 0 || inside.list.n == 0)
                        continue;
                (void) diag_add(w->ds, DIAG_UNUSED_DROP_IN,
                                (struct span){ .file = source_add(w->arena, w->sources, path, STR("")) },
                                "these drop-ins have no definition '%.*s'; write one, or remove them",
                                STR_ARG(file_name));
        }
}

void file_name_check_drop_ins(struct world *w) {
        w->ds->owner = (struct str){ NULL, 0 };
        for (size_t i = 0; i < ARRAY_SIZE(w->places.definitions) && !str_is_absent(w->places.definitions[i]);
             i++)
                check_in(w, w->places.definitions[i]);
}
