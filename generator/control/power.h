/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pyservicectl start, stop and restart: which units they are about, and waiting for them.
 *
 * What there is of an app is what its target upholds, or would if nothing of it were stopped: the drop-ins
 * of the published bundle, which everybody may read. */

#include "model/view.h"
#include "runtime/bus.h"
#include "state/hold.h"

struct power_unit {
        struct str part; /* "shop-worker" */
        struct str upheld,
                unit; /* both "shop-worker@2.service"; of what is started once the first is "shop-worker-once@2.target" */
        uint64_t number;
        bool is_instance, is_once;
};

/* One app of the command line. */
struct power {
        struct ctl *ctl;
        const struct view_places *places;
        struct str app;
        VEC(struct power_unit) units; /* by part, then by number */
        struct holds holds;           /* what is stopped */
        struct holds wishes;          /* what the command line names, as if all that were stopped now */
};

struct powers {
        struct ctl *ctl;
        struct view_places places;
        VEC(struct power) list;
        struct bus *bus;
        int stop; /* restart: what the bus is interrupted by */
};

/* Reads the units anew. Negative errno. */
int power_read_units(struct power *p);

/* What the command line names; all of it is there. Gives 0, or an exit status after having said why; to be
 * closed either way. */
int power_open(struct ctl *c, const char *verb, struct powers *ret);
void power_close(struct powers *ps);

/* Of root alone: -EACCES and the like, in words. Gives the exit status. */
int power_fail(struct power *p, int r);

/* Reads anew what is stopped. Gives 0, or an exit status after having said why. */
int power_read_holds(struct power *p);

/* "shop", "shop@1", "shop/worker@2": as the command line has it. */
struct str power_word(const struct power *p, const struct hold *hold);
struct str power_unit_word(const struct power *p, const struct power_unit *u);

static inline bool power_is_wished(const struct power *p, const struct power_unit *u) {
        return hold_find(&p->wishes, u->unit);
}

/* Asks for a job for the unit, to be waited for. Negative errno. */
struct power_jobs {
        VEC(struct bus_job *) list;
};

int power_add_job(struct powers *ps, struct power_jobs *jobs, enum bus_verb verb, struct str unit);

/* Until all are over, well or not. Negative errno. */
int power_wait(struct powers *ps, const struct power_jobs *jobs);

/* Is the unit as it is to be after a start: active or, of what is started once, done with? */
int power_is_up(struct powers *ps, const struct power_unit *u, bool *ret);

/* Forgets that the unit has failed: a spare that we stopped while it started counts as failed, and what
 * had its `max_starts` would not start again. Negative errno. */
int power_forget_failure(struct powers *ps, struct str unit);

/* Says on standard error that the unit did not come up, and why; `since`: when that was tried,
 * microseconds since 1970. */
void power_complain(struct powers *ps, const struct power_unit *u, uint64_t since);
