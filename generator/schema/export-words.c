/* SPDX-License-Identifier: Apache-2.0 */

/* Lists of words: for a fuzzer, and for a shell that completes. */

#include <stdlib.h>

#include "schema/export-parts.h"

/* No schema holds itself today; should one, its keys end here. */
enum { KEY_DEPTH_MAX = 8 };

struct words {
        struct arena *arena;
        VEC(struct str) list;
};

static int compare_words(const void *a, const void *b) {
        return str_cmp(*(const struct str *) a, *(const struct str *) b);
}

static void sort_words(struct words *w) {
        size_t n = 0;

        qsort(w->list.at, w->list.n, sizeof(*w->list.at), compare_words);
        VEC_EACH(word, &w->list)
                if (n == 0 || !str_eq(*word, w->list.at[n - 1]))
                        w->list.at[n++] = *word;
        w->list.n = n;
}

static void collect_words(struct words *w, const struct schema *s) {
        struct export_rows rows = { 0 };

        export_collect_rows(w->arena, s, &rows);
        VEC_EACH(row, &rows.list) {
                struct str rest = str_of((*row)->choices), word;

                *vec_push(w->arena, &w->list) = str_of((*row)->key);
                while (str_split(&rest, '|', &word))
                        *vec_push(w->arena, &w->list) = word;
        }
}

void export_fuzz_dict(struct buf *out, const struct export *e) {
        struct words words = { .arena = out->arena };
        struct export_plan plan;

        export_make_plan(out->arena, e, false, &plan);
        VEC_EACH(s, &plan.schemas)
                collect_words(&words, *s);
        sort_words(&words);

        VEC_EACH(word, &words.list) {
                buf_put_char(out, '"');
                for (size_t i = 0; i < word->n; i++) {
                        if (word->p[i] == '"' || word->p[i] == '\\')
                                buf_put_char(out, '\\');
                        buf_put_char(out, word->p[i]);
                }
                buf_put(out, "\"\n");
        }
}

static void collect_keys(struct words *w, const struct schema *s, struct str prefix, unsigned depth) {
        struct export_rows rows = { 0 };

        export_collect_rows(w->arena, s, &rows);
        VEC_EACH(row, &rows.list) {
                const struct field *f = *row;
                struct str path = arena_join(w->arena, prefix, str_of(f->key));

                *vec_push(w->arena, &w->list) = path;
                if (!f->schema || depth == KEY_DEPTH_MAX)
                        continue;

                path = arena_join(w->arena, path,
                                  f->shape == SHAPE_LIST_OF_STRUCT || f->shape == SHAPE_LIST ? STR("[].")
                                  : f->shape == SHAPE_MAP_OF_STRUCT                          ? STR(".*.")
                                                                                             : STR("."));
                collect_keys(w, f->schema, path, depth + 1);
        }
}

void export_keys(struct buf *out, const struct export *e) {
        struct words words = { .arena = out->arena };

        collect_keys(&words, e->schema, STR(""), 1);
        sort_words(&words);
        VEC_EACH(path, &words.list) {
                buf_put_str(out, *path);
                buf_put_char(out, '\n');
        }
}
