/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The lines that a command prints while it waits: why the parts of an app are not ready. */

#include "model/view.h"
#include "rollout/reasons.h"

struct waiting {
        struct ctl *ctl;
        const struct view_places *places;
        struct bus *bus; /* NULL: opened when it is needed, and closed by waiting_close() */
        struct bus *own;
        uint64_t next;       /* CLOCK_MONOTONIC, microseconds: when to look again; 0 before the first call */
        struct reasons told; /* in the arena of `ctl` */
};

/* To be called again and again while the command waits for `app`. Returns the lines to print, each with a
 * line feed, or "": each reason once, and none in the first seconds. `is_changing`: its rollout is under way,
 * and spares count. */
struct str waiting_look(struct waiting *w, struct str app, bool is_changing);

/* Like waiting_look(), without a wait. */
struct str waiting_show(struct waiting *w, struct str app, bool is_changing);

void waiting_close(struct waiting *w);
