/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Composes the published bundle of an app from up to three bundles: the one whose instances run (`base`),
 * the one that the file says (`file`) and the one that is to run (`target`). Pure.
 *
 *     of base      what makes instances what they are (TREE_REVISION): no crash and no scale-up starts what nobody tried
 *     of file      what acts at once (TREE_SCALE), as far as it suits instances of base; where there is no file, of base
 *     of target    tasks and the plan; and what base does not have, so that images are there for the spare; what starts
 *                  early (see rollout/plan.h) and base does not have is upheld too
 *
 * and, where target is another than base, for each service with a spare quadlet/UNIT@next.container, which
 * is target's template. Besides:
 *
 *     units/APP.target.d/90-rollout.conf      upholds APP-rollout@TARGET.service
 *     units/UNIT@next.service.d/60-rollout.conf       the spare goes with that rollout
 *     record           what runs now, and how many; see bundle/record.h
 *     manifest         what is base's of all this, and target's where they are one; see state/stored.h
 *     revision         "runs REVISION" ("-": nothing may run yet), "wanted REVISION", "file REVISION" ("-": it is broken);
 *                      "emptied" where services are not to run, so that nobody takes this for their scale
 *     wanted/          target as a whole, where it is stored nowhere */

#include "output/tree.h"
#include "state/hold.h"

/* A bundle and its revision. Sorted. */
struct revision {
        struct str name;
        const struct tree *tree; /* NULL where there is none */
};

struct composition {
        struct str app;
        struct revision base, target; /* without a base nothing may run yet; target is always there */
        struct revision file; /* without a name where it is broken; the tree then may be what is published */
        bool is_emptied;      /* base's services are not to run */
        bool is_stored;       /* target is in /var/lib */
        const struct holds *holds; /* what the administrator stopped; NULL for nothing */
};

/* The result is sorted. */
void compose(struct arena *a, const struct composition *c, struct tree *ret);

/* Has the bundle tasks that come before anything else of it runs? */
bool compose_has_tasks(const struct tree *t);
