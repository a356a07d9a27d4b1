/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Every error that can be found without changing anything. */

#include "ctl/session.h"

/* Adds the errors that only show when everything is generated. Returns 0, or an exit status after reporting
 * why. */
int check_session(struct ctl *c, struct session *s);
