/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shared by the files of yaml.c; no other file includes this. */

#include "input/yaml.h"

/* The message of libyaml when it can't continue; the marks are converted to bytes. */
struct yaml_failure {
        struct str text; /* the source's */
        uint32_t file;
        const char *problem, *context; /* constants of libyaml's; may be NULL */
        uint32_t problem_at, context_at;
};

/* Reports characters that no definition may hold, the first of each kind, before libyaml sees the text.
 * False if there are any. Sets *ret_is_ascii when characters and bytes are the same. */
bool yaml_check_bytes(struct diags *ds, uint32_t file, bool *ret_is_ascii);

/* Reports a syntax error in words that explain the correct form. */
void yaml_explain(struct diags *ds, const struct yaml_failure *f);

/* Reports keys of a map that are not text, or that appear twice. */
void yaml_check_keys(struct arena *a, struct diags *ds, const struct node *map);

/* A named node of a file. */
struct yaml_anchor {
        struct str name;
        struct span at; /* of the name */
        struct node *node;
        size_t n_nodes;  /* with all that is in it */
        unsigned height; /* of the collections in it */
        bool is_used;
};

struct yaml_anchors {
        struct arena *arena;
        struct diags *diags;
        VEC(struct yaml_anchor) list;
        size_t n_nodes;   /* as if each alias were a copy */
        size_t n_max;     /* the most of them */
        unsigned deepest; /* since it was last set */
};

/* Makes `alias` (its text is the name) what it stands for, with `depth` collections around it. False if it
 * would make the file too large. */
bool yaml_resolve_alias(struct yaml_anchors *anchors, struct node *alias, unsigned depth);

/* Puts the pairs of merge keys among the map's own, which count more. */
void yaml_merge_keys(struct yaml_anchors *anchors, struct node *map);

/* Reports names of single values that no alias uses: such a value more likely begins with '&'. */
void yaml_check_unused(const struct yaml_anchors *anchors);
