/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* YAML 1.1 (libyaml's events) into a tree of our own with byte spans.
 *
 * What a definition has no need of is refused, each with its own diagnostic: anchors, aliases, tags,
 * duplicate keys, keys that are no plain text, further documents, NUL and other control bytes (also as
 * escapes), CR, NEL, LS and PS, nesting over YAML_DEPTH_MAX, files over SOURCE_MAX. libyaml's marks count
 * characters; yaml.c turns them into bytes with one forward cursor. */

#include "input/diag.h"

enum { YAML_DEPTH_MAX = 16 };

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
        bool plain;          /* a scalar written without quotes and not as a block */
        bool is_refused;     /* a mistake in it was reported already; its text means nothing */
        struct span at;      /* the whole of it; includes the quotes */
        struct str tag;      /* "!vault": only of a foreign file; else absent */
        struct str text;     /* a scalar's value, NUL-ended; never holds a byte below ' ' but \n and \t */
        struct node **items; /* a list's */
        struct pair *pairs;  /* a map's, in the file's order */
        size_t n;            /* of items or pairs */
};

/* Parses source `file` of ds->sources. *ret is the document's root, NULL for an empty file or where an
 * error was reported. What can be reported in one go is: after a duplicate key or a refused tag parsing
 * goes on; after a syntax error it can't. */
void yaml_parse(struct arena *a, struct diags *ds, uint32_t file, struct node **ret);

/* The same for a file that was written for another program: anchors, aliases and merge keys ("<<") are
 * resolved, so that nodes are shared, and tags are kept. What aliases would blow up past YAML_FOREIGN_MAX
 * nodes or YAML_DEPTH_MAX is refused. */
enum { YAML_FOREIGN_MAX = 65536 };
void yaml_parse_foreign(struct arena *a, struct diags *ds, uint32_t file, struct node **ret);

/* The value of `key` in a map; NULL where there is none or `map` is no map. */
struct node *node_get(const struct node *map, const char *key);

/* Is it null, or no value at all? */
bool node_is_null(const struct node *n);
