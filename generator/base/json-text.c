/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json-text.h"

#include "base/utf8.h"

static void put_escape(struct buf *out, uint32_t c) {
        buf_put(out, "\\u");
        for (int shift = 12; shift >= 0; shift -= 4)
                buf_put_char(out, "0123456789abcdef"[(c >> shift) & 15]);
}

void json_put_text(struct buf *out, struct str s) {
        unsigned n;

        buf_put_char(out, '"');
        for (size_t at = 0; at < s.n; at += n) {
                uint32_t c = 0xfffd;

                n = utf8_decode(s, at, &c);
                if (n == 0 || c < ' ' || utf8_is_control(c))
                        put_escape(out, c);
                else {
                        if (c == '"' || c == '\\')
                                buf_put_char(out, '\\');
                        buf_put_str(out, (struct str){ s.p + at, n });
                }
                n = n > 0 ? n : 1;
        }
        buf_put_char(out, '"');
}
