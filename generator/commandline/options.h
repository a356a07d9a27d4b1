/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The options of pyservicectl(1), parsed, refused where a verb has no use for them, and shown: those of many
 * verbs, whose values are in struct ctl, and the table of each verb, whose values are in the verb's file. */

#include "ctl/ctl.h"

/* Notes the options in c->given, takes those of many verbs, and puts all other words into c->argv, the verb
 * first. Returns 0, or an exit status after reporting why. */
int options_parse(struct ctl *c, int argc, char **argv);

/* Takes the options of c->verb, and refuses options that it does not have. Returns 0, or an exit status after
 * reporting the error. */
int options_check(struct ctl *c);

/* Offers the options of the verb, or the options before any verb if it is NULL. */
struct complete;
void options_complete(struct complete *k, const struct verb *verb);

/* The lines of the help: options of the verb, or of most verbs if it is NULL. */
void options_put(struct ctl *c, struct buf *out, const struct verb *verb);
