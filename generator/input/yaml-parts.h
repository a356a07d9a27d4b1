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

/* Reports a syntax error in words that explain the correct form. */
void yaml_explain(struct diags *ds, const struct yaml_failure *f);
