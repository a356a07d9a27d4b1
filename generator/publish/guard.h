/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A whole run that comes to an end, whatever the definitions are. */

#include "publish/generate.h"

/* Calls generate_run() in a child: should it crash on something that nobody thought of, run out of memory,
 * or not come to an end, the definition that it was at is taken as broken, and all others are done again
 * without it. Where that is no help, what is published is linked all the same, and nothing that runs loses
 * its unit. Gives the exit status. */
int guard_run(struct generate *g);
