/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Plays of a playbook, and what they give a role to know. */

#include "import/import.h"

struct plays_apps {
        VEC(const struct node *) list; /* the variables of each */
};

/* The applications that a play makes with `role`. Each use of the role with variables is one, with those
 * of the play and `vars` (NULL for none) below them; uses with the same app_name are one together. Without
 * such a use it is one if it has variables of its own. */
void plays_apps(struct import *m, const struct node *play, const char *role, const struct node *vars,
                struct plays_apps *ret);

/* The role that a task runs; absent for none. */
struct str plays_role_of_task(const struct node *task);

/* True if it is `role`, perhaps of a collection. */
bool plays_is_role(struct str name, const char *role);
