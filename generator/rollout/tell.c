/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/tell.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "systemd/journal.h"

void tell_add_log(struct arena *a, struct message *m, struct str lines) {
        struct str line;

        while (str_split(&lines, '\n', &line))
                *vec_push(a, &m->log) = line;
}

static void report(struct arena *a, const struct message *m, int r) {
        struct str text =
                r < 0 ? arena_join(a, STR("cannot store the message about the event "), m->event, STR(": "),
                                   str_of(strerror(-r)))
                      : arena_join(
                                a, arena_u64(a, (uint64_t) r),
                                STR(" undelivered messages removed, the oldest ones: there were more than "),
                                arena_u64(a, MESSAGES_MAX), STR("; 'pyservicectl doctor' shows why"));
        const struct journal_field fields[] = {
                { "MESSAGE", arena_join(a, m->app, STR(": "), text) },
                { "PRIORITY", STR("4") },
                { "PYSERVICE_APP", m->app },
        };

        (void) journal_send(a, fields, ARRAY_SIZE(fields));
}

void tell_event(struct arena *a, int runtime, int state, struct message *m, struct str occasion) {
        struct notify settings = { 0 };
        int r;

        if (notify_read(a, runtime, &settings) < 0 || !notify_wants(&settings, m->event))
                return;

        m->time = clock_usec(CLOCK_REALTIME);
        message_finish(a, m, occasion);
        r = message_add(a, state, m);
        if (r != 0)
                report(a, m, r);
}
