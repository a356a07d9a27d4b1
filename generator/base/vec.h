/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Growing arrays in an arena: `VEC(T)` is a type with members `at`, `n` and `room`; a value of zeroes is an
 * empty one. Growth doubles, what it leaves behind stays in the arena. `vec_push` gives the address of the
 * new, zeroed last element; earlier addresses are stale after it. */

#include "base/arena.h"

#define VEC(T)                  \
        struct {                \
                T *at;          \
                size_t n, room; \
        }

/* Makes place for one more of `size` in the array that holds `n` and has room for *room. */
void *vec_grow(struct arena *a, const void *at, size_t n, size_t *room, size_t size);

#define vec_push(a, v)                                                                                \
        ((v)->at = (v)->n < (v)->room ? (v)->at                                                       \
                                      : vec_grow((a), (v)->at, (v)->n, &(v)->room, sizeof(*(v)->at)), \
         &(v)->at[(v)->n++])

#define VEC_EACH(item, v) for (__typeof__(&*(v)->at) item = (v)->at; item && item < (v)->at + (v)->n; item++)

/* True if the text is in a VEC(struct str). */
#define VEC_HAS(v, text) str_is_among((text), (v)->at, (v)->n)
