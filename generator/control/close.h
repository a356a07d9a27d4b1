/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Makes HAProxy close an application to clients, or open it, after a verb has written the reason
 * (balancer/proxy-closed.h). */

#include "ctl/ctl.h"

/* Reports a failure on standard error. Returns 1 if HAProxy's generated frontend now closes or opens the
 * application, 0 if it will do so when HAProxy has that frontend, or if it is a user's application, which
 * HAProxy does not serve; negative errno. */
int close_apply(struct ctl *c, struct str app);
