/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Comparing paths by their text. They have no '/' at the end and no "." or ".." in them. */

#include <string.h>

#include "base/str.h"

/* The part after the last '/'. */
static inline struct str path_name(struct str path) {
        const char *slash = path.n > 0 ? memrchr(path.p, '/', path.n) : NULL;

        return slash ? str_from(path, (size_t) (slash - path.p) + 1) : path;
}

/* True if `path` is below `directory`. */
static inline bool path_is_below(struct str path, struct str directory) {
        return path.n > directory.n + 1 && str_has_prefix(path, directory) && path.p[directory.n] == '/';
}

/* True if `path` is this directory, or below it. */
static inline bool path_is_within(struct str path, struct str directory) {
        return str_eq(path, directory) || path_is_below(path, directory);
}
