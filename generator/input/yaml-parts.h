/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of yaml.c share among themselves; nobody else includes this. */

#include "input/yaml.h"

/* What libyaml says when it can't go on; the marks are turned into bytes. */
struct yaml_failure {
        struct str text;                /* the source's */
        uint32_t file;
        const char *problem, *context;  /* constants of libyaml's; may be NULL */
        uint32_t problem_at, context_at;
};

/* Reports characters that no definition may hold, the first of each kind, before libyaml sees the text. False if
 * there are any. Sets *ret_is_ascii when characters and bytes are the same. */
bool yaml_check_bytes(struct diags *ds, uint32_t file, bool *ret_is_ascii);

/* Reports a syntax error in words that say what would be right. */
void yaml_explain(struct diags *ds, const struct yaml_failure *f);

/* Reports keys of a map that are no text, or that are there twice. */
void yaml_check_keys(struct arena *a, struct diags *ds, const struct node *map);
