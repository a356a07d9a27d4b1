/* SPDX-License-Identifier: Apache-2.0 */
#include "output/tmpfiles.h"

#include "output/encode.h"

struct tmpfiles {
        struct buf text;
};

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

struct tmpfiles *tmpfiles_new(struct arena *a) {
        struct tmpfiles *t = arena_new(a, struct tmpfiles);

        t->text = buf_in(a);
        return t;
}

static void put_path(struct buf *b, struct str path) {
        if (path.n == 0 || path.p[0] != '/' || str_find(path, '\0') < path.n)
                encode_bug("an odd path", path);

        buf_put_char(b, '"');
        for (size_t i = 0; i < path.n; i++) {
                unsigned char c = (unsigned char) path.p[i];

                if (strchr(LETTERS "._/@:+,=~-", c)) {
                        buf_put_char(b, (char) c);
                        continue;
                }
                if (c == '%') {
                        buf_put(b, "%%");
                        continue;
                }
                buf_put(b, "\\x");
                buf_put_char(b, "0123456789abcdef"[c >> 4]);
                buf_put_char(b, "0123456789abcdef"[c & 15]);
        }
        buf_put_char(b, '"');
}

static void put_plain(struct buf *b, struct str word) {
        if (word.n == 0 || !str_is_made_of(word, LETTERS "._-"))
                encode_bug("an odd word of a line for systemd-tmpfiles", word);

        buf_put_char(b, ' ');
        buf_put_str(b, word);
}

/* All except the argument. */
static void put_line(struct tmpfiles *t, const char *type, struct abs_path path,
                     const struct tmpfiles_access *access) {
        buf_put(&t->text, type);
        buf_put_char(&t->text, ' ');
        put_path(&t->text, path.text);
        put_plain(&t->text, access->mode.text);
        put_plain(&t->text, access->user.text);
        put_plain(&t->text, access->group.text);
        buf_put(&t->text, " -");
}

static void put_base64(struct buf *b, struct str s) {
        for (size_t i = 0; i < s.n; i += 3) {
                size_t n = s.n - i < 3 ? s.n - i : 3;
                unsigned bits = 0;

                for (size_t k = 0; k < 3; k++)
                        bits = bits << 8 | (k < n ? (unsigned char) s.p[i + k] : 0);
                for (size_t k = 0; k < 4; k++)
                        buf_put_char(
                                b, k <= n ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
                                                    [bits >> (18 - 6 * k) & 63]
                                          : '=');
        }
}

void tmpfiles_directory(struct tmpfiles *t, struct abs_path path, const struct tmpfiles_access *access) {
        put_line(t, "d", path, access);
        buf_put_char(&t->text, '\n');
}

void tmpfiles_file(struct tmpfiles *t, struct abs_path path, const struct tmpfiles_access *access,
                   struct any_text content) {
        /* Without an argument it is emptied. */
        put_line(t, content.text.n > 0 ? "f+~" : "f+", path, access);
        if (content.text.n > 0)
                buf_put_char(&t->text, ' ');
        put_base64(&t->text, content.text);
        buf_put_char(&t->text, '\n');
}

void tmpfiles_credential(struct tmpfiles *t, struct abs_path path, const struct tmpfiles_access *access,
                         struct name credential) {
        put_line(t, "f+^", path, access);
        put_plain(&t->text, credential.text);
        buf_put_char(&t->text, '\n');
}

struct str tmpfiles_text(struct tmpfiles *t) {
        return buf_str(&t->text);
}

struct tree_file *tmpfiles_finish(struct tmpfiles *t, struct tree *tree, struct str path) {
        return tree_add(tree, path, 0600, buf_str(&t->text));
}
