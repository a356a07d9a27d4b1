/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Makes the front close an application to clients, or open it, after a verb has written why
 * (balancer/proxy-closed.h). */

#include "ctl/ctl.h"

/* Reports a failure on standard error. Returns 1 if HAProxy's generated frontend now closes or opens it, 0 if
 * it will once HAProxy has that frontend; negative errno. Users' applications have no front: 0. */
int close_apply(struct ctl *c, struct str app);
