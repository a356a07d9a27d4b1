/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

unsigned utf8_length(uint8_t lead) {
        if (lead < 0x80)
                return 1;
        if (lead < 0xc2 || lead > 0xf4)
                return 0;
        if (lead < 0xe0)
                return 2;

        return lead < 0xf0 ? 3 : 4;
}

unsigned utf8_decode(struct str s, size_t at, uint32_t *ret_character) {
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        const uint8_t *p = (const uint8_t *) s.p + at;
        unsigned n = utf8_length(p[0]);
        uint32_t c;

        if (n == 0 || n > s.n - at)
                return 0;

        c = n == 1 ? p[0] : p[0] & (0xffU >> (n + 1));
        for (unsigned i = 1; i < n; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (p[i] & 0x3fU);
        }
        if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return 0;

        *ret_character = c;
        return n;
}

bool utf8_is_control(uint32_t c) {
        if (c < 0x20)
                return c != '\n' && c != '\t';
        if (c < 0x7f)
                return false;

        return c <= 0x9f || c == 0x2028 || c == 0x2029 || c == 0xfeff || c == 0xfffe || c == 0xffff;
}

/* The length of the longest front of `s` that has at most `max` bytes and ends between two characters. */
static size_t utf8_cut(struct str s, size_t max) {
        uint32_t c;

        if (s.n <= max)
                return s.n;

        /* A character that begins before the end and goes beyond it is left out. */
        for (size_t back = 1; back <= 3 && back <= max; back++)
                if (utf8_decode(s, max - back, &c) > back)
                        return max - back;
        return max;
}

static char *clean(struct arena *a, struct str text) {
        char *p = arena_alloc(a, text.n + 1, 1);

        for (size_t at = 0; at < text.n;) {
                uint32_t c = 0;
                unsigned n = utf8_decode(text, at, &c);

                if (n == 0 || utf8_is_control(c))
                        memset(p + at, '?', n > 0 ? n : 1);
                else
                        memcpy(p + at, text.p + at, n);
                at += n > 0 ? n : 1;
        }

        return p;
}

struct str utf8_clean(struct arena *a, struct str text) {
        return (struct str){ clean(a, text), text.n };
}

struct str utf8_clean_line(struct arena *a, struct str text, size_t max) {
        size_t n = utf8_cut(text, max);
        char *p = clean(a, (struct str){ text.p, n });

        for (size_t i = 0; i < n; i++)
                if (p[i] == '\n' || p[i] == '\t')
                        p[i] = ' ';
        return (struct str){ p, n };
}
