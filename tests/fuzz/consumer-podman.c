/* SPDX-License-Identifier: Apache-2.0 */
/* Podman itself: the lists of --entrypoint and --health-cmd (JSON, RFC 8259), and --env-file. */

#include <errno.h>

#include "base/buf.h"
#include "base/vec.h"
#include "consumer.h"

/* One escape of a JSON string, after the backslash; gives the bytes read, 0 for one that is bad or that nobody writes. */
static size_t json_unescape(struct buf *b, struct str s) {
        static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
        const char *at = s.n > 0 && s.p[0] ? strchr(from, s.p[0]) : NULL;
        int c = 0;

        if (at) {
                buf_put_char(b, to[at - from]);
                return 1;
        }
        if (s.n < 5 || s.p[0] != 'u')
                return 0;

        for (size_t i = 1; i < 5; i++) {
                char d = s.p[i];

                if (!((d >= '0' && d <= '9') || (d >= 'a' && d <= 'f')))
                        return 0;
                c = c * 16 + (d <= '9' ? d - '0' : d - 'a' + 10);
        }
        if (c > 0x80)
                return 0;
        if (c == 0x80)
                buf_put(b, "\xc2\x80");
        else
                buf_put_char(b, (char) c);
        return 5;
}

/* A string, whose first quote is gone already, off the front of *rest. */
static int json_string(struct arena *a, struct str *rest, struct str *ret) {
        struct buf b = buf_in(a);

        for (size_t i = 0; i < rest->n; i++) {
                char c = rest->p[i];

                if (c == '"') {
                        *ret = buf_str(&b);
                        *rest = str_from(*rest, i + 1);
                        return 0;
                }
                if ((unsigned char) c < ' ')
                        return -EBADMSG;
                if (c == '\\') {
                        size_t n = json_unescape(&b, str_from(*rest, i + 1));

                        if (n == 0)
                                return -EBADMSG;
                        i += n;
                } else {
                        buf_put_char(&b, c);
                }
        }

        return -EBADMSG;
}

static bool json_take(struct str *rest, char c) {
        *rest = str_trim(*rest);
        if (rest->n == 0 || rest->p[0] != c)
                return false;

        *rest = str_from(*rest, 1);
        return true;
}

int json_words(struct arena *a, struct str text, struct words *ret) {
        struct str rest = text, word;
        int r;

        if (!json_take(&rest, '['))
                return -EBADMSG;
        do {
                if (!json_take(&rest, '"'))
                        return -EBADMSG;
                r = json_string(a, &rest, &word);
                if (r < 0)
                        return r;
                *vec_push(a, ret) = word;
        } while (json_take(&rest, ','));

        return json_take(&rest, ']') && str_trim(rest).n == 0 ? 0 : -EBADMSG;
}

/* bufio.Scanner: lines below 64 KiB, a carriage return at the end taken away. */
int podman_env_file(struct arena *a, struct str text, struct words *ret) {
        struct str line, rest = text;

        while (str_split(&rest, '\n', &line)) {
                size_t equals;

                if (line.n >= 65536)
                        return -EBADMSG;
                if (str_has_suffix(line, STR("\r")))
                        line.n--;
                while (line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t'))
                        line = str_from(line, 1);
                if (line.n == 0 || line.p[0] == '#')
                        continue;

                equals = str_find(line, '=');
                if (equals == 0 || equals == line.n)
                        return -EBADMSG;
                *vec_push(a, ret) = (struct str) { line.p, equals };
                *vec_push(a, ret) = str_from(line, equals + 1);
        }

        return 0;
}
