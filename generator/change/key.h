/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A key as the command line has it: "scale", "env.LEVEL", "services.web.proxy.timeouts.drain". Items of
 * lists are meant by their names. */

#include "change/yaml-edit.h"

/* Gives 0, or an exit status after having said what is wrong with it. */
int key_parse(struct ctl *c, const char *text, struct key_path *ret);

/* The value there; NULL where there is none. */
const struct node *key_find(const struct node *root, const struct key_path *key);

/* "services.web.scale" */
struct str key_text(struct arena *a, const struct key_path *key);
