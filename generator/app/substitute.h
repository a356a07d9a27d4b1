/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* {{ name }} in the texts of a definition, before it is decoded.
 *
 * Names are those of pyservice.d(5) and of `vars:`. `{{ '{{' }}` gives two braces. {{ instance }} becomes
 * INSTANCE_MARK, which only some types accept. There are no filters and no expressions; keys are not
 * touched. */

#include "input/yaml.h"

/* A copy of `root`, the definition of app `name`, with everything replaced; nodes without braces are
 * shared. */
struct node *substitute_definition(struct arena *a, struct diags *ds, struct str name, struct node *root);

/* One `{{ … }}` of a text, for contracts' templates too. */
struct placeholder {
        struct str before; /* literal text in front of it */
        struct str inside; /* trimmed; absent at the text's end */
        size_t off;        /* of the opening braces */
};

/* Takes the text up to and with the next placeholder off *rest; false at the end. An opening without an
 * end gives *ret_broken. `text` is the whole, for `off`. */
bool substitute_next(struct str text, struct str *rest, struct placeholder *ret, bool *ret_broken);
