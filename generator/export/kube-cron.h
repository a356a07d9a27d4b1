/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Times of the calendar, from systemd.time(7) to crontab(5). */

#include "base/arena.h"

/* False if cron cannot express it: years, seconds, the end of a month, a weekday together with a day of the
 * month. *ret_zone is absent if the time has none. */
bool cron_from_calendar(struct arena *a, struct str calendar, struct str *ret_cron, struct str *ret_zone);
