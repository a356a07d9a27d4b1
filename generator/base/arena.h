/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Memory with one death time. Everything that a run makes (sources, trees, apps, bundles, diagnostics) lives
 * in one arena and dies with it; nothing in it is ever freed by itself.
 *
 * Invariants: memory is zeroed and aligned for its type. Exhaustion, and any wish above ARENA_MAX in all,
 * prints a line and ends the process with EXIT_SYSTEM; that is safe because a generator has written
 * nothing yet when it allocates. Built with -Ddebug_arena=true each object is a malloc() of its own, so that
 * AddressSanitizer sees an overrun. */

#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>

#include "base/macro.h"
#include "base/str.h"

enum { EXIT_SYSTEM = 111 };

/* Ceiling of one arena: 4,096 files of 1 MiB would be 4 GiB; a real machine stays below 32 MiB. */
#define ARENA_MAX ((size_t) 2 << 30)

struct arena {
        struct arena_block *blocks; /* newest first */
        char *at, *end;             /* free part of the newest block */
        size_t total;               /* bytes taken from libc */
        struct str subject; /* the file that the memory is for at the moment, to be named should it run out */
};

/* Reports the problem with the subject, and ends the process with EXIT_SYSTEM. `problem`: "out of memory". */
_Noreturn void arena_exhausted(const struct arena *a, const char *problem);

/* A value of zeroes is a good empty arena; _done gives everything back and leaves an empty one. */
void arena_done(struct arena *a);

/* `align` is a power of two, at most that of max_align_t. */
void *arena_alloc(struct arena *a, size_t size, size_t align);

/* `n` elements of `size`; the product is checked. */
void *arena_alloc_array(struct arena *a, size_t n, size_t size, size_t align);

/* Enlarges the newest object, `p` of `size` bytes, in place. False if it is not the newest, or if its block
 * is full; then nothing changes. The new bytes are zero. */
bool arena_extend(struct arena *a, const void *p, size_t size, size_t more);

#define arena_new(a, T) ((T *) arena_alloc((a), sizeof(T), alignof(T)))
#define arena_array(a, n, T) ((T *) arena_alloc_array((a), (n), sizeof(T), alignof(T)))

/* Copies with a NUL behind them. */
struct str arena_str(struct arena *a, struct str s);

/* The parts one after another; the last argument is counted by the macro. */
struct str arena_join_n(struct arena *a, const struct str *parts, size_t n);
#define arena_join(a, ...)                                     \
        arena_join_n((a), (const struct str[]){ __VA_ARGS__ }, \
                     ARRAY_SIZE(((const struct str[]){ __VA_ARGS__ })))

/* Decimal digits. */
struct str arena_u64(struct arena *a, uint64_t n);

struct str arena_printf(struct arena *a, const char *format, ...) PRINTF_LIKE(2, 3);
struct str arena_vprintf(struct arena *a, const char *format, va_list ap) PRINTF_LIKE(2, 0);
