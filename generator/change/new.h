/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pyservicectl new: writing a definition, and the content of one that is made from answers. */

#include <sys/types.h>

#include "ctl/ctl.h"

/* Makes the text of the definition. Returns 0, CTL_LOST, or another exit status without a text, after
 * reporting why. */
typedef int (*new_make)(struct ctl *c, struct str app, struct str *ret);

/* Writes the definition of the application that the command line names, which has none yet, and checks it
 * first. Returns the exit status; that of `make` if it is written. */
int new_write(struct ctl *c, new_make make, mode_t mode);

/* Values without an answer are absent. */
struct new_answers {
        struct str image, port, scale, domain;
        struct str path;    /* that answers when an instance is healthy */
        struct str command; /* of a health check that the image brings */
};

/* Inspects an image of this machine, if it is present: its port and its health check. */
void new_look(struct arena *a, struct str image, struct new_answers *ret);

/* Prompts the user at the terminal for the rest. False if the user ends the input. */
bool new_ask(struct arena *a, struct new_answers *answers);

/* The definition, with comments. */
struct str new_text(struct arena *a, struct str app, const struct new_answers *answers);

/* The verb: a definition from a few answers, from an image, or from what another tool runs. */
int ctl_new(struct ctl *c);
