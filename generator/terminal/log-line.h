/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A line of a log, for a terminal and for programs. */

#include "ctl/ctl.h"
#include "systemd/journal-walk.h"

/* One line of text without colours; other bytes that would move a terminal, and bytes that are not text, come
 * as \xNN. */
void log_put_text(struct buf *out, struct str text);

struct log_style {
        bool is_json, is_colored;
        size_t width; /* of the names */
};

/* "NAME | TIME TEXT", for each line of its message; NAME has the same colour each time. Or one JSON object
 * on one line. */
void log_put(struct buf *out, const struct log_style *style, struct str name, const struct journal_entry *e);
