/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Settings that the tool writes: two drop-ins of a definition that are its own.
 *
 *     /etc/pyservice.d/APP.yaml.d/90-pyservicectl.yaml             lasting
 *     /run/pyservice.d/APP.yaml.d/95-pyservicectl-runtime.yaml     until the next boot; merged over the first
 *
 * The definition itself is never written. All definitions are checked with the drop-ins as they would be,
 * with everything that `check` runs, before any of them is written. */

#include "change/key.h"

struct change {
        struct str app;
        struct key_path key;
        struct node *value; /* NULL: what the tool has set is taken back */
        struct str path;    /* filled in: of the drop-in */
};

struct changes {
        VEC(struct change) list;
        bool is_runtime; /* until the next boot */
};

/* Makes all of them, or none, after one check; systemd has to read them then. Returns 0, or an exit status
 * after reporting why not. */
int changes_make(struct ctl *c, struct changes *changes);
