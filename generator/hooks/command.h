/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Commands of a definition around the life of an instance: `before_start`, `after_start`, `before_stop`.
 * Their output goes to the journal once they have ended. */

#include "hooks/instance.h"

/* No part can have such a name. */
#define COMMAND_BEFORE_START_SUFFIX ".before-start"

/* Runs it in a container like that of the unit, whose name is the instance's and the suffix. 0; 1 if it
 * failed, with the reason in the last note. */
int command_before_start(struct instance *i);

/* Runs it in the instance's container. As above. */
int command_after_start(struct instance *i);

/* A failure is only noted. */
void command_before_stop(struct instance *i);
