/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/fs.h"
#include "bundle/layout.h"
#include "bundle/record.h"
#include "control/update.h"
#include "output/unit.h"
#include "state/stored.h"

/* In the files of containers and in the record: a crash, a scale-up, a revert and an undo then start what was
 * accepted, and not what the tag means now. It stays the same revision, since its label does. */
static bool hold_part(struct tree *t, struct record_part *part, const struct image_move *move) {
        struct str path = layout_container(t->arena, part->unit, part->kind == RECORD_SERVICE);
        struct image_ref old = { part->image, NOWHERE },
                         now = { arena_join(t->arena, STR("sha256:"), move->old_id), NOWHERE };

        if (str_is_absent(move->old_id) || !str_eq(part->image, move->reference))
                return false;

        VEC_EACH(file, &t->files)
                if (str_eq(file->path, path))
                        file->text = unit_change(t->arena, file->text, CONTAINER_IMAGE, old, now);
        part->image = now.text;
        return true;
}

static int hold(struct arena *a, int dir, struct str app, struct str revision,
                const struct image_moves *moves) {
        struct tree tree;
        bool is_changed = false;
        int r = stored_load(a, dir, app, revision, &tree);

        /* The generator reports a damaged one. */
        if (r < 0)
                return r == -ENOENT || r == -EBADMSG ? 0 : r;

        VEC_EACH(part, &tree.record->parts)
                VEC_EACH(move, &moves->list)
                        is_changed |= hold_part(&tree, part, move);
        if (!is_changed)
                return 0;

        stored_set_record(&tree, tree.record);
        return stored_save(dir, app, revision, &tree);
}

int update_hold(struct arena *a, int dir, struct str app, const struct image_moves *moves) {
        struct fs_names names;
        int r = fs_list(a, dir, layout_bundles(a, app).p, &names);

        if (r < 0)
                return r == -ENOENT ? 0 : r;

        VEC_EACH(name, &names.list) {
                r = state_is_revision(*name) ? hold(a, dir, app, *name, moves) : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}
