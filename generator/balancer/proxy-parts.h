/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The HAProxy files of one application: a tree ABSOLUTE/DIRECTORY/FILE, as the generator renders it. */

#include "base/arena.h"
#include "base/vec.h"

#define PROXY_FILE_MAX ((size_t) 16 << 20)

struct proxy_part {
        struct str directory; /* "/run/pyservice/haproxy" */
        struct str name, text;
};

struct proxy_parts {
        VEC(struct proxy_part) list; /* in the order of the directory's listing */
};

/* Reads the tree below `name`. -ENOENT if it does not exist (also while it is being replaced). */
int proxy_parts_read(struct arena *a, int dir, const char *name, struct proxy_parts *ret);

/* Replaces the tree `name`. */
int proxy_parts_write(struct arena *a, int dir, struct str name, const struct proxy_parts *parts);

bool proxy_parts_equal(const struct proxy_parts *a, const struct proxy_parts *b);
