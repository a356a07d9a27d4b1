/* SPDX-License-Identifier: Apache-2.0 */

/* The times of timers, by systemd's own grammar. The generator sees to it only that they can be nothing but times: it runs nothing at boot
 * that it could do without, and systemd passes over a line that it does not understand. */

#include "ctl/check-schedule.h"

#include "runtime/spawn.h"

static bool is_understood(struct session *s, const char *analyze, const struct calendar *times, size_t n) {
        const char **words = arena_array(s->world.arena, n + 4, const char *);
        struct spawn_result result;

        words[0] = analyze;
        words[1] = "calendar";
        words[2] = "--";
        for (size_t i = 0; i < n; i++)
                words[3 + i] = arena_str(s->world.arena, times[i].text).p;

        return spawn_run(s->world.arena, words, &result) < 0 || result.status == 0;
}

static void check_timer(struct session *s, const char *analyze, const struct timer *t) {
        if (is_understood(s, analyze, t->schedule.at, t->schedule.n))
                return;

        LIST_EACH(time, &t->schedule)
                if (!is_understood(s, analyze, time, 1))
                        (void) diag_add(&s->ds, DIAG_BAD_SCHEDULE, time->at, "systemd does not understand the time '%.*s'; write one of systemd.time(7), and try it with 'systemd-analyze calendar'",
                                        STR_ARG(time->text));
}

void check_schedules(struct session *s) {
        struct str analyze = spawn_find(s->world.arena, "systemd-analyze");

        if (str_is_absent(analyze))
                return;

        VEC_EACH(d, &s->world.definitions) {
                if (!d->app || d->is_broken)
                        continue;

                s->ds.owner = d->name.text;
                LIST_EACH(t, &d->app->timers)
                        check_timer(s, analyze.p, t);
        }
}
