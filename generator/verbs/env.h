/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pyservicectl env: what a part finds in its environment, and where each variable comes from. */

#include "control/run.h"

struct env_line {
        struct str name;
        struct str kind;                /* "definition", "env-file", "config", "default", "contract", "pyservice" */
        struct str origin;              /* a place, or a sentence */
        struct str secrets;             /* the names of those that are part of it; absent for none */
        struct str value;               /* absent where it is not shown, or not known */
        const struct variable *variable;        /* NULL for one of an environment file */
};

struct env {
        struct ctl *c;
        struct aim aim;
        struct app *app;                /* its definition */
        const struct container *container;
        VEC(struct env_line) lines;     /* by name */
        struct str unread;              /* environment files that this user can't read; absent for none */
};

/* Fills the lines, with no values but those of environment files. */
void env_collect(struct env *e);
