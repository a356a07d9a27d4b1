/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Texts of Ansible's variables files, which are Jinja templates.
 *
 * A variable of the file becomes one of `vars:`, a name that definitions have too stays, and NAME |
 * default('TEXT') gives the text where NAME is not known. All else becomes a variable whose value has to
 * be written. */

#include "import/import.h"

struct jinja {
        struct draft *draft;
        const struct node *vars; /* all that the file defines */
        struct str (*own)(const struct jinja *j,
                          /* the value of a name; absent if it does not belong to the role */
                          struct str name);
        unsigned depth;
};

/* A text as a definition has it; absent if the node is not a text. */
struct str jinja_text(const struct jinja *j, const struct node *n);

/* True if only Ansible knows the value: "{{ vault_password }}" with a name that is not defined, or an
 * encrypted value. */
bool jinja_is_secret(const struct jinja *j, const struct node *n);

/* The value of a variable; NULL if it is not defined, or null. */
const struct node *jinja_var(const struct jinja *j, const char *name);

/* The variables that the files of the command line define, later files before earlier ones; NULL for none.
 * *ret_plays are the plays of a playbook, NULL if there is none. Returns an exit status. */
int jinja_read(struct import *m, const struct node **ret_vars, const struct node **ret_plays);
