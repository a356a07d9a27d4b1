/* SPDX-License-Identifier: Apache-2.0 */
/* ngx_conf_read_token() and what the directives that we use do with a value: ngx_http_script_compile() expands '$'. */

#include <errno.h>

#include "base/buf.h"
#include "base/vec.h"
#include "consumer.h"

/* Behind the opening quote. A backslash takes the next byte along; all other pairs than these stay as they are. */
static int take_quoted(struct arena *a, struct str *rest, struct str *ret) {
        struct buf b = buf_in(a);
        char quote = rest->p[0];
        size_t i = 1;

        for (; i < rest->n && rest->p[i] != quote; i++) {
                char c = rest->p[i], next = i + 1 < rest->n ? rest->p[i + 1] : '\0';

                if (c != '\\') {
                        buf_put_char(&b, c);
                        continue;
                }
                i++;
                switch (next) {
                case '\0':
                        return -EBADMSG;
                case 't':
                        buf_put_char(&b, '\t');
                        break;
                case 'r':
                        buf_put_char(&b, '\r');
                        break;
                case 'n':
                        buf_put_char(&b, '\n');
                        break;
                default:
                        if (!strchr("\"'\\", next))
                                buf_put_char(&b, '\\');
                        buf_put_char(&b, next);
                }
        }
        if (i == rest->n)
                return -EBADMSG;

        *ret = buf_str(&b);
        *rest = str_from(*rest, i + 1);
        /* "unexpected …": a quote must be followed by one of these. */
        return rest->n == 0 || strchr(" \t\r\n;{)", rest->p[0]) ? 0 : -EBADMSG;
}

/* Words of the program alone: what is not quoted has no escapes in what we write. */
static int take_plain(struct str *rest, struct str *ret) {
        size_t i = 0;

        while (i < rest->n && !strchr(" \t\r\n;{", rest->p[i]))
                if (rest->p[i++] == '\\')
                        return -EBADMSG;
        *ret = (struct str) { rest->p, i };
        *rest = str_from(*rest, i);
        return 0;
}

/* Each word; ";", "{" and "}" by themselves. */
int nginx_tokens(struct arena *a, struct str text, struct words *ret) {
        struct str rest = text;

        while (rest.n > 0) {
                struct str word = { rest.p, 1 };
                int r = 0;

                if (strchr(" \t\r\n", rest.p[0]) || strchr(";{}", rest.p[0])) {
                        bool is_blank = !strchr(";{}", rest.p[0]);

                        rest = str_from(rest, 1);
                        if (is_blank)
                                continue;
                } else if (rest.p[0] == '#') {
                        rest = str_from(rest, str_find(rest, '\n'));
                        continue;
                } else if (rest.p[0] == '"' || rest.p[0] == '\'') {
                        r = take_quoted(a, &rest, &word);
                } else {
                        r = take_plain(&rest, &word);
                }
                if (r < 0)
                        return r;
                *vec_push(a, ret) = word;
        }

        return 0;
}
