/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Sends status to the service manager (sd_notify(3)). */

#include "base/arena.h"

/* Lines such as "READY=1" and "STATUS=…". Without a manager that listens, nothing. */
void notify_manager(struct arena *a, struct str lines);
