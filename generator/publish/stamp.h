/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The record of a published bundle, in apps/APP/stamp: enough to know that it need not be made again, and
 * to link its units without looking into its directories.
 *
 *     line 1   hash of the whole tree; what tells Quadlet's program from others, and this layout from others
 *     line 2   hash of quadlet/; the same
 *     line 3   hash of haproxy/; "-" where there is none
 *     line 4   hash of nginx/; the same
 *     line 5   hash of what acts at once (TREE_SCALE)
 *     then     the units, one a line: "units/shop.target", "units/shop@.service.d/10-ports.conf", "retired/old.service" */

#include "output/tree.h"

struct stamp {
        struct str tree, quadlet, haproxy, nginx, scale; /* absent where there is no bundle */
        VEC(struct str) units;                           /* in byte order */
};

/* That of apps/APP; all zero where there is none, or none that can be understood. */
int stamp_read(struct arena *a, int apps, struct name app, struct stamp *ret);

/* That of a tree that is to be published; `identity` stands for Quadlet's program. The units are those of
 * the tree, and those that Quadlet is to make. */
void stamp_make(const struct tree *t, struct str identity, struct stamp *ret);

/* Its first line alone, with `prefix` absent or empty; or the second with "quadlet/". */
struct str stamp_hash(const struct tree *t, struct str prefix, struct str identity);

/* After units were added. */
void stamp_sort(struct stamp *s);

/* A text that differs when Quadlet's program does, or the layout of bundles; -ENOENT where it is not
 * there. */
int stamp_identify(struct arena *a, const char *program, struct str *ret);

bool stamp_has_unit(const struct stamp *s, struct str unit);

struct str stamp_text(struct arena *a, const struct stamp *s);

/* The unit that Quadlet makes of a file: "shop.network" gives "shop-network.service". Absent where it
 * makes none. */
struct str stamp_unit_of(struct arena *a, struct str quadlet_file);
