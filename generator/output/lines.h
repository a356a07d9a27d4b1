/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Files of plain lines: environment files, templates, and lists whose words are separated by one blank and
 * whose readers know no quoting. Words are refined types that can't hold a blank, or literals of the
 * program. */

#include "output/env.h"
#include "output/tree.h"

struct lines;

struct lines *lines_new(struct arena *a);

/* A word of a list's line; the first one has no blank before it. Aborts on a blank or line feed: a bug. */
#define lines_word(l, value) lines_word_text((l), REFINED_TEXT(value))
void lines_word_text(struct lines *l, struct str text);
#define lines_const(l, literal) lines_word_text((l), STR("" literal ""))
void lines_number(struct lines *l, uint64_t value);
void lines_end(struct lines *l);

/* A value that may hold blanks, as a line of its own. Aborts on a line feed: a bug. */
#define lines_whole(l, value) lines_whole_text((l), REFINED_TEXT(value))
void lines_whole_text(struct lines *l, struct str text);

/* NAME=VALUE for Podman (env_file_put), and a template for pyservice-environment (env_template_put). */
void lines_env(struct lines *l, struct env_name name, struct str value);
void lines_env_template(struct lines *l, struct env_name name, const struct env_piece *pieces, size_t n);

/* The text so far, for hashing. */
struct str lines_text(struct lines *l);

/* Adds the file to the tree; NULL, and nothing is added, if there are no lines. */
struct tree_file *lines_finish(struct lines *l, struct tree *t, struct str path, mode_t mode);
