/* SPDX-License-Identifier: Apache-2.0 */

/* When timers run. systemd ignores a line that it does not understand; a timer without one starts nothing. */

#include "app/machine.h"
#include "check/check-parts.h"
#include "schema/calendar.h"

/* "30 3 * * *" → "03:30"; for others what form they need. */
static struct str translate_cron(struct arena *a, struct str text) {
        struct str rest = text, minute, hour;
        uint64_t m, h;

        (void) str_split(&rest, ' ', &minute);
        (void) str_split(&rest, ' ', &hour);
        if (str_to_u64(minute, 59, &m) && str_to_u64(hour, 23, &h) && str_is(rest, "* * *"))
                return arena_printf(a, "\"%02u:%02u\"", (unsigned) h, (unsigned) m);

        return STR("days and times such as \"Mon *-*-01 04:30\", see systemd.time(7)");
}

static void check_time(struct world *w, const struct calendar *time) {
        struct str zone;

        if (!calendar_parse(time->text, &zone) && calendar_is_cron(time->text))
                (void) diag_add(w->ds, DIAG_BAD_SCHEDULE, time->at,
                                "'%.*s' is in the format of crontab(5); write %.*s", STR_ARG(time->text),
                                STR_ARG(translate_cron(w->arena, time->text)));
        else if (!calendar_parse(time->text, &zone))
                (void) diag_add(w->ds, DIAG_BAD_SCHEDULE, time->at,
                                "invalid time '%.*s'; write it in the format of systemd.time(7), and try it "
                                "with 'systemd-analyze calendar'",
                                STR_ARG(time->text));
        else if (!str_is_absent(zone) && !machine_has_zone(w, zone))
                (void) diag_add(w->ds, DIAG_UNKNOWN_ZONE, time->at,
                                "unknown time zone '%.*s'; write one that 'timedatectl list-timezones' "
                                "prints",
                                STR_ARG(zone));
}

void check_timers(struct world *w, struct app *app) {
        LIST_EACH(t, &app->timers)
                LIST_EACH(time, &t->schedule)
                        check_time(w, time);
}
