/* SPDX-License-Identifier: Apache-2.0 */
#include "output/lines.h"

#include "output/encode.h"

struct lines {
        struct buf text;
        bool in_line;
};

struct lines *lines_new(struct arena *a) {
        struct lines *l = arena_new(a, struct lines);

        l->text = buf_in(a);
        return l;
}

void lines_word_text(struct lines *l, struct str text) {
        for (size_t i = 0; i < text.n; i++)
                if ((unsigned char) text.p[i] <= ' ')
                        encode_bug("a word of a list", text);

        if (l->in_line)
                buf_put_char(&l->text, ' ');
        buf_put_str(&l->text, text);
        l->in_line = true;
}

void lines_number(struct lines *l, uint64_t value) {
        lines_word_text(l, arena_u64(l->text.arena, value));
}

void lines_end(struct lines *l) {
        buf_put_char(&l->text, '\n');
        l->in_line = false;
}

void lines_whole_text(struct lines *l, struct str text) {
        if (str_find(text, '\n') < text.n)
                encode_bug("a line", text);

        buf_put_str(&l->text, text);
        lines_end(l);
}

void lines_env(struct lines *l, struct env_name name, struct str value) {
        env_file_put(&l->text, name, value);
}

void lines_env_template(struct lines *l, struct env_name name, const struct env_piece *pieces, size_t n) {
        env_template_put(&l->text, name, pieces, n);
}

struct str lines_text(struct lines *l) {
        return buf_str(&l->text);
}

struct tree_file *lines_finish(struct lines *l, struct tree *t, struct str path, mode_t mode) {
        struct str text = buf_str(&l->text);

        return text.n > 0 ? tree_add(t, path, mode, text) : NULL;
}
