/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Changes one value in the text of a YAML file and nothing else: comments, order and what is around it
 * stay as they are.
 *
 * The result is read again and compared with the intended value, so that an unexpected layout is refused, not
 * damaged. */

#include "ctl/ctl.h"

/* The keys of maps from the top down; at least one, at most KEY_PATH_MAX. */
enum { KEY_PATH_MAX = 8 };

struct key_path {
        struct str words[KEY_PATH_MAX];
        size_t n;
        bool is_text; /* what it takes is a text, whatever YAML makes of it */
};

/* Negative errno: -EBADMSG if the text is not YAML, -ENOTSUP if it can't be changed this way. */
int yaml_edit_set(struct arena *a, struct str text, const struct key_path *path, struct node *value,
                  struct str *ret);

/* Maps that become empty go with it. -ENOENT if it is not there; *ret_is_empty: only comments are left. */
int yaml_edit_remove(struct arena *a, struct str text, const struct key_path *path, struct str *ret,
                     bool *ret_is_empty);
