/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The program of pyservice-notify@UNIT.service: leaves a message about a unit that failed. systemd starts
 * it for tasks, timers, builds and parts that are not started again (OnFailure=, publish/notify.c), and
 * the hook of an instance once that counts as failing (hooks/lifecycle.h). */

#include "systemd/bus.h"

struct reporting {
        struct arena *arena;
        struct bus *bus;
        int runtime, state; /* /run/pyservice and /var/lib/pyservice, open */
};

/* 0, also for a unit of no application, or one that failed without being an event; negative errno. */
int report_unit(const struct reporting *p, struct str unit);
