/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BLOCK_SIZE = 256 * 1024 - 64 };

struct arena_block {
        struct arena_block *next;
        size_t size;
        alignas(max_align_t) char data[];
};

_Noreturn void arena_exhausted(const struct arena *a, const char *problem) {
        if (a->subject.n > 0)
                (void) dprintf(STDERR_FILENO,
                               "pyservice: %s on '%.*s'; make that file smaller, or split the application\n",
                               problem, STR_ARG(a->subject));
        else
                (void) dprintf(STDERR_FILENO, "pyservice: %s\n", problem);
        _exit(EXIT_SYSTEM);
}

static _Noreturn void exhausted(const struct arena *a) {
        arena_exhausted(a, "out of memory");
}

static struct arena_block *add_block(struct arena *a, size_t size) {
        struct arena_block *b;

        if (size > ARENA_MAX - a->total)
                exhausted(a);

        b = calloc(1, sizeof(struct arena_block) + size);
        if (!b)
                exhausted(a);

        b->size = size;
        b->next = a->blocks;
        a->blocks = b;
        a->total += size;
        return b;
}

void arena_done(struct arena *a) {
        for (struct arena_block *b = a->blocks, *next; b; b = next) {
                next = b->next;
                free(b);
        }
        *a = (struct arena){ 0 };
}

void *arena_alloc(struct arena *a, size_t size, size_t align) {
        size_t skip = (size_t) (-(uintptr_t) a->at & (align - 1));
        struct arena_block *b;
        char *p;

        if (size > ARENA_MAX)
                exhausted(a);

#ifdef DEBUG_ARENA
        return add_block(a, size)->data;
#endif

        if (a->at && (size_t) (a->end - a->at) >= skip && (size_t) (a->end - a->at) - skip >= size) {
                p = a->at + skip;
                a->at = p + size;
                return p;
        }

        /* A large object gets a block of its own and leaves the current one to the small ones. */
        if (size > BLOCK_SIZE / 4)
                return add_block(a, size)->data;

        b = add_block(a, BLOCK_SIZE);
        a->at = b->data + size;
        a->end = b->data + b->size;
        return b->data;
}

bool arena_extend(struct arena *a, const void *p, size_t size, size_t more) {
        if (!p || (const char *) p + size != a->at || (size_t) (a->end - a->at) < more)
                return false;

        a->at += more;
        return true;
}

void *arena_alloc_array(struct arena *a, size_t n, size_t size, size_t align) {
        size_t total;

        if (__builtin_mul_overflow(n, size, &total))
                exhausted(a);

        return arena_alloc(a, total, align);
}

struct str arena_join_n(struct arena *a, const struct str *parts, size_t n) {
        size_t total = 0, at = 0;
        char *p;

        for (size_t i = 0; i < n; i++)
                if (__builtin_add_overflow(total, parts[i].n, &total))
                        exhausted(a);

        p = arena_alloc(a, total + 1, 1);
        for (size_t i = 0; i < n; i++) {
                if (parts[i].n > 0)
                        memcpy(p + at, parts[i].p, parts[i].n);
                at += parts[i].n;
        }

        return (struct str){ p, total };
}

struct str arena_str(struct arena *a, struct str s) {
        return arena_join_n(a, &s, 1);
}

struct str arena_u64(struct arena *a, uint64_t n) {
        char digits[20];

        return arena_str(a, str_u64(n, digits));
}

struct str arena_vprintf(struct arena *a, const char *format, va_list ap) {
        va_list again;
        int n;
        char *p;

        va_copy(again, ap);
        n = vsnprintf(NULL, 0, format, again);
        va_end(again);
        if (n < 0)
                exhausted(a);

        p = arena_alloc(a, (size_t) n + 1, 1);
        (void) vsnprintf(p, (size_t) n + 1, format, ap);
        return (struct str){ p, (size_t) n };
}

struct str arena_printf(struct arena *a, const char *format, ...) {
        struct str text;
        va_list ap;

        va_start(ap, format);
        text = arena_vprintf(a, format, ap);
        va_end(ap);
        return text;
}
