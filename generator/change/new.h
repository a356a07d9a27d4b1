/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pyservicectl new: the content of a definition that is made from answers. Values without an answer are
 * absent. */

#include "ctl/ctl.h"

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
