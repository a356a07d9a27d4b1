/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The files that were read, kept whole, so that a message can point into them.
 *
 * Invariants: a source is at most SOURCE_MAX bytes; sources are never removed, so a `struct span` stays valid
 * for the whole run; span.file is an index into sources.list. */

#include "base/value.h"
#include "base/vec.h"

#define SOURCE_MAX ((size_t) 1 << 20)

struct source {
        struct str path; /* as it is to be shown to the user */
        struct str text; /* all its bytes */
};

struct sources {
        VEC(struct source) list;
};

/* Keeps `text` (not copied) under the name `path` (not copied); gives its index. */
uint32_t source_add(struct arena *a, struct sources *s, struct str path, struct str text);

/* Line and column, both from 1, of byte `off`; the column counts characters (UTF-8), as editors do. */
void source_position(const struct source *s, uint32_t off, unsigned *ret_line, unsigned *ret_column);

/* The whole line that holds byte `off`, without its end; *ret_start is the offset of its first byte. */
struct str source_line(const struct source *s, uint32_t off, uint32_t *ret_start);
