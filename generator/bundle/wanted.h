/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The generator's decision about what is to run: alive.conf, and the file `revision` of the published bundle.
 * A rollout reads it before every step, since each reload may change it.
 *
 *     pyservice-revision 1
 *     runs REVISION           that of the instances; no row: nothing may run yet
 *     wanted REVISION
 *     file REVISION           what the definition is; no row: it is broken
 *     emptied                 services are not to run, so that this is not taken for their scale */

#include "base/arena.h"

struct wanted {
        bool is_alive;                 /* it has a definition */
        bool is_stopped;               /* but is not kept up: the administrator stopped it */
        struct str runs, wanted, file; /* absent for none */
        bool is_emptied;
};

/* `runtime`: /run/pyservice, open. An app that was never published is not alive. */
int wanted_read(struct arena *a, int runtime, struct str app, struct wanted *ret);

/* Like wanted_read(), but does not check if it is alive. -ENOENT if it was never published. */
int wanted_read_revisions(struct arena *a, int runtime, struct str app, struct wanted *ret);

struct str wanted_text(struct arena *a, const struct wanted *w);

/* Like rows_parse(). */
int wanted_parse(struct arena *a, struct str text, struct wanted *ret);
