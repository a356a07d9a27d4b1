/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

void buf_grow(struct buf *b, size_t more) {
        size_t room = b->room > 0 ? b->room : 256;
        char *fresh;

        if (more > BUF_MAX - b->n)
                arena_exhausted(b->arena, "a generated file is larger than 16 MiB");

        while (room <= b->n + more)
                room *= 2;

        if (arena_extend(b->arena, b->p, b->room, room - b->room)) {
                b->room = room;
                return;
        }

        fresh = arena_alloc(b->arena, room, 1);
        if (b->n > 0)
                memcpy(fresh, b->p, b->n);
        b->p = fresh;
        b->room = room;
}

void buf_put_str(struct buf *b, struct str s) {
        if (s.n == 0)
                return;

        buf_reserve(b, s.n);
        memcpy(b->p + b->n, s.p, s.n);
        b->n += s.n;
}

void buf_put_u64(struct buf *b, uint64_t v) {
        char digits[20];

        buf_put_str(b, str_u64(v, digits));
}

void buf_put_percent(struct buf *b, char byte) {
        static const char digits[] = "0123456789ABCDEF";
        unsigned char c = (unsigned char) byte;

        buf_put_char(b, '%');
        buf_put_char(b, digits[c >> 4]);
        buf_put_char(b, digits[c & 15]);
}

struct str buf_str(struct buf *b) {
        buf_reserve(b, 0);
        b->p[b->n] = '\0';
        return (struct str){ b->p, b->n };
}
