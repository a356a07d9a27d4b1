/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of yaml.c share among themselves; nobody else includes this. */

#include "input/yaml.h"

/* What libyaml says when it can't go on; the marks are turned into bytes. */
struct yaml_failure {
        struct str text; /* the source's */
        uint32_t file;
        const char *problem, *context; /* constants of libyaml's; may be NULL */
        uint32_t problem_at, context_at;
};

/* Reports characters that no definition may hold, the first of each kind, before libyaml sees the text.
 * False if there are any. Sets *ret_is_ascii when characters and bytes are the same. */
bool yaml_check_bytes(struct diags *ds, uint32_t file, bool *ret_is_ascii);

/* Reports a syntax error in words that say what would be right. */
void yaml_explain(struct diags *ds, const struct yaml_failure *f);

/* Reports keys of a map that are no text, or that are there twice. */
void yaml_check_keys(struct arena *a, struct diags *ds, const struct node *map);

/* What has a name in a foreign file, and how large it all is. */
struct yaml_anchor {
        struct str name;
        struct node *node;
        size_t n_nodes;  /* with all that is in it */
        unsigned height; /* of the collections in it */
};

struct yaml_foreign {
        struct arena *arena;
        struct diags *diags;
        VEC(struct yaml_anchor) anchors;
        size_t n_nodes;   /* as if each alias were a copy */
        unsigned deepest; /* since it was last set */
};

/* The node that `alias` (its text is the name) stands for, `depth` collections around it; NULL where it
 * was refused. */
struct node *yaml_resolve_alias(struct yaml_foreign *f, const struct node *alias, unsigned depth);

/* Puts the pairs of merge keys among the map's own, which count more. */
void yaml_merge_keys(struct yaml_foreign *f, struct node *map);
