/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The options of pyservicectl(1): one table, from which they are parsed, refused where a verb has no use
 * for them, and shown. */

#include "ctl/ctl.h"

/* Takes the options, and what is no option into c->argv, the verb first. Gives 0, or an exit status after
 * having said why. */
int options_parse(struct ctl *c, int argc, char **argv);

/* Refuses what was given and is none of the verb's. Gives 0, or an exit status after having said so. */
int options_check(const struct ctl *c, const struct verb *verb);

/* Offers those of the verb, or those that stand before any where it is NULL. */
struct complete;
void options_complete(struct complete *k, const struct verb *verb);

/* The lines of --help. */
void options_print(FILE *out);
