/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pyservicectl start, stop and restart: the units that they act on, and waiting for them.
 *
 * The units of an app are those that its target upholds, or would uphold if none was stopped. They are in the
 * record of the published bundle, which all users can read. */

#include "model/waiting.h"
#include "state/hold.h"
#include "systemd/bus.h"

struct power_unit {
        struct str part; /* "shop-worker" */
        struct str
                upheld;  /* "shop-worker@2.service", or "shop-worker-once@2.target" of what is started once */
        struct str unit; /* "shop-worker@2.service" */
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
        struct waiting waiting;
};

struct powers {
        struct ctl *ctl;
        struct view_places places;
        VEC(struct power) list;
        struct bus *bus;
        int stop; /* restart: what the bus is interrupted by */
};

/* Reads the units again. Negative errno. */
int power_read_units(struct power *p);

/* The parts that the command line names; all of them exist. Returns 0, or an exit status after reporting why;
 * to be closed either way. */
int power_open(struct ctl *c, struct powers *ret);
void power_close(struct powers *ps);

/* Explains that an action needs root: -EACCES and the like, in words. Returns the exit status. */
int power_fail(struct power *p, int r);

/* Reads the list of stopped parts again. Returns 0, or an exit status after reporting why. */
int power_read_holds(struct power *p);

/* "shop", "shop@1", "shop/worker@2": as the command line has it. */
struct str power_word(const struct power *p, const struct hold *hold);
struct str power_unit_word(const struct power *p, const struct power_unit *u);

static inline bool power_is_wished(const struct power *p, const struct power_unit *u) {
        return hold_find(&p->wishes, u->unit);
}

/* Requests a job for the unit; the caller waits for it. Negative errno. */
struct power_jobs {
        VEC(struct bus_job *) list;
};

int power_add_job(struct powers *ps, struct power_jobs *jobs, enum bus_verb verb, struct str unit);

/* Until all are over, well or not. Negative errno. */
int power_wait(struct powers *ps, const struct power_jobs *jobs);

/* To be called while it waits: prints on standard error why parts are not ready, each reason once, if that
 * lasts. */
void power_explain(struct powers *ps, struct power *p);

/* True if the unit is as it should be after a start: active or, for a part that is started once, done. */
int power_is_up(struct powers *ps, const struct power_unit *u, bool *ret);

/* Forgets that the unit has failed: a spare that we stopped while it started counts as failed, and what
 * had its `max_starts` would not start again. Negative errno. */
int power_forget_failure(struct powers *ps, struct str unit);

/* Prints on standard error that the unit did not come up, and why; `since`: when that was tried,
 * CLOCK_MONOTONIC, microseconds. */
void power_complain(struct powers *ps, const struct power_unit *u, uint64_t since);
