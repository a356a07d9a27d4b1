/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

static int value_of(char c) {
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const char *at = c == '\0' ? NULL : strchr(digits, c);

        return at ? (int) (at - digits) : -1;
}

/* Four characters, the last `n_padding` of which are '='. */
static bool decode_group(const char *text, size_t n_padding, char *ret) {
        unsigned bits = 0;

        for (size_t i = 0; i < 4; i++) {
                int v = i < 4 - n_padding ? value_of(text[i]) : 0;

                if (v < 0)
                        return false;
                bits = bits << 6 | (unsigned) v;
        }

        for (size_t i = 0; i < 3; i++)
                ret[i] = (char) (bits >> (16 - 8 * i) & 0xff);
        return n_padding == 0 || ret[3 - n_padding] == 0;
}

bool base64_decode(struct arena *a, struct str text, struct str *ret) {
        size_t n_padding = str_has_suffix(text, STR("==")) ? 2 : str_has_suffix(text, STR("=")) ? 1 : 0;
        char *bytes;

        if (text.n % 4 != 0)
                return false;

        bytes = arena_alloc(a, text.n / 4 * 3 + 1, 1);
        for (size_t i = 0; i < text.n; i += 4)
                if (!decode_group(text.p + i, i + 4 == text.n ? n_padding : 0, bytes + i / 4 * 3))
                        return false;

        *ret = (struct str){ bytes, text.n / 4 * 3 - n_padding };
        bytes[ret->n] = '\0';
        return true;
}
