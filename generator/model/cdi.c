/* SPDX-License-Identifier: Apache-2.0 */
#include "model/cdi.h"

#include "base/fs.h"
#include "input/yaml.h"

enum { SPECIFICATION_MAX = 1 << 20 };

/* NULL if it has an error. JSON is YAML. */
static const struct node *read_file(struct arena *a, int root, struct str path) {
        struct sources sources = { 0 };
        struct diags ds = { .arena = a, .sources = &sources };
        struct node *file = NULL;
        struct str text;

        if (fs_read(a, root, arena_str(a, path).p, SPECIFICATION_MAX, &text) < 0)
                return NULL;

        yaml_parse_foreign(a, &ds, source_add(a, &sources, path, text), &file);
        return ds.n_errors > 0 ? NULL : file;
}

static bool describes(const struct node *file, struct str kind, struct str name) {
        const struct node *its_kind = node_get(file, "kind"), *devices = node_get(file, "devices");

        if (!its_kind || !devices || devices->kind != NODE_LIST || !str_eq(its_kind->text, kind))
                return false;

        for (size_t i = 0; i < devices->n; i++) {
                const struct node *its_name = node_get(devices->items[i], "name");

                if (its_name && str_eq(its_name->text, name))
                        return true;
        }
        return false;
}

bool cdi_has(struct arena *a, int root, struct str device) {
        static const char *const directories[] = { "etc/cdi", "run/cdi" };
        struct str name = device, kind;

        (void) str_split(&name, '=', &kind);
        for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
                struct fs_names names = { 0 };

                if (fs_list(a, root, directories[i], &names) < 0)
                        continue;
                VEC_EACH(file_name, &names.list) {
                        const struct node *file;

                        if (!str_has_suffix(*file_name, STR(".json")) &&
                            !str_has_suffix(*file_name, STR(".yaml")))
                                continue;
                        file = read_file(a, root,
                                         arena_join(a, str_of(directories[i]), STR("/"), *file_name));
                        if (!file || describes(file, kind, name))
                                return true;
                }
        }
        return false;
}
