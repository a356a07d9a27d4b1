/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/service.h"

#include <errno.h>

#include "base/clock.h"

enum {
        STARTING_TRIES = 100, /* ten seconds in all */
        STARTING_PAUSE_MS = 100,
        LOOK_MS = 1000, /* in case that the signal of a job's end was missed */
};

int service_find(struct arena *a, struct str unit, struct bus_unit *ret) {
        CLEANUP(bus_close) struct bus *bus = NULL;
        int r = bus_open_private(a, false, &bus);

        /* There is no systemd, or a user may not ask it. */
        if (r == -ENOENT || r == -ECONNREFUSED || r == -EACCES)
                return 0;

        for (unsigned i = 0; r >= 0 && i < STARTING_TRIES; i++) {
                r = bus_get_unit(bus, a, unit, ret);
                if (r < 0 || !str_is(ret->active, "activating"))
                        break;
                clock_pause(STARTING_PAUSE_MS);
        }

        return r < 0 ? r : str_is(ret->active, "active") || str_is(ret->active, "reloading");
}

int service_reload(struct arena *a, struct str unit, struct str *ret_message) {
        CLEANUP(bus_close) struct bus *bus = NULL;
        struct bus_job *job;
        int r = bus_open_private(a, false, &bus);

        if (r >= 0)
                r = bus_start_job(bus, BUS_RELOAD_NOW, unit, &job);
        while (r >= 0 && str_is_absent(job->result)) {
                r = bus_wait(bus, LOOK_MS);
                if (r >= 0)
                        r = bus_look_at_job(bus, job);
        }
        if (r < 0 || str_is(job->result, "done"))
                return r;

        *ret_message = arena_join(a, STR("systemd's reload of "), unit, STR(" ended with '"), job->result,
                                  STR("'; see 'journalctl -u "), unit, STR("'"));
        return 1;
}
