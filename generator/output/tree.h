/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A tree of files in memory: what one app's bundle is until it is published.
 *
 * Invariants: paths are relative, made by the program from checked names, without "." or ".." parts, and
 * each is there once; after tree_sort() they are in byte order. */

#include <sys/types.h>

#include "base/value.h"
#include "base/vec.h"

/* The line of the definition that a generated key came from; for Quadlet's messages about the key. */
struct origin {
        struct str key; /* as Quadlet names it: "Image" */
        struct span at;
};

/* The meaning of a file for a rollout. */
enum tree_kind {
        TREE_REVISION, /* defines the instances: a change of it is a new revision */
        TREE_TASK,     /* a task's: part of the revision, but tasks always come from the wanted revision */
        TREE_SCALE,    /* takes effect immediately: the number of instances, and their addresses */
        TREE_PLAN,     /* input of the rollout */
};

struct tree_file {
        struct str path;
        struct str text;
        bool is_private; /* holds values: only root may read it */
        enum tree_kind kind;
        struct str owner; /* the unit that it belongs to ("hello", "hello-worker"); absent: the whole app's */
        struct str link;  /* target of a symbolic link, which has no text */
        struct origin *origins;
        size_t n_origins;
};

struct record;
struct plan;

struct tree {
        struct arena *arena;
        VEC(struct tree_file) files;
        /* The content of the files `record` and `rollout` (bundle/record.h, bundle/plan.h); NULL without
         * them. */
        struct record *record;
        struct plan *plan;
};

/* Adds a file, TREE_REVISION and the app's own; path and text are not copied. The result is valid until
 * the next add. */
struct tree_file *tree_add(struct tree *t, struct str path, mode_t mode, struct str text);

/* 0644, or 0600 if it is private. */
static inline mode_t tree_mode(const struct tree_file *f) {
        return f->is_private ? 0600 : 0644;
}

/* Sets the kind of a file that was just added; nothing for NULL. */
void tree_mark(struct tree_file *f, enum tree_kind kind, struct str owner);

void tree_sort(struct tree *t);

/* Needs a sorted tree; NULL if there is none. */
const struct tree_file *tree_find(const struct tree *t, struct str path);

/* Hash of the paths, modes and texts of all files whose path starts with `prefix`; needs a sorted tree. */
struct str tree_hash(const struct tree *t, struct str prefix);
