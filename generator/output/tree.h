/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A tree of files in memory: what one app's bundle is until it is published.
 *
 * Invariants: paths are relative, made by the program from checked names, without "." or ".." parts, and each is
 * there once; after tree_sort() they are in byte order. */

#include <sys/types.h>

#include "base/value.h"
#include "base/vec.h"

/* Which line of the definition a generated key came from; for what Quadlet says of it later. */
struct origin {
        struct str key;                 /* as Quadlet names it: "Image" */
        struct span at;
};

struct tree_file {
        struct str path;
        struct str text;
        mode_t mode;                    /* 0644, or 0600 for what holds values */
        struct str link;                /* target of a symbolic link; then there is no text */
        struct origin *origins;
        size_t n_origins;
};

struct tree {
        struct arena *arena;
        VEC(struct tree_file) files;
};

/* Adds a file; path and text are not copied. The result is valid until the next add. */
struct tree_file *tree_add(struct tree *t, struct str path, mode_t mode, struct str text);

void tree_sort(struct tree *t);

/* Needs a sorted tree; NULL where there is none. */
const struct tree_file *tree_find(const struct tree *t, struct str path);

/* Hash of the paths, modes and texts of all files whose path starts with `prefix`; needs a sorted tree. */
struct str tree_hash(const struct tree *t, struct str prefix);
