/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Calendar expressions as systemd.time(7) describes them. systemd >= 252 accepts whatever is accepted
 * here. */

#include "base/str.h"

/* True if `text` is valid. *ret_zone: its time zone, which the machine may lack; absent for none, and for
 * UTC. */
bool calendar_parse(struct str text, struct str *ret_zone);

/* True if it is the time of a line of crontab(5), five fields. */
bool calendar_is_cron(struct str text);
