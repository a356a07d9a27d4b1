/* SPDX-License-Identifier: Apache-2.0 */

/* Text of manual pages. */

#include "base/utf8.h"
#include "schema/export-parts.h"

struct str export_sentence(struct arena *a, const char *rule) {
        bool is_small = rule[0] >= 'a' && rule[0] <= 'z';
        char first = is_small ? (char) (rule[0] - 'a' + 'A') : rule[0];

        return arena_join(a, (struct str){ &first, 1 }, str_of(rule + 1), STR("."));
}

/* Characters that roff would interpret, or groff would replace by one that can't be copied from a terminal.
 * NULL for any other. */
static const char *roff_escape(uint32_t c) {
        switch (c) {
        case '\\':
                return "\\e";
        case '-':
                return "\\-";
        case '\'':
                return "\\(aq";
        case '`':
                return "\\(ga";
        case '^':
                return "\\(ha";
        case '~':
                return "\\(ti";
        case '"':
                return "\\(dq";
        case '\n':
                return "\\en";
        case '\t':
                return "\\et";
        default:
                return NULL;
        }
}

static bool is_sentence_end(struct str text, size_t at) {
        return text.p[at] == '.' && at + 2 < text.n && text.p[at + 1] == ' ' && text.p[at + 2] >= 'A' &&
               text.p[at + 2] <= 'Z';
}

static void put_unicode(struct buf *out, uint32_t c) {
        buf_put(out, "\\[u");
        for (int shift = c > 0xfffff ? 20 : c > 0xffff ? 16 : 12; shift >= 0; shift -= 4)
                buf_put_char(out, "0123456789ABCDEF"[(c >> shift) & 15]);
        buf_put_char(out, ']');
}

void emit_roff(struct buf *out, struct str text, bool starts_line) {
        if (starts_line && text.n > 0 && text.p[0] == '.')
                buf_put(out, "\\&");

        for (size_t at = 0; at < text.n;) {
                uint32_t c = '?';
                unsigned n = utf8_decode(text, at, &c);
                const char *escape = roff_escape(c);

                if (escape)
                        buf_put(out, escape);
                else if (c >= 0x7f)
                        put_unicode(out, c);
                else
                        buf_put_char(out, (char) c);

                if (starts_line && is_sentence_end(text, at)) {
                        buf_put_char(out, '\n');
                        n++;
                }
                at += n > 0 ? n : 1;
        }
}
