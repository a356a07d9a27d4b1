/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Every error that can be found without changing anything. */

#include "ctl/session.h"

/* Adds the mistakes that only show when everything is generated. Gives 0, or an exit status after having
 * said why. */
int check_session(struct ctl *c, struct session *s);
