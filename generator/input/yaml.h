/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* YAML 1.1 (libyaml's events) into a tree of our own with byte spans.
 *
 * Anchors, aliases and merge keys ("<<", yaml.org/type/merge) are resolved, so that nodes are shared: nobody
 * changes a node of a file. Features that a definition does not need are refused, each with its own
 * diagnostic: tags, duplicate keys, keys that are not plain text, further documents, NUL and other control
 * bytes (also as escapes), CR, NEL, LS and PS, nesting over YAML_DEPTH_MAX, aliases that would make more than
 * YAML_NODES_MAX nodes, files over SOURCE_MAX. A byte order mark at the start is skipped. libyaml's marks
 * count characters; yaml.c turns them into bytes with one forward cursor. */

#include "input/diag.h"

enum { YAML_DEPTH_MAX = 16, YAML_NODES_MAX = 10000, YAML_FOREIGN_NODES_MAX = 65536 };

enum node_kind {
        NODE_SCALAR,
        NODE_LIST,
        NODE_MAP,
};

struct pair {
        struct node *key, *value; /* the key is a scalar */
};

struct node {
        enum node_kind kind;
        bool plain;      /* a scalar written without quotes and not as a block */
        bool is_refused; /* an error in it was reported already; its text has no meaning */
        struct span
                at; /* the whole of it; includes the quotes. Where it was reached by an alias: the alias */
        struct str tag;      /* "!vault": only of a foreign file; else absent */
        struct str text;     /* a scalar's value, NUL-ended; never holds a byte below ' ' but \n and \t */
        struct node **items; /* a list's */
        struct pair *pairs;  /* a map's, in the file's order */
        size_t n;            /* of items or pairs */
};

/* Parses source `file` of ds->sources. *ret is the document's root, NULL for an empty file or if an error was
 * reported. One run reports as many errors as possible: parsing continues after a duplicate key or a refused
 * tag, but it can't continue after a syntax error. */
void yaml_parse(struct arena *a, struct diags *ds, uint32_t file, struct node **ret);

/* Like yaml_parse(), for a file that was written for another program: tags are kept, and the limit is
 * YAML_FOREIGN_NODES_MAX. */
void yaml_parse_foreign(struct arena *a, struct diags *ds, uint32_t file, struct node **ret);

/* The value of `key` in a map; NULL if there is none or `map` is not a map. */
struct node *node_get(const struct node *map, const char *key);

/* The pair of `key` in a map; NULL if there is none or `map` is not a map. */
struct pair *node_find_pair(const struct node *map, struct str key);

/* A map with the pairs of `map`, none if that is not a map, and room for so many more. Their keys and values
 * are those of `map`. */
struct node *node_copy_map(struct arena *a, const struct node *map, size_t room);

/* True if their values are equal, and the pairs of maps have the same order. */
bool node_is_equal(const struct node *x, const struct node *y);

/* True if it is null, or not a value at all. */
bool node_is_null(const struct node *n);
