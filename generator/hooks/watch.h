/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Watching instances that are asked over HTTP: what becomes unhealthy after its start is restarted.
 *
 * An instance that has become ready leaves a file in RUNTIME/health, named like its unit, that says how it
 * was asked; so one that was started before its definition changed is asked as before.
 * pyservice-watch.path starts one process for all of them when there is a file, and that process ends when
 * there is none. What it counts it keeps in memory: files of units that no longer run, or run again, are
 * passed over. */

#include "runtime/http.h"

/* How an instance is asked. */
struct watched {
        struct str unit;       /* "hello@1.service" */
        struct str invocation; /* of that start of it, from systemd */
        struct http_request request;
        struct str codes;
        uint64_t interval, retries; /* milliseconds */

        /* What is counted. */
        uint64_t id, n_failed, asked_at, next_at;
        uint64_t held_until; /* another instance of its service was restarted a moment ago */
        bool is_asked;
        bool is_doubtful;   /* this process slept meanwhile */
        struct str problem; /* since systemd was last asked */
};

/* Writes the file at the absolute path; the name of its last part is that of the unit. 0; negative errno. */
int watch_write(struct arena *a, const char *path, const struct watched *w);

struct watch {
        struct arena *arena;
        const char *directory;        /* RUNTIME/health */
        bool is_user;                 /* the user's own systemd */
        void (*say)(struct str text); /* for the journal */
};

/* Asks each in its own interval, and has those restarted that failed too often in a row: one of each
 * service in an interval, since the others are perhaps all that still answers. Ends when there is nothing
 * to watch. 0; negative errno. */
int watch_run(struct watch *w);

/* Removes the file of a start that is over; not that of a later one. */
void watch_forget(struct arena *a, int directory, const struct watched *w);

/* The pure part of the functions above. */

struct str watch_text(struct arena *a, const struct watched *w);
/* False where it is no such text. */
bool watch_parse(struct arena *a, struct str text, struct watched *ret);

struct unit_state {
        struct str unit, state, invocation;
        bool has_job;
};

struct unit_states {
        VEC(struct unit_state) list;
};

/* Parses the output of systemctl: "systemctl show --property=Id,ActiveState,InvocationID,Job UNIT…". */
void watch_parse_states(struct arena *a, struct str text, struct unit_states *ret);

/* Is it to be restarted? It runs as it did when it was asked, nobody is about to do anything with it, and
 * it failed too often. */
bool watch_is_due(const struct watched *w, const struct unit_state *state);

/* Does `a` belong to the same service as `b`: "hello@0.service" and "hello@1.service"? */
bool watch_is_sibling(struct str a, struct str b);
