/* SPDX-License-Identifier: Apache-2.0 */
#include "output/env.h"

#include <errno.h>

#include "output/encode.h"

/* Podman reads its file with a bufio.Scanner, which gives up at a line of 64 KiB. */
enum { ENV_FILE_LINE_MAX = 65535, ENV_FILE_VALUE_MAX = ENV_FILE_LINE_MAX - 1024 };

#define NAME_START "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"

#define NAME_MORE NAME_START "0123456789"

static bool is_env_name(struct str s) {
        return s.n > 0 && str_is_made_of((struct str){ s.p, 1 }, NAME_START) &&
               str_is_made_of(s, NAME_MORE ".-");
}

bool env_unit_can_name(struct str name) {
        return str_is_made_of(name, NAME_MORE);
}

static void put_name(struct buf *b, struct str name) {
        if (!is_env_name(name))
                encode_bug("an odd name of a variable", name);

        buf_put_str(b, name);
        buf_put_char(b, '=');
}

bool env_file_can_hold(struct str value) {
        return value.n <= ENV_FILE_VALUE_MAX && str_find(value, '\n') == value.n &&
               str_find(value, '\0') == value.n && !str_has_suffix(value, STR("\r"));
}

void env_file_put(struct buf *b, struct env_name name, struct str value) {
        if (!env_file_can_hold(value) || name.text.n + 1 + value.n > ENV_FILE_LINE_MAX)
                encode_bug("a value that Podman's environment file can't hold", name.text);

        put_name(b, name.text);
        buf_put_str(b, value);
        buf_put_char(b, '\n');
}

static void put_literal(struct buf *b, struct str text) {
        for (size_t i = 0; i < text.n; i++)
                switch (text.p[i]) {
                case '\0':
                        encode_bug("a NUL in a template", text);
                case '%':
                        buf_put(b, "%%");
                        break;
                case '\n':
                        buf_put(b, "%n");
                        break;
                default:
                        buf_put_char(b, text.p[i]);
                        break;
                }
}

void env_template_put(struct buf *b, struct env_name name, const struct env_piece *pieces, size_t n) {
        put_name(b, name.text);
        for (size_t i = 0; i < n; i++) {
                if (str_is_absent(pieces[i].secret.text)) {
                        put_literal(b, pieces[i].literal);
                        continue;
                }
                if (str_find(pieces[i].secret.text, '}') < pieces[i].secret.text.n ||
                    str_find(pieces[i].secret.text, '\n') < pieces[i].secret.text.n)
                        encode_bug("an odd name of a secret", pieces[i].secret.text);
                buf_put(b, pieces[i].is_url_encoded ? "%u{" : "%{");
                buf_put_str(b, pieces[i].secret.text);
                buf_put_char(b, '}');
        }
        buf_put_char(b, '\n');
}

static void put_url_encoded(struct buf *b, struct str text) {
        for (size_t i = 0; i < text.n; i++) {
                unsigned char c = (unsigned char) text.p[i];

                if (c && (strchr(NAME_START, c) || strchr("0123456789-.~", c))) {
                        buf_put_char(b, (char) c);
                        continue;
                }
                buf_put_percent(b, text.p[i]);
        }
}

/* Takes what follows a '%' off the front of *rest. */
static int compose_escape(struct buf *b, struct str *rest, const struct env_secrets *secrets) {
        bool is_url_encoded = str_has_prefix(*rest, STR("u{"));
        struct str content;
        size_t end;
        int r;

        if (str_has_prefix(*rest, STR("%")) || str_has_prefix(*rest, STR("n"))) {
                buf_put_char(b, rest->p[0] == 'n' ? '\n' : '%');
                *rest = str_from(*rest, 1);
                return 0;
        }

        *rest = str_from(*rest, is_url_encoded);
        end = str_find(*rest, '}');
        if (!str_has_prefix(*rest, STR("{")) || end == rest->n || end == 1)
                return -EBADMSG;

        r = secrets->get(secrets->userdata, (struct str){ rest->p + 1, end - 1 }, &content);
        if (r < 0)
                return r;

        if (is_url_encoded)
                put_url_encoded(b, content);
        else
                buf_put_str(b, content);
        *rest = str_from(*rest, end + 1);
        return 0;
}

int env_template_read(struct arena *a, struct str line, const struct env_secrets *secrets,
                      struct str *ret_name, struct str *ret_value) {
        struct buf b = buf_in(a);
        size_t equals = str_find(line, '=');
        struct str name = { line.p, equals }, rest;
        int r;

        if (equals == line.n || !is_env_name(name))
                return -EBADMSG;

        rest = str_from(line, equals + 1);
        while (rest.n > 0) {
                size_t percent = str_find(rest, '%');

                buf_put_str(&b, (struct str){ rest.p, percent });
                if (percent == rest.n)
                        break;

                rest = str_from(rest, percent + 1);
                r = compose_escape(&b, &rest, secrets);
                if (r < 0)
                        return r;
        }

        *ret_name = arena_str(a, name);
        *ret_value = buf_str(&b);
        return 0;
}

int env_unit_put(struct buf *b, struct str name, struct str value) {
        if (!encode_is_utf8(value))
                return -EILSEQ;

        put_name(b, name);
        buf_put_char(b, '"');
        for (size_t i = 0; i < value.n; i++) {
                if (strchr("\"\\`$", value.p[i]))
                        buf_put_char(b, '\\');
                buf_put_char(b, value.p[i]);
        }
        buf_put(b, "\"\n");
        return 0;
}

int env_unit_take(struct arena *a, struct str *rest, struct str *ret_name, struct str *ret_value) {
        size_t equals = str_find(*rest, '='), at = equals + 2;
        struct str name = { rest->p, equals };
        struct buf value = buf_in(a);

        if (rest->n == 0)
                return 0;
        if (equals == rest->n || !is_env_name(name) || !str_has_prefix(str_from(*rest, equals), STR("=\"")))
                return -EBADMSG;

        for (; at < rest->n && rest->p[at] != '"'; at++) {
                at += rest->p[at] == '\\' && at + 1 < rest->n;
                buf_put_char(&value, rest->p[at]);
        }
        if (!str_has_prefix(str_from(*rest, at < rest->n ? at : rest->n), STR("\"\n")))
                return -EBADMSG;

        *ret_name = arena_str(a, name);
        *ret_value = buf_str(&value);
        *rest = str_from(*rest, at + 2);
        return 1;
}
