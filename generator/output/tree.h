/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A tree of files in memory: what one app's bundle is until it is published.
 *
 * Invariants: paths are relative, made by the program from checked names, without "." or ".." parts, and
 * each is there once; after tree_sort() they are in byte order. */

#include <sys/types.h>

#include "base/value.h"
#include "base/vec.h"

/* Which line of the definition a generated key came from; for what Quadlet says of it later. */
struct origin {
        struct str key; /* as Quadlet names it: "Image" */
        struct span at;
};

/* What a file is for a rollout. */
enum tree_kind {
        TREE_REVISION, /* makes instances what they are: a change of it is a new revision */
        TREE_TASK, /* a task's: part of the revision too, but tasks are always those of the revision that is to run */
        TREE_SCALE, /* acts at once: how many there are, and how they are reached */
        TREE_PLAN,  /* what the rollout reads */
};

struct tree_file {
        struct str path;
        struct str text;
        mode_t mode; /* 0644, or 0600 for what holds values */
        enum tree_kind kind;
        struct str owner; /* the unit that it belongs to ("hello", "hello-worker"); absent: the whole app's */
        struct str link;  /* target of a symbolic link; then there is no text */
        struct origin *origins;
        size_t n_origins;
};

struct tree {
        struct arena *arena;
        VEC(struct tree_file) files;
};

/* Adds a file, TREE_REVISION and the app's own; path and text are not copied. The result is valid until
 * the next add. */
struct tree_file *tree_add(struct tree *t, struct str path, mode_t mode, struct str text);

/* Says what a file is that was just added; nothing for NULL. */
void tree_mark(struct tree_file *f, enum tree_kind kind, struct str owner);

void tree_sort(struct tree *t);

/* Needs a sorted tree; NULL where there is none. */
const struct tree_file *tree_find(const struct tree *t, struct str path);

/* Hash of the paths, modes and texts of all files whose path starts with `prefix`; needs a sorted tree. */
struct str tree_hash(const struct tree *t, struct str prefix);
