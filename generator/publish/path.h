/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Paths put together on the stack, since publishing names each file a few times and the arena would keep
 * them all. */

#include <limits.h>

#include "base/arena.h"

struct path {
        char text[PATH_MAX + 1];
};

/* The parts one after another. One that is too long comes out PATH_MAX bytes long: the kernel refuses it with
 * ENAMETOOLONG. */
const char *path_join_n(struct path *path, const struct str *parts, size_t n);
#define path_join(path, ...)                                     \
        path_join_n((path), (const struct str[]){ __VA_ARGS__ }, \
                    ARRAY_SIZE(((const struct str[]){ __VA_ARGS__ })))
