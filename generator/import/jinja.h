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
                          struct str name); /* what a name stands for; absent where it is not of the role's */
        unsigned depth;
};

/* A text as a definition has it; absent for what is no text. */
struct str jinja_text(const struct jinja *j, const struct node *n);

/* The same for what is not from a node; `at` is where it is used. */
struct str jinja_expand(const struct jinja *j, struct str text, struct span at);

/* Is it a value that only Ansible knows: "{{ vault_password }}" with a name that is not defined, or
 * encrypted? */
bool jinja_is_secret(const struct jinja *j, const struct node *n);

/* The value of a variable; NULL where it is not defined, or null. */
const struct node *jinja_var(const struct jinja *j, const char *name);

/* What the files of the command line define, those behind over those before; NULL for nothing. *ret_plays
 * are the plays of a playbook, NULL where there is none. Gives an exit status. */
int jinja_read(struct import *m, const struct node **ret_vars, const struct node **ret_plays);
