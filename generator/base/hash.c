/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

struct hash_state {
        XXH3_state_t state;
};

struct hash_state *hash_start(struct arena *a) {
        /* XXH3 wants its state on a cache line, which is more than the arena promises. */
        size_t align = alignof(struct hash_state);
        char *p = arena_alloc(a, sizeof(struct hash_state) + align, 1);
        struct hash_state *h = (struct hash_state *) (void *) (p + (-(uintptr_t) p & (align - 1)));

        (void) XXH3_64bits_reset(&h->state);
        return h;
}

void hash_add(struct hash_state *h, struct str field) {
        uint64_t n = field.n;

        (void) XXH3_64bits_update(&h->state, &n, sizeof(n));
        if (field.n > 0)
                (void) XXH3_64bits_update(&h->state, field.p, field.n);
}

struct str hash_text(struct arena *a, struct hash_state *h) {
        static const char hex[] = "0123456789abcdef";
        uint64_t digest = XXH3_64bits_digest(&h->state);
        char digits[16];

        for (size_t i = sizeof(digits); i-- > 0; digest >>= 4)
                digits[i] = hex[digest & 15];
        return arena_str(a, (struct str){ digits, sizeof(digits) });
}

struct str hash_digits(struct arena *a, struct hash_state *h, size_t n) {
        return arena_str(a, (struct str){ hash_text(a, h).p, n });
}

uint64_t hash_number(struct str s) {
        return XXH3_64bits(s.p, s.n);
}
