/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A key as the command line has it: "scale", "env.LEVEL", "services.web.proxy.timeouts.drain". Items of
 * lists are meant by their names. */

#include "change/yaml-edit.h"

/* Returns 0, or an exit status after reporting the error. */
int key_parse(struct ctl *c, const char *text, struct key_path *ret);

struct key_names {
        VEC(struct key_name {
                struct str text; /* with a '.' at its end if keys may follow */
                struct str doc;
        })
        list;
};

/* The words that can follow `path`, which is empty or ends with a dot: keys of the format, and the names that
 * `root` (NULL if there is none) has there. */
void key_list(struct ctl *c, struct str path, const struct node *root, struct key_names *ret);

/* The value there; NULL if there is none. */
const struct node *key_find(const struct node *root, const struct key_path *key);

/* "services.web.scale" */
struct str key_text(struct arena *a, const struct key_path *key);
