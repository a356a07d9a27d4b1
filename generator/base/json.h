/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Writes JSON that may be printed to a terminal, even if its texts come from a container: control characters
 * are escapes, and each byte that is not UTF-8 is U+FFFD. All commands use it, so that they have one form: a
 * member or an element on each line, two spaces for each level, null for what is unknown. */

#include "base/buf.h"

/* { .out = … } is a good start. */
struct json_writer {
        struct buf *out;
        unsigned depth;
        bool is_open;     /* the last thing written was an opening bracket */
        bool is_one_line; /* all of it on one line */
};

/* Each writes one value. `key`: of a member; NULL for an element of a list, and for the whole. A text that is
 * absent is null. */
void json_open(struct json_writer *w, const char *key, char bracket);
void json_close(struct json_writer *w, char bracket);
void json_text(struct json_writer *w, const char *key, struct str value);
void json_number(struct json_writer *w, const char *key, uint64_t value);
void json_count(struct json_writer *w, const char *key, uint64_t value); /* UINT64_MAX: unknown */
void json_bool(struct json_writer *w, const char *key, bool value);
void json_maybe(struct json_writer *w, const char *key, bool is_known, bool value);
void json_null(struct json_writer *w, const char *key);

/* A number, true, false or null as it is written in JSON; null if it is absent. */
void json_plain(struct json_writer *w, const char *key, struct str value);
