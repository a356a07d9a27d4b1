/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reads the generator's decision about what shall run: alive.conf, and apps/APP/revision ("runs REVISION"
 * and "wanted REVISION"; "-" for none). It is looked at before every step, since each reload may change
 * it. */

#include "base/arena.h"

struct wanted {
        bool is_alive;                 /* it has a definition */
        bool is_stopped;               /* but is not kept up: the administrator stopped it */
        struct str runs, wanted, file; /* absent for none; file: what the definition says, good or not */
};

/* `runtime`: /run/pyservice, open. An app that was never published is not alive. */
int wanted_read(struct arena *a, int runtime, struct str app, struct wanted *ret);

/* From the texts of the two files. */
void wanted_parse(struct arena *a, struct str app, struct str alive, struct str revision, struct wanted *ret);
