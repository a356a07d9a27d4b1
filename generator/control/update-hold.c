/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/fs.h"
#include "bundle/layout.h"
#include "bundle/record.h"
#include "control/update.h"
#include "state/stored.h"

#define IMAGE STR("Image=")
#define CONDITION STR("ExecCondition=")

static void put_line(struct arena *a, struct buf *out, struct str line, const struct image_move *move) {
        struct str pinned = arena_join(a, STR("sha256:"), move->old_id),
                   quoted = arena_join(a, STR("\""), move->reference, STR("\""));

        if (str_eq(line, arena_join(a, IMAGE, move->reference))) {
                buf_put_str(out, IMAGE);
                buf_put_str(out, pinned);
        } else {
                buf_put_str(out, (struct str){ line.p, line.n - quoted.n });
                buf_put_char(out, '"');
                buf_put_str(out, pinned);
                buf_put_char(out, '"');
        }
}

/* Does the line name the image: as what is to run, or as what is asked for before it is pulled? */
static bool is_about(struct arena *a, struct str line, const struct image_move *move) {
        if (str_is_absent(move->old_id))
                return false;

        return str_eq(line, arena_join(a, IMAGE, move->reference)) ||
               (str_has_prefix(line, CONDITION) &&
                str_has_suffix(line, arena_join(a, STR(" \""), move->reference, STR("\""))));
}

struct str update_hold_text(struct arena *a, struct str text, const struct image_moves *moves) {
        struct buf out = buf_in(a);
        struct str line;

        while (str_split(&text, '\n', &line)) {
                const struct image_move *about = NULL;

                VEC_EACH(move, &moves->list)
                        if (is_about(a, line, move))
                                about = move;

                if (about)
                        put_line(a, &out, line, about);
                else
                        buf_put_str(&out, line);
                if (!str_is_absent(text))
                        buf_put_char(&out, '\n');
        }

        return buf_str(&out);
}

/* The same in the bundle's record, which each that was loaded has. */
static struct str hold_record(struct arena *a, struct str text, const struct image_moves *moves) {
        struct record record;

        if (record_parse(a, text, &record) < 0)
                return text;
        VEC_EACH(part, &record.parts)
                VEC_EACH(move, &moves->list)
                        if (!str_is_absent(move->old_id) && str_eq(part->image, move->reference))
                                part->image = arena_join(a, STR("sha256:"), move->old_id);

        return record_text(a, &record);
}

static int hold(struct arena *a, int dir, struct str app, struct str revision,
                const struct image_moves *moves) {
        struct tree tree;
        bool is_changed = false;
        int r = stored_load(a, dir, app, revision, &tree);

        /* A damaged one is the generator's to tell. */
        if (r < 0)
                return r == -ENOENT || r == -EBADMSG ? 0 : r;

        VEC_EACH(file, &tree.files) {
                struct str name, text;

                if (layout_is_quadlet(file->path, &name))
                        text = update_hold_text(a, file->text, moves);
                else if (str_is(file->path, LAYOUT_RECORD))
                        text = hold_record(a, file->text, moves);
                else
                        continue;

                is_changed = is_changed || !str_eq(text, file->text);
                file->text = text;
        }

        return is_changed ? stored_save(dir, app, revision, &tree) : 0;
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
