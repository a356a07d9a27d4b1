/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Decoding of single values; the walk over rows is in schema.c. */

#include "schema/schema.h"

struct decoder {
        struct arena *arena;
        struct diags *ds;
        const struct schema *top; /* of the whole file */
};

/* Decodes a scalar into the refined type `kind` at `member`. `f` gives bounds, choices and flags. False if a
 * error was reported; `member` then stays as it was. */
bool decode_scalar(struct decoder *d, const struct field *f, enum kind kind, const struct node *node,
                   void *member);

/* A scalar, a list (where `f` allows it) or {secret: NAME}. */
bool decode_value(struct decoder *d, const struct field *f, const struct node *node, struct value *ret);

/* A string or a list of strings. */
bool decode_words(struct decoder *d, const struct field *f, const struct node *node, struct raw_list *ret);

/* Splits `text` as a shell does (quotes and backslashes, no expansion). Gives what is wrong, or NULL. */
const char *decode_split(struct arena *a, struct str text, struct span at, struct raw_list *ret_words);

/* Hides in `node`, which is refused where rows of `s` were expected, what none of them knows as no secret. */
void decode_hide(struct diags *ds, const struct schema *s, const struct node *node);

/* Like decode_hide(), for a value that is refused where `f` was perhaps intended; hides everything if no row
 * is near (NULL), or if the row may be secret. */
void decode_hide_value(struct diags *ds, const struct field *f, const struct node *value);

/* The name of a schema in a message: "auth tracking". */
struct str decode_name(struct arena *a, const struct schema *s);

/* `before` and an example of the map that `key` takes; empty for a key whose map nobody expects to be
 * shorter. */
struct str advise_map(struct arena *a, struct str before, struct str key);

/* Reports that `pair` has a key that `s` does not have, with what would be right. */
void decode_unknown(struct decoder *d, const struct schema *s, const struct pair *pair);
