/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A tree of nodes as text again: YAML that reads back as the same tree, or JSON. Quoted values stay
 * quoted. */

#include "ctl/ctl.h"

/* On one line: lists and maps in brackets. */
void node_put_inline(struct buf *out, const struct node *node);

/* The comment behind a line; absent if there is none. */
struct node_notes {
        struct str (*of)(void *from, const struct node *node);
        void *from;
};

/* On lines of its own, each behind `indent` blanks, a single value too. `notes` may be NULL. */
void node_put_lines(struct buf *out, const struct node *node, unsigned indent,
                    const struct node_notes *notes);

/* A value as a shell wants it: a single one without quotes, others as lines. */
void node_put_bare(struct buf *out, const struct node *node);

/* Plain true, false and numbers are that in JSON too, all other values texts. `key` as for json_open(). */
struct json_writer;
void node_put_json(struct json_writer *e, const char *key, const struct node *node);
