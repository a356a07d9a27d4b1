/* SPDX-License-Identifier: Apache-2.0 */
/* HAProxy Configuration Manual, 2.2 "Quoting and escaping" and 2.3 "Environment variables". */

#include <errno.h>

#include "base/buf.h"
#include "base/vec.h"
#include "consumer.h"

/* HAProxy's MAX_LINE_ARGS. */
enum { WORDS_MAX = 64 };

static int digit_of(char c) {
        const char *digits = "0123456789abcdef", *at;

        at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
        return at ? (int) (at - digits) : -1;
}

/* After a backslash, outside '…'; gives the bytes read, 0 for what the manual does not know. */
static size_t unescape(struct buf *b, struct str s, bool is_in_quotes) {
        if (s.n == 0 || s.p[0] == '\0')
                return 0;

        switch (s.p[0]) {
        case 'n':
                buf_put_char(b, '\n');
                return 1;
        case 'r':
                buf_put_char(b, '\r');
                return 1;
        case 't':
                buf_put_char(b, '\t');
                return 1;
        case 'x':
                if (s.n < 3 || digit_of(s.p[1]) < 0 || digit_of(s.p[2]) < 0)
                        return 0;
                buf_put_char(b, (char) (digit_of(s.p[1]) * 16 + digit_of(s.p[2])));
                return 3;
        default:
                if (!strchr(" \t#\\'\"", s.p[0]) && !(is_in_quotes && s.p[0] == '$'))
                        return 0;
                buf_put_char(b, s.p[0]);
                return 1;
        }
}

/* One word of *rest, which starts with none of the blanks. */
static int take_word(struct arena *a, struct str *rest, struct str *ret) {
        struct buf b = buf_in(a);
        char quote = 0;
        size_t i = 0, n;

        for (; i < rest->n; i++) {
                char c = rest->p[i];

                if (c == '\\' && quote != '\'') {
                        n = unescape(&b, str_from(*rest, i + 1), quote == '"');
                        if (n == 0)
                                return -EBADMSG;
                        i += n;
                } else if (quote ? c == quote : c == '"' || c == '\'') {
                        quote = quote ? 0 : c;
                } else if (quote == '"' && c == '$') {
                        return -EBADMSG;        /* a variable: nobody meant it */
                } else if (!quote && (c == ' ' || c == '\t' || c == '#')) {
                        break;
                } else {
                        buf_put_char(&b, c);
                }
        }
        if (quote)
                return -EBADMSG;

        *rest = str_from(*rest, i);
        *ret = buf_str(&b);
        return 0;
}

int haproxy_words(struct arena *a, struct str line, struct words *ret) {
        for (struct str rest = str_trim(line); rest.n > 0 && rest.p[0] != '#'; rest = str_trim(rest)) {
                struct str word;

                if (take_word(a, &rest, &word) < 0)
                        return -EBADMSG;
                *vec_push(a, ret) = word;
        }

        return ret->n <= WORDS_MAX ? 0 : -EBADMSG;
}
