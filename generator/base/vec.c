/* SPDX-License-Identifier: Apache-2.0 */
#include "base/vec.h"

void *vec_grow(struct arena *a, const void *at, size_t n, size_t *room, size_t size) {
        size_t more = *room > 0 ? *room * 2 : 4;
        char *fresh;

        if (arena_extend(a, at, *room * size, (more - *room) * size)) {
                *room = more;
                return (void *) (uintptr_t) at;
        }

        fresh = arena_alloc_array(a, more, size, alignof(max_align_t));
        if (n > 0)
                memcpy(fresh, at, n * size);

        *room = more;
        return fresh;
}
