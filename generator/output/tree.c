/* SPDX-License-Identifier: Apache-2.0 */
#include "output/tree.h"

#include <stdlib.h>

#include "base/hash.h"

struct tree_file *tree_add(struct tree *t, struct str path, mode_t mode, struct str text) {
        struct tree_file *file = vec_push(t->arena, &t->files);

        *file = (struct tree_file){ .path = path, .text = text, .is_private = (mode & 0077) == 0 };
        return file;
}

void tree_mark(struct tree_file *f, enum tree_kind kind, struct str owner) {
        if (!f)
                return;

        f->kind = kind;
        f->owner = owner;
}

static int compare_files(const void *a, const void *b) {
        return str_cmp(((const struct tree_file *) a)->path, ((const struct tree_file *) b)->path);
}

void tree_sort(struct tree *t) {
        if (t->files.n > 1)
                qsort(t->files.at, t->files.n, sizeof(struct tree_file), compare_files);
}

const struct tree_file *tree_find(const struct tree *t, struct str path) {
        size_t low = 0, high = t->files.n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = str_cmp(t->files.at[middle].path, path);

                if (order == 0)
                        return &t->files.at[middle];
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }

        return NULL;
}

struct str tree_hash(const struct tree *t, struct str prefix) {
        struct hash_state *h = hash_start(t->arena);

        VEC_EACH(file, &t->files) {
                if (!str_has_prefix(file->path, prefix))
                        continue;
                hash_add(h, file->path);
                hash_add(h, file->is_private ? STR("0600") : STR("0644"));
                hash_add(h, file->text);
                hash_add(h, file->link);
        }

        return hash_text(t->arena, h);
}
