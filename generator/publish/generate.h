/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A whole run: load, assign ports, render, publish. */

#include "publish/bundle.h"

struct generate {
        const char *root;                /* "/" or --root */
        const char *output;              /* the normal generator directory */
        const char *home, *user_runtime; /* for the user manager; NULL for the system's */
        struct attempt *attempt;         /* guard_run() sets it */
        bool may_wait;                   /* where /var/lib/pyservice is not there at boot */
};

/* Returns the exit status: 0, 1 if a definition has errors, EXIT_SYSTEM if the system failed; then call
 * generate_fallback(). */
int generate_run(const struct generate *g);

/* Assigns ports, renders and publishes what was loaded; negative errno. */
int generate_publish(struct world *w, struct publisher *p);

/* Links what was published before; negative errno. */
int generate_fallback(const struct generate *g);
