/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/json.h"

#include <errno.h>

enum { DEPTH_MAX = 16 };

struct reader {
        struct arena *arena;
        struct str rest;
        unsigned depth;
};

static bool read_value(struct reader *r, struct str *ret_string);

static void skip_blanks(struct reader *r) {
        while (r->rest.n > 0 && memchr(" \t\r\n", r->rest.p[0], 4))
                r->rest = str_from(r->rest, 1);
}

static bool take(struct reader *r, char c) {
        skip_blanks(r);
        if (r->rest.n == 0 || r->rest.p[0] != c)
                return false;

        r->rest = str_from(r->rest, 1);
        return true;
}

static int hex_of(char c) {
        return c >= '0' && c <= '9'   ? c - '0'
               : c >= 'a' && c <= 'f' ? c - 'a' + 10
               : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                      : -1;
}

static bool read_unit(struct reader *r, unsigned *ret) {
        unsigned unit = 0;

        if (r->rest.n < 4)
                return false;
        for (size_t i = 0; i < 4; i++) {
                int digit = hex_of(r->rest.p[i]);

                if (digit < 0)
                        return false;
                unit = unit << 4 | (unsigned) digit;
        }

        r->rest = str_from(r->rest, 4);
        *ret = unit;
        return true;
}

/* Behind "\u"; the second half of a pair too. Gives the number of bytes of UTF-8; 0 where it is none. */
static size_t read_codepoint(struct reader *r, char *to) {
        unsigned c, low;

        if (!read_unit(r, &c) || (c >= 0xdc00 && c <= 0xdfff))
                return 0;
        if (c >= 0xd800 && c <= 0xdbff) {
                if (!str_has_prefix(r->rest, STR("\\u")))
                        return 0;
                r->rest = str_from(r->rest, 2);
                if (!read_unit(r, &low) || low < 0xdc00 || low > 0xdfff)
                        return 0;
                c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        }

        if (c < 0x80) {
                to[0] = (char) c;
                return 1;
        }

        size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

        for (size_t i = n - 1; i > 0; i--, c >>= 6)
                to[i] = (char) (0x80 | (c & 0x3f));
        to[0] = (char) ((n == 2 ? 0xc0 : n == 3 ? 0xe0 : 0xf0) | c);
        return n;
}

/* Behind a backslash. */
static size_t read_escape(struct reader *r, char *to) {
        static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
        char c = r->rest.n > 0 ? r->rest.p[0] : '\0';
        const char *at = c == '\0' ? NULL : strchr(from, c);

        if (c == '\0' || (!at && c != 'u'))
                return 0;

        r->rest = str_from(r->rest, 1);
        if (c == 'u')
                return read_codepoint(r, to);

        *to = into[at - from];
        return 1;
}

static bool read_string(struct reader *r, struct str *ret) {
        char *text;
        size_t n = 0;

        if (!take(r, '"'))
                return false;

        text = arena_alloc(r->arena, r->rest.n + 1, 1); /* no escape is shorter than what it stands for */
        while (r->rest.n > 0 && r->rest.p[0] != '"') {
                char c = r->rest.p[0];
                size_t got = 1;

                r->rest = str_from(r->rest, 1);
                if (c == '\\')
                        got = read_escape(r, text + n);
                else
                        text[n] = c;
                if (got == 0 || (unsigned char) c < ' ')
                        return false;
                n += got;
        }

        *ret = (struct str){ text, n };
        return take(r, '"');
}

static void skip_digits(struct reader *r, size_t *n) {
        for (; r->rest.n > 0 && r->rest.p[0] >= '0' && r->rest.p[0] <= '9'; ++*n)
                r->rest = str_from(r->rest, 1);
}

static bool read_number(struct reader *r) {
        size_t whole = 0, fraction = 0, exponent = 0;
        bool has_zero;

        if (r->rest.n > 0 && r->rest.p[0] == '-')
                r->rest = str_from(r->rest, 1);
        has_zero = r->rest.n > 0 && r->rest.p[0] == '0';
        skip_digits(r, &whole);
        if (whole == 0 || (has_zero && whole > 1))
                return false;

        if (r->rest.n > 0 && r->rest.p[0] == '.') {
                r->rest = str_from(r->rest, 1);
                skip_digits(r, &fraction);
                if (fraction == 0)
                        return false;
        }
        if (r->rest.n == 0 || (r->rest.p[0] != 'e' && r->rest.p[0] != 'E'))
                return true;

        r->rest = str_from(r->rest, 1);
        if (r->rest.n > 0 && (r->rest.p[0] == '+' || r->rest.p[0] == '-'))
                r->rest = str_from(r->rest, 1);
        skip_digits(r, &exponent);
        return exponent > 0;
}

static bool read_word(struct reader *r) {
        static const struct str words[] = { STR_INIT("true"), STR_INIT("false"), STR_INIT("null") };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (str_has_prefix(r->rest, words[i])) {
                        r->rest = str_from(r->rest, words[i].n);
                        return true;
                }

        return false;
}

static bool read_array(struct reader *r) {
        struct str ignored;

        if (take(r, ']'))
                return true;
        do {
                if (!read_value(r, &ignored))
                        return false;
        } while (take(r, ','));

        return take(r, ']');
}

/* Behind '{'. Where `name` is given, its member goes to *ret. Gives 0 or what json_get() does. */
static int read_object(struct reader *r, const char *name, struct str *ret) {
        int result = -ENOENT;

        if (take(r, '}'))
                return result;
        do {
                struct str key, value = { 0 };

                if (!read_string(r, &key) || !take(r, ':') || !read_value(r, &value))
                        return -EBADMSG;
                if (!name || !str_is(key, name))
                        continue;
                if (result == 0 || str_is_absent(value))
                        return -EBADMSG;
                *ret = value;
                result = 0;
        } while (take(r, ','));

        return take(r, '}') ? result : -EBADMSG;
}

/* *ret_string stays as it is for what is no string. */
static bool read_value(struct reader *r, struct str *ret_string) {
        bool is_good;

        if (++r->depth > DEPTH_MAX)
                return false;

        skip_blanks(r);
        if (r->rest.n > 0 && r->rest.p[0] == '"')
                is_good = read_string(r, ret_string);
        else if (take(r, '{'))
                is_good = read_object(r, NULL, NULL) != -EBADMSG;
        else if (take(r, '['))
                is_good = read_array(r);
        else
                is_good = read_word(r) || read_number(r);

        r->depth--;
        return is_good;
}

int json_get(struct arena *a, struct str text, const char *name, struct str *ret) {
        struct reader r = { .arena = a, .rest = text };
        struct str value = { 0 };
        int result = take(&r, '{') ? read_object(&r, name, &value) : -EBADMSG;

        skip_blanks(&r);
        if (r.rest.n > 0)
                return -EBADMSG;
        if (result == 0)
                *ret = value;
        return result;
}
