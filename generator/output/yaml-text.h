/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* YAML for people, with comments, which libyaml's emitter cannot write: a tree, and its text.
 *
 * Any text comes out as one scalar that every reader of YAML 1.1 and 1.2 takes for a text, and a comment
 * stays a comment. Bytes that are not UTF-8 become '?'. A name of a key is used once in a map. */

#include "base/buf.h"
#include "base/vec.h"

enum yaml_shape { YAML_TEXT_SCALAR, YAML_TEXT_LIST, YAML_TEXT_MAP };

struct yaml_text {
        enum yaml_shape shape;
        struct str key;     /* in a map */
        struct str comment; /* the lines above it; absent for none */
        struct str text;    /* a scalar's */
        bool is_plain;      /* a number, or true or false: never quoted */
        VEC(struct yaml_text *) items;
};

struct yaml_text *yaml_text_new(struct arena *a, enum yaml_shape shape);

/* NULL if the map has no such key. */
struct yaml_text *yaml_text_find(const struct yaml_text *map, struct str key);

/* The item at `key`, made if it does not exist; an existing item gets the `shape`, and loses its text. */
struct yaml_text *yaml_text_put(struct arena *a, struct yaml_text *map, struct str key,
                                enum yaml_shape shape);
struct yaml_text *yaml_text_put_text(struct arena *a, struct yaml_text *map, struct str key, struct str text);

/* Only for what is made of digits, or true or false. */
struct yaml_text *yaml_text_put_plain(struct arena *a, struct yaml_text *map, struct str key,
                                      struct str text);

/* A further item of a list. */
struct yaml_text *yaml_text_add(struct arena *a, struct yaml_text *list, enum yaml_shape shape);
struct yaml_text *yaml_text_add_text(struct arena *a, struct yaml_text *list, struct str text);

/* A further paragraph above it. */
void yaml_text_remark(struct arena *a, struct yaml_text *item, struct str paragraph);

/* The whole document: the root's comment, then the list or map that the root is. A root that is a scalar is
 * its comment alone. A comment that is not wrapped keeps its lines, which may be commands. */
void yaml_text_write(struct buf *out, const struct yaml_text *root, bool is_wrapped);
