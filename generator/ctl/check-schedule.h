/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Times of timers that systemd does not understand are reported; nothing is where this machine has no systemd-analyze. */

#include "ctl/ctl.h"

void check_schedules(struct session *s);
