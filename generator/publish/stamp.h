/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The record of a published bundle, in apps/APP/stamp: enough to know that it need not be made again, and to
 * link its units without reading its directories.
 *
 *     pyservice-stamp 1
 *     hashes TREE QUADLET HAPROXY NGINX SCALE
 *                     of the whole tree, with the versions of Quadlet's program and of this layout; of
 *                     quadlet/ with the same; of haproxy/ and nginx/, "-" without them; of immediate settings
 *     unit PATH       "units/shop.target", "units/shop@.service.d/10-ports.conf", "retired/old.service" */

#include "output/tree.h"

struct stamp {
        struct str tree, quadlet, haproxy, nginx, scale; /* absent if there is no bundle */
        VEC(struct str) units;                           /* in byte order */
};

/* The stamp of apps/APP; all zero if there is none, or if it is not valid. */
int stamp_read(struct arena *a, int apps, struct name app, struct stamp *ret);

/* That of a tree that is to be published; `identity` stands for Quadlet's program. The units are those of
 * the tree, and those that Quadlet is to make. */
void stamp_make(const struct tree *t, struct str identity, struct stamp *ret);

/* Its first line alone, with `prefix` absent or empty; or the second with "quadlet/". */
struct str stamp_hash(const struct tree *t, struct str prefix, struct str identity);

/* After units were added. */
void stamp_sort(struct stamp *s);

/* A text that changes with Quadlet's program, or with the layout of bundles; -ENOENT if the program is not
 * installed. */
int stamp_identify(struct arena *a, const char *program, struct str *ret);

bool stamp_has_unit(const struct stamp *s, struct str unit);

struct str stamp_text(struct arena *a, const struct stamp *s);

/* The unit that Quadlet makes of a file: "shop.network" gives "shop-network.service". Absent if it makes
 * none. */
struct str stamp_unit_of(struct arena *a, struct str quadlet_file);
