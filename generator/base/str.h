/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A counted string: bytes with another owner (a source file, an arena, the program text).
 *
 * Invariants: `p` may be NULL only if `n` is 0; such a string is *absent*, which differs from *empty*.
 * Strings made by the arena functions end with a NUL that `n` does not count, so `p` may be handed to libc;
 * slices of a source need not. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
        const char *p;
        size_t n;
};

#define STR(literal) ((struct str){ (literal), sizeof(literal) - 1 })
/* STR() for a constant expression (static tables). */
#define STR_INIT(literal) \
        { (literal), sizeof(literal) - 1 }
/* For printf: "%.*s", STR_ARG(s). */
#define STR_ARG(s) ((int) (s).n), ((s).p ? (s).p : "")

static inline struct str str_of(const char *cstr) {
        return (struct str){ cstr, cstr ? strlen(cstr) : 0 };
}

static inline bool str_is_absent(struct str s) {
        return !s.p;
}

static inline bool str_eq(struct str a, struct str b) {
        return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_is(struct str a, const char *cstr) {
        return str_eq(a, str_of(cstr));
}

/* The bytes from `from` on; `from` at most s.n. */
static inline struct str str_from(struct str s, size_t from) {
        return (struct str){ s.p + from, s.n - from };
}

/* Byte order (that of LC_ALL=C), as for strcmp(). */
int str_cmp(struct str a, struct str b);

bool str_has_prefix(struct str s, struct str prefix);
bool str_has_suffix(struct str s, struct str suffix);

/* True if every byte of `s` is in `set`, and for the empty string. */
bool str_is_made_of(struct str s, const char *set);

/* True if `s` is one of the `n` texts of `list`. */
bool str_is_among(struct str s, const struct str *list, size_t n);

/* True if `item` is one of the items of a list with commas between them. */
bool str_list_has(struct str list, struct str item);

/* Position of `c`, or s.n if there is none. */
size_t str_find(struct str s, char c);

/* Position of `needle`, or s.n if there is none. */
size_t str_find_str(struct str s, struct str needle);

/* `s` without blanks (space, tab) at both ends. */
struct str str_trim(struct str s);

/* The last line that is not blank, trimmed; empty if there is none. */
struct str str_last_line(struct str s);

/* Takes the text up to the next `c` off the front of *rest; false when *rest was absent. The last piece
 * leaves *rest absent, so "a,b," gives "a", "b", "". */
bool str_split(struct str *rest, char c, struct str *ret_piece);

/* Decimal digits only: no sign, no blanks, no leading zero but "0" itself. False if the text is anything else
 * or above `max`. */
bool str_to_u64(struct str s, uint64_t max, uint64_t *ret);

/* Decimal digits of `n`, in the caller's 20 bytes. */
struct str str_u64(uint64_t n, char digits[static 20]);

/* Edit distance of `a` and `b` (insert, delete, replace, swap of neighbours); for suggestions. Gives
 * `limit` + 1 as soon as it is known to be more. Strings over 64 bytes count as far away. */
unsigned str_distance(struct str a, struct str b, unsigned limit);
