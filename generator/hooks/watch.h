/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Watches instances with probes over HTTP: an instance that becomes unhealthy after its start is restarted.
 *
 * An instance that has become ready leaves a file in RUNTIME/health, named like its unit, with its probe; so
 * an instance that was started before its definition changed is probed as before. pyservice-watch.path starts
 * one process for all of them when there is a file, and that process ends when there is none. Its counters
 * are in memory: files of units that no longer run, or were restarted, are skipped. The files have the format
 * of bundle/rows.h; those of an earlier pyservice, which have no version line, are read too. */

#include "runtime/http.h"
#include "systemd/bus.h"

/* The probe of an instance. */
struct watched {
        struct str unit;       /* "hello@1.service" */
        struct str invocation; /* of that start of it, from systemd */
        struct http_request request;
        struct str codes;
        uint64_t interval, retries; /* milliseconds */

        /* The counted failures. */
        uint64_t id, n_failed, asked_at, next_at;
        uint64_t held_until; /* another instance of its service was restarted a moment ago */
        bool is_asked;
        bool is_doubtful;   /* this process slept meanwhile */
        struct str problem; /* since the last query to systemd */
};

/* Writes the file at the absolute path; the name of its last part is that of the unit. 0; negative errno. */
int watch_write(struct arena *a, const char *path, const struct watched *w);

struct watch {
        struct arena *arena;
        const char *directory;        /* RUNTIME/health */
        bool is_user;                 /* the user's own systemd */
        void (*say)(struct str text); /* for the journal */
};

/* Probes each instance in its own interval, and restarts those that failed too often in a row: one of each
 * service in an interval, since the others may be the only ones that still answer. Ends when there is nothing
 * to watch. 0; negative errno. */
int watch_run(struct watch *w);

/* Removes the file of a start that is over; not that of a later one. */
void watch_forget(struct arena *a, int directory, const struct watched *w);

/* The pure part of the functions above. */

struct str watch_text(struct arena *a, const struct watched *w);
/* Like rows_parse(). */
int watch_parse(struct arena *a, struct str text, struct watched *ret);

/* True if it is to be restarted: it runs since it was probed, no job acts on it, and it failed too often. */
bool watch_is_due(const struct watched *w, const struct bus_unit *u);

/* True if `a` belongs to the same service as `b`, like "hello@0.service" and "hello@1.service". */
bool watch_is_sibling(struct str a, struct str b);
