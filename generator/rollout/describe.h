/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Why a unit did not start, or is not ready now, in words for people. The last line that its container
 * printed is quoted if this user may read the journal. */

#include "systemd/bus.h"

struct describing {
        struct arena *arena;
        struct bus *bus;
        bool is_user;
        uint64_t since; /* CLOCK_MONOTONIC, microseconds: older lines of its journal do not concern it */
        struct str unit;
};

/* "not ready within 5min: " and what its check answered. `limit`: microseconds; `answer`: absent for none. */
struct str describe_late(struct arena *a, uint64_t limit, struct str answer);

/* The answer of its check, as far as this user may read it: its status, or the end of its journal. */
struct str describe_answer(const struct describing *d, const struct bus_unit *u);

/* One line: the unit, its check, what that answered, or `text`, if it is not absent; and what its
 * container printed last. */
struct str describe_failure(const struct describing *d, struct str text);

/* "; last line: …", or "" for an absent one. */
struct str describe_printed(struct arena *a, struct str line);

/* The reason why a unit is not ready, as far as it is known now. */
struct described {
        struct str unit;    /* that the text is about: the unit, or another one that its start waits for */
        struct str text;    /* one line */
        uint64_t age;       /* for how many seconds it has been so; 0: it is of no interest */
        uint64_t n_failed;  /* its starts in a row that failed */
        struct str printed; /* the last line that its container printed; absent if that is unknown */
};

/* False if the unit is ready or stopped, or if its start began a moment ago. */
bool describe_now(const struct describing *d, struct described *ret);

/* How a unit that runs again ended before that, "exited with status 3; last line: …", and when (microseconds
 * since 1970). False if the journal does not have it, or this user may not read it. */
bool describe_restart(const struct describing *d, struct str *ret, uint64_t *ret_time);

/* The last lines of its journal. */
struct str describe_log(const struct describing *d);
