/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A whole run that comes to an end, whatever the definitions are. */

#include "publish/generate.h"

/* Calls generate_run() in a child. If the child crashes, runs out of memory, or does not end, the definition
 * that it worked on is taken as broken, and all others are generated again without it. If that fails too, the
 * published units are linked, so that nothing that runs loses its unit. Returns the exit status. */
int guard_run(struct generate *g);
