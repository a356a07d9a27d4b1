/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

int str_cmp(struct str a, struct str b) {
        size_t n = a.n < b.n ? a.n : b.n;
        int r = n > 0 ? memcmp(a.p, b.p, n) : 0;

        if (r != 0)
                return r;

        return a.n < b.n ? -1 : a.n > b.n;
}

bool str_has_prefix(struct str s, struct str prefix) {
        return prefix.n == 0 || (s.n >= prefix.n && memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool str_has_suffix(struct str s, struct str suffix) {
        return suffix.n == 0 || (s.n >= suffix.n && memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

bool str_is_made_of(struct str s, const char *set) {
        for (size_t i = 0; i < s.n; i++)
                if (s.p[i] == '\0' || !strchr(set, s.p[i]))
                        return false;

        return true;
}

bool str_is_among(struct str s, const struct str *list, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (str_eq(list[i], s))
                        return true;

        return false;
}

bool str_list_has(struct str list, struct str item) {
        struct str one;

        while (str_split(&list, ',', &one))
                if (str_eq(one, item))
                        return true;

        return false;
}

size_t str_find(struct str s, char c) {
        const char *at = s.n > 0 ? memchr(s.p, c, s.n) : NULL;

        return at ? (size_t) (at - s.p) : s.n;
}

size_t str_find_str(struct str s, struct str needle) {
        const char *at = s.n > 0 ? memmem(s.p, s.n, needle.p, needle.n) : NULL;

        return at ? (size_t) (at - s.p) : s.n;
}

struct str str_trim(struct str s) {
        while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
                s = str_from(s, 1);
        while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
                s.n--;

        return s;
}

struct str str_last_line(struct str s) {
        struct str line, last = STR("");

        while (str_split(&s, '\n', &line))
                if (str_trim(line).n > 0)
                        last = str_trim(line);
        return last;
}

bool str_split(struct str *rest, char c, struct str *ret_piece) {
        size_t at;

        if (str_is_absent(*rest))
                return false;

        at = str_find(*rest, c);
        *ret_piece = (struct str){ rest->p, at };
        *rest = at < rest->n ? str_from(*rest, at + 1) : (struct str){ NULL, 0 };
        return true;
}

bool str_to_u64(struct str s, uint64_t max, uint64_t *ret) {
        uint64_t v = 0;

        if (s.n == 0 || (s.n > 1 && s.p[0] == '0'))
                return false;

        for (size_t i = 0; i < s.n; i++) {
                if (s.p[i] < '0' || s.p[i] > '9')
                        return false;
                if (__builtin_mul_overflow(v, 10U, &v) ||
                    __builtin_add_overflow(v, (uint64_t) (s.p[i] - '0'), &v))
                        return false;
                if (v > max)
                        return false;
        }

        *ret = v;
        return true;
}

struct str str_u64(uint64_t n, char digits[static 20]) {
        size_t at = 20;

        do {
                digits[--at] = (char) ('0' + n % 10);
                n /= 10;
        } while (n > 0);

        return (struct str){ digits + at, 20 - at };
}

enum { DISTANCE_MAX = 64 };

static unsigned min3(unsigned a, unsigned b, unsigned c) {
        unsigned m = a < b ? a : b;

        return m < c ? m : c;
}

unsigned str_distance(struct str a, struct str b, unsigned limit) {
        unsigned rows[3][DISTANCE_MAX + 1];
        unsigned *before = rows[0], *last = rows[1], *row = rows[2];

        if (a.n > DISTANCE_MAX || b.n > DISTANCE_MAX)
                return limit + 1;

        for (unsigned j = 0; j <= b.n; j++)
                last[j] = j;

        for (unsigned i = 1; i <= a.n; i++) {
                unsigned *spare = before;

                row[0] = i;
                for (unsigned j = 1; j <= b.n; j++) {
                        unsigned differs = a.p[i - 1] != b.p[j - 1];

                        row[j] = min3(last[j] + 1, row[j - 1] + 1, last[j - 1] + differs);
                        if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
                                row[j] = min3(row[j], before[j - 2] + 1, row[j]);
                }
                before = last;
                last = row;
                row = spare;
        }

        return last[b.n] > limit ? limit + 1 : last[b.n];
}
