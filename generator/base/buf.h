/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A growing text under construction, in an arena, with a ceiling. Only output/, schema/export and the
 * printing of diagnostics build text; a lint test keeps it out of render/. */

#include "base/arena.h"

/* No generated file may be larger; the largest real one (a HAProxy map of 4,096 apps) is below 1 MiB. */
#define BUF_MAX ((size_t) 16 << 20)

struct buf {
        struct arena *arena;
        char *p;
        size_t n, room;
};

/* An empty text whose memory comes from `a`. */
static inline struct buf buf_in(struct arena *a) {
        return (struct buf){ .arena = a };
}

/* For buf_reserve(). */
void buf_grow(struct buf *b, size_t more);

/* Makes place for `more` bytes and a NUL. */
static inline void buf_reserve(struct buf *b, size_t more) {
        if (more >= b->room - b->n)
                buf_grow(b, more);
}

void buf_put_str(struct buf *b, struct str s);
void buf_put_u64(struct buf *b, uint64_t v);

/* The byte as %XX, with capital letters (RFC 3986, 2.1). */
void buf_put_percent(struct buf *b, char byte);

/* Inline: encoders put each byte with it. */
static inline void buf_put_char(struct buf *b, char c) {
        buf_reserve(b, 1);
        b->p[b->n++] = c;
}

static inline void buf_put(struct buf *b, const char *cstr) {
        buf_put_str(b, str_of(cstr));
}

/* The text so far, with a NUL behind it; valid until the next put. Never absent. */
struct str buf_str(struct buf *b);
