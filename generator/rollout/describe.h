/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Why a unit did not start, in words for people. */

#include "runtime/bus.h"

struct describing {
        struct arena *arena;
        struct bus *bus;
        bool is_user;
        uint64_t since; /* microseconds since 1970: older lines of its journal say nothing about it */
        struct str unit;
};

/* "not ready within 5min: " and what its check answered. `limit`: microseconds; `answer`: absent for none. */
struct str describe_late(struct arena *a, uint64_t limit, struct str answer);

/* One line: the unit, its check, what that answered, or `text`, if it is not absent; and what its
 * container printed last. */
struct str describe_failure(const struct describing *d, struct str text);

/* The last lines of its journal. */
struct str describe_log(const struct describing *d);
