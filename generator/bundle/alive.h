/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which applications systemd keeps up: alive.conf, a drop-in of pyservice.target (publish/uphold.c writes
 * it). It has a line "Upholds=APP.target" for each that has a definition and a bundle;
 * "X-Stopped=APP.target" where the administrator stopped it. */

#include "base/arena.h"
#include "base/vec.h"

struct alive_app {
        struct str name;
        bool is_stopped;
};

struct alive {
        VEC(struct alive_app) apps; /* in the order of the file */
};

/* The names stay in the text. */
void alive_parse(struct arena *a, struct str text, struct alive *ret);

/* `runtime`: /run/pyservice, open. Without the file none is alive. */
int alive_read(struct arena *a, int runtime, struct alive *ret);

/* NULL if it is not alive. */
const struct alive_app *alive_find(const struct alive *alive, struct str app);
