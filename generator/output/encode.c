/* SPDX-License-Identifier: Apache-2.0 */
#include "output/encode.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/value.h"

_Noreturn void encode_bug(const char *what, struct str text) {
        (void) fprintf(stderr, "pyservice: internal error: %s: '", what);
        for (size_t i = 0; i < text.n && i < 200; i++)
                (void) fputc(text.p[i] >= ' ' && text.p[i] < 0x7f ? text.p[i] : '?', stderr);
        (void) fputs("'\n", stderr);
        abort();
}

/* Length of the character at `at`, 0 if there is none that both systemd and Go accept. */
static size_t rune_length(struct str s, size_t at, uint32_t *ret) {
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        const unsigned char *p = (const unsigned char *) s.p + at;
        size_t n = p[0] < 0x80             ? 1
                   : (p[0] & 0xe0) == 0xc0 ? 2
                   : (p[0] & 0xf0) == 0xe0 ? 3
                   : (p[0] & 0xf8) == 0xf0 ? 4
                                           : 0;
        uint32_t c = n == 1 ? p[0] : n > 0 ? p[0] & (0x7fU >> n) : 0;

        if (n == 0 || n > s.n - at)
                return 0;
        for (size_t i = 1; i < n; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (p[i] & 0x3f);
        }
        if (c < least[n] || c == 0 || c > 0x10ffff || (c & 0xfffff800) == 0xd800)
                return 0;
        if ((c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe)
                return 0;

        *ret = c;
        return n;
}

bool encode_is_utf8(struct str s) {
        uint32_t c;

        for (size_t at = 0, n; at < s.n; at += n) {
                n = rune_length(s, at, &c);
                if (n == 0)
                        return false;
        }

        return true;
}

/* unicode.IsSpace() of Go. */
static bool is_go_space(uint32_t c) {
        return (c >= '\t' && c <= '\r') || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
               (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
               c == 0x3000;
}

/* Bytes at the front of `s` that a reader would take away. */
static size_t loose_front(struct str s) {
        uint32_t c;
        size_t n = s.n > 0 ? rune_length(s, 0, &c) : 0;

        return n > 0 && is_go_space(c) ? n : 0;
}

/* Bytes at the end of `s` that a reader would take away; also a backslash, which would join the next line. */
static size_t loose_back(struct str s) {
        uint32_t c;

        if (s.n > 0 && s.p[s.n - 1] == '\\')
                return 1;
        for (size_t n = 1; n <= 3 && n <= s.n; n++)
                if (rune_length(s, s.n - n, &c) == n && is_go_space(c))
                        return n;

        return 0;
}

struct str encode_line_ends(const struct spelling *how, struct str value) {
        struct str s = value;
        size_t n;

        while ((n = loose_front(s)) > 0)
                s = str_from(s, n);
        while ((n = loose_back(s)) > 0)
                s.n -= n;

        if (s.n != value.n && how->escape != ESCAPE_TO_BLANK)
                encode_bug("a blank or backslash at the end of a line", value);
        return s;
}

static void put_hex(struct buf *b, const char *prefix, unsigned char c) {
        buf_put(b, prefix);
        buf_put_char(b, "0123456789abcdef"[c >> 4]);
        buf_put_char(b, "0123456789abcdef"[c & 15]);
}

static void put_control(struct buf *b, enum escape escape, char c) {
        switch (escape) {
        case ESCAPE_C:
                if (c == '\n')
                        buf_put(b, "\\n");
                else if (c == '\t')
                        buf_put(b, "\\t");
                else
                        put_hex(b, "\\x", (unsigned char) c);
                return;
        case ESCAPE_JSON:
                put_hex(b, "\\u00", (unsigned char) c);
                return;
        case ESCAPE_TO_BLANK:
                buf_put_char(b, ' ');
                return;
        case ESCAPE_NOTHING:
        case ESCAPE_HEX:
                break;
        }
        encode_bug("a control byte that can't be escaped", (struct str){ &c, 1 });
}

static bool is_plain_byte(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c && strchr("@_./:,=+-[]\\", c));
}

/* One byte of ASCII. */
static void put_ascii(struct buf *b, const struct spelling *how, char c) {
        bool is_quoted = how->escape == ESCAPE_C || how->escape == ESCAPE_JSON;

        if (c == INSTANCE_MARK) {
                buf_put(b, "%i");
        } else if (c == CREDENTIALS_MARK) {
                buf_put(b, "%d");
        } else if (c == HOSTNAME_MARK) {
                buf_put(b, "%H");
        } else if (c == REVISION_MARK) {
                buf_put(b, "${PYSERVICE_REVISION}");
        } else if (c == IMAGE_MARK) {
                buf_put(b, "${PYSERVICE_IMAGE}");
        } else if (how->is_plain && !is_plain_byte(c)) {
                encode_bug("a byte that a literal can't hold", (struct str){ &c, 1 });
        } else if (how->escape == ESCAPE_HEX && (!is_plain_byte(c) || c == '\\')) {
                put_hex(b, "\\x", (unsigned char) c);
        } else if (c < ' ' || c == 0x7f) {
                put_control(b, how->escape, c);
        } else {
                if ((c == '%' && how->doubles_percent) || (c == '$' && how->doubles_dollar))
                        buf_put_char(b, c);
                if ((c == '"' || c == '\\') && is_quoted)
                        buf_put_char(b, '\\');
                buf_put_char(b, c);
        }
}

/* A character beyond ASCII. */
static void put_rune(struct buf *b, const struct spelling *how, struct str bytes, uint32_t c) {
        if (how->escape == ESCAPE_HEX)
                for (size_t i = 0; i < bytes.n; i++)
                        put_hex(b, "\\x", (unsigned char) bytes.p[i]);
        else if (c == 0x80 && how->escape == ESCAPE_JSON)
                buf_put(b, "\\u0080");
        else if (c >= 0x80 && c < 0xa0 && how->escape == ESCAPE_TO_BLANK)
                buf_put_char(b, ' ');
        else if (c == 0x80 || how->is_plain)
                encode_bug("a character that can't be written here", bytes);
        else
                buf_put_str(b, bytes);
}

void encode_put(struct buf *b, const struct spelling *how, struct str text) {
        uint32_t c;

        for (size_t at = 0, n; at < text.n; at += n) {
                n = rune_length(text, at, &c);
                if (n == 0)
                        encode_bug("text that is not UTF-8, or a character that systemd refuses", text);
                else if (n == 1)
                        put_ascii(b, how, text.p[at]);
                else
                        put_rune(b, how, (struct str){ text.p + at, n }, c);
        }
}
