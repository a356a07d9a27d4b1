/* SPDX-License-Identifier: Apache-2.0 */
#include "state/old-bundle.h"

#include "base/buf.h"
#include "base/fs.h"
#include "bundle/layout.h"

/* The text behind `key` at the beginning of a line; absent if there is no such line. */
static struct str find_value(struct str text, struct str key) {
        struct str line;

        while (str_split(&text, '\n', &line))
                if (str_has_prefix(line, key))
                        return str_from(line, key.n);

        return (struct str){ 0 };
}

static void read_upheld(const struct tree *t, struct record_part *part) {
        struct str end = arena_join(t->arena, STR(".target.d/50-"), part->unit, STR(".conf"));
        struct str key = arena_join(t->arena, STR("Upholds="), part->unit), rest = { 0 }, line;

        VEC_EACH(file, &t->files)
                if (str_has_suffix(file->path, end))
                        rest = file->text;
        while (str_split(&rest, '\n', &line)) {
                if (!str_has_prefix(line, key))
                        continue;
                line = str_from(line, key.n);
                part->runs_once |= str_has_prefix(line, STR("-once"));
                part->scale++;
        }
}

static enum record_kind find_kind(const struct tree *t, const struct tree_file *file, struct str unit) {
        if (file->kind == TREE_TASK)
                return RECORD_TASK;

        return tree_find(t, layout_unit(t->arena, unit, STR(".timer"))) ? RECORD_TIMER : RECORD_SIDECAR;
}

/* "quadlet/UNIT@.container" of a service, "quadlet/UNIT.container" of all else. */
static bool find_part(const struct tree *t, const struct tree_file *file, struct record_part *ret) {
        struct str name, end = STR(".container");

        if (!layout_is_quadlet(file->path, &name) || !str_has_suffix(name, end))
                return false;

        name.n -= end.n;
        if (str_has_suffix(name, STR("@")))
                *ret = (struct record_part){ .kind = RECORD_SERVICE, .unit = { name.p, name.n - 1 } };
        else
                *ret = (struct record_part){ .kind = find_kind(t, file, name), .unit = name };
        return str_find(ret->unit, '@') == ret->unit.n;
}

void record_from_files(const struct tree *t, struct record *ret) {
        *ret = (struct record){ 0 };
        VEC_EACH(file, &t->files) {
                struct record_part part;
                struct str label;

                if (!find_part(t, file, &part))
                        continue;

                part.unit = arena_str(t->arena, part.unit);
                part.image = find_value(file->text, STR("Image="));
                label = find_value(file->text, STR("Label=\"io.pyservice.revision="));
                part.label = (struct str){ label.p, str_find(label, '"') };
                part.has_spare =
                        tree_find(t, layout_unit(t->arena, part.unit, STR("@next.service.d/50-next.conf")));
                read_upheld(t, &part);
                *vec_push(t->arena, &ret->parts) = part;
        }
        record_sort(ret);
}

/* Takes "data" from "Volume=data:/var/lib/app". */
static void add_mounted(struct arena *a, struct str text, struct fs_names *ret) {
        struct str line, key = STR("Volume="), source;

        while (str_split(&text, '\n', &line)) {
                if (!str_has_prefix(line, key))
                        continue;
                line = str_from(line, key.n);
                (void) str_split(&line, ':', &source);
                *vec_push(a, &ret->list) = source;
        }
}

void old_bundle_mounts(struct arena *a, int root, const char *path, struct fs_names *ret) {
        struct str quadlet = arena_join(a, str_of(path), STR("/" LAYOUT_QUADLET)), text;
        struct fs_names names = { 0 };

        if (fs_list(a, root, quadlet.p, &names) < 0)
                return;

        VEC_EACH(name, &names.list) {
                struct str file = arena_join(a, quadlet, STR("/"), *name);

                if (str_has_suffix(*name, STR(".container")) && fs_read(a, root, file.p, BUF_MAX, &text) >= 0)
                        add_mounted(a, text, ret);
        }
}
