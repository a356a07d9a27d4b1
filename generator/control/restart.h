/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pyservicectl restart. */

#include "bundle/plan.h"
#include "control/power.h"

struct restarting {
        struct powers *ps;
        struct power *p;
        struct plan plan;
        bool is_settled;         /* what runs is what is wanted: the spare would be the same */
        struct power_unit spare; /* that we started; without a unit if there is none */
        bool is_first;           /* the first batch of a part: it has to stay up, too */
        struct power_jobs jobs;  /* of the batch */
        uint64_t n_left;         /* units whose turn has not come */
};

/* If all `n` instances of the service of `u` would be away at a time: starts its spare, and takes it into
 * HAProxy. Negative errno; -ENOTRECOVERABLE if it does not start, after reporting it. */
int restart_begin_spare(struct restarting *r, const struct power_unit *u, size_t n);

/* Stops it, with its drain, if there is one. */
int restart_end_spare(struct restarting *r);
