/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pyservicectl new: what goes into a definition that is made by asking. Absent is what was not said. */

#include "ctl/ctl.h"

struct new_answers {
        struct str image, port, scale, domain;
        struct str path;    /* that answers when an instance is healthy */
        struct str command; /* of a health check that the image brings */
};

/* Looks at an image of this machine, where it is here: its port and its health check. */
void new_look(struct arena *a, struct str image, struct new_answers *ret);

/* Asks whoever sits at the terminal for the rest. False where he goes away. */
bool new_ask(struct arena *a, struct new_answers *answers);

/* The definition, with comments. */
struct str new_text(struct arena *a, struct str app, const struct new_answers *answers);
