/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Watching instances that are asked over HTTP: what becomes unhealthy after its start is restarted.
 *
 * An instance that has become ready leaves a file in RUNTIME/health/APP, named like its unit, that says how it was asked; so one that was started
 * before its definition changed is asked as before. APP-health.timer runs a round every now and then. Files of units that do not run any
 * more, or run anew, are passed over; RUNTIME/health/APP/.seen holds what the rounds count. */

#include "base/arena.h"
#include "base/vec.h"

/* How an instance is asked. */
struct watched {
        struct str unit;                /* "hello@1.service" */
        struct str invocation;          /* of that start of it, from systemd */
        struct str address, path, codes;
        uint64_t port, timeout, interval, retries;      /* milliseconds */

        /* What is counted. */
        uint64_t n_failed, asked_at;
        struct str problem;             /* of the last round */
};

/* Writes the file at the absolute path; the name of its last part is that of the unit. 0; negative errno. */
int watch_write(struct arena *a, const char *path, const struct watched *w);

struct watch {
        struct arena *arena;
        const char *directory;          /* RUNTIME/health/APP */
        bool is_user;                   /* the user's own systemd */

        VEC(struct str) notes;          /* for the journal */
};

/* Asks those whose interval has passed since they were asked last, all at the same time, and has those restarted that failed too often
 * in a row: one of each service, since the others are perhaps all that still answers. 0; negative errno. */
int watch_round(struct watch *w);

/* Removes the file of a start that is over; not that of a later one. */
void watch_forget(struct arena *a, int directory, const struct watched *w);

/* What these do; pure. */

struct str watch_text(struct arena *a, const struct watched *w);
/* False where it is no such text. */
bool watch_parse(struct str text, struct watched *ret);

struct unit_state {
        struct str unit, state, invocation;
        bool has_job;
};

struct unit_states {
        VEC(struct unit_state) list;
};

/* What systemctl says: "systemctl show --property=Id,ActiveState,InvocationID,Job UNIT…". */
void watch_parse_states(struct arena *a, struct str text, struct unit_states *ret);

/* Is it to be restarted? It runs as it did when it was asked, nobody is about to do anything with it, and it failed too often. */
bool watch_is_due(const struct watched *w, const struct unit_state *state);

/* Does `a` belong to the same service as `b`: "hello@0.service" and "hello@1.service"? */
bool watch_is_sibling(struct str a, struct str b);
