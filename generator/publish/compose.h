/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Composes the published bundle of an app from up to three bundles: the one whose instances run (`base`),
 * the one of the file (`file`) and the one that is to run (`target`). Pure.
 *
 *     from base    everything that belongs to a revision (TREE_REVISION): no crash and no scale-up starts an
 *                  untried revision
 *     from file    settings that take effect immediately (TREE_SCALE), as far as they suit instances of base;
 *                  without a file, from base
 *     from target  tasks and the plan; and files that base does not have, so that images are there for the
 *                  spare; parts that start early (see bundle/plan.h) and that base does not have are upheld
 *                  too
 *
 * and, if target is not base, for each service with a spare quadlet/UNIT@next.container, which is target's
 * template. Besides:
 *
 *     units/APP.target.d/50-UNIT.conf         upholds the part, by the record
 *     units/APP.target.d/90-rollout.conf      upholds APP-rollout@TARGET.service
 *     units/UNIT@next.service.d/60-rollout.conf       the spare stops with that rollout
 *     record           the running parts, and their number; see bundle/record.h
 *     manifest         base's files among these, and target's if both are one; see state/stored.h
 *     revision         the revisions in it; see bundle/wanted.h
 *     wanted/          the whole of target, if it is not stored elsewhere */

#include "output/tree.h"
#include "state/hold.h"

/* A bundle and its revision. Sorted. */
struct revision {
        struct str name;
        const struct tree *tree; /* NULL if there is none */
};

struct composition {
        struct str app;
        struct revision base, target; /* without a base nothing may run yet; target is always there */
        struct revision file; /* without a name if it is broken; the tree then may be the published one */
        bool is_emptied;      /* base's services are not to run */
        bool is_stored;       /* target is in /var/lib */
        const struct holds *holds; /* what the administrator stopped; NULL for nothing */
};

/* The result is sorted. */
void compose(struct arena *a, const struct composition *c, struct tree *ret);

/* Adds the drop-ins that uphold what the tree's record lists and the administrator did not stop. */
void compose_uphold(struct tree *t, struct str app);

/* True if the bundle has tasks that come before all its other parts. */
bool compose_has_tasks(const struct tree *t);
