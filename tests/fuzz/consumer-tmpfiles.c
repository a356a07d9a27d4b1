/* SPDX-License-Identifier: Apache-2.0 */
/* tmpfiles.d(5): one line as systemd-tmpfiles reads it. Words are taken off the front, unquoted and with escapes of C; specifiers are
 * resolved in the path; the rest of the line is the argument, in base64 where the type has a '~'. */

#include <errno.h>

#include "base/buf.h"
#include "base/vec.h"
#include "consumer.h"

static int hex_of(char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* After a backslash; gives the bytes read, 0 for what this reader does not know. */
static size_t unescape(struct buf *b, struct str s) {
        if (s.n < 3 || s.p[0] != 'x' || hex_of(s.p[1]) < 0 || hex_of(s.p[2]) < 0)
                return 0;

        buf_put_char(b, (char) (hex_of(s.p[1]) * 16 + hex_of(s.p[2])));
        return 3;
}

static int take_word(struct arena *a, struct str *rest, struct str *ret) {
        struct buf b = buf_in(a);
        bool is_quoted = false;
        size_t i = 0;

        while (rest->n > 0 && (rest->p[0] == ' ' || rest->p[0] == '\t'))
                *rest = str_from(*rest, 1);
        if (rest->n == 0)
                return -EBADMSG;

        for (; i < rest->n; i++) {
                char c = rest->p[i];

                if (c == '\\') {
                        size_t n = unescape(&b, str_from(*rest, i + 1));

                        if (n == 0)
                                return -EBADMSG;
                        i += n;
                } else if (c == '"')
                        is_quoted = !is_quoted;
                else if (!is_quoted && (c == '\'' || c == '#'))
                        return -EBADMSG;        /* nobody meant it */
                else if (!is_quoted && (c == ' ' || c == '\t'))
                        break;
                else
                        buf_put_char(&b, c);
        }
        if (is_quoted)
                return -EBADMSG;

        *rest = str_from(*rest, i);
        *ret = buf_str(&b);
        return 0;
}

/* All but "%%" stand for something of the machine. */
static int resolve(struct arena *a, struct str text, struct str *ret) {
        struct buf b = buf_in(a);

        for (size_t i = 0; i < text.n; i++) {
                if (text.p[i] == '%' && (++i == text.n || text.p[i] != '%'))
                        return -EBADMSG;
                buf_put_char(&b, text.p[i]);
        }

        *ret = buf_str(&b);
        return 0;
}

static int digit_of(char c) {
        return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52 : c == '+' ? 62 : c == '/' ? 63 : -1;
}

static int unbase64(struct arena *a, struct str text, struct str *ret) {
        struct buf b = buf_in(a);
        unsigned bits = 0, n_bits = 0;
        size_t n = text.n;

        while (n > 0 && text.n - n < 2 && text.p[n - 1] == '=')
                n--;
        if (text.n % 4 != 0)
                return -EBADMSG;

        for (size_t i = 0; i < n; i++) {
                if (digit_of(text.p[i]) < 0)
                        return -EBADMSG;
                bits = bits << 6 | (unsigned) digit_of(text.p[i]);
                n_bits += 6;
                if (n_bits < 8)
                        continue;
                n_bits -= 8;
                buf_put_char(&b, (char) (bits >> n_bits & 255));
        }

        *ret = buf_str(&b);
        return (bits & ((1U << n_bits) - 1)) == 0 ? 0 : -EBADMSG;
}

int tmpfiles_words(struct arena *a, struct str line, struct words *ret) {
        struct str rest = line, word;

        for (size_t i = 0; i < 6; i++) {
                int r = take_word(a, &rest, &word);

                if (r == 0 && i == 1)
                        r = resolve(a, word, &word);
                if (r < 0)
                        return r;
                *vec_push(a, ret) = word;
        }

        rest = str_trim(rest);
        if (rest.n == 0 || str_is(rest, "-"))
                return 0;
        if (str_find(ret->at[0], '~') < ret->at[0].n && unbase64(a, rest, &rest) < 0)
                return -EBADMSG;

        *vec_push(a, ret) = rest;
        return 0;
}
