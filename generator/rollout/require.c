/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/require.h"

enum { TICK_MIN_MS = 50, TICK_MAX_MS = 1000 };

/* The attempt that was under way when the wait began does not count; the one after it does. */
enum { ATTEMPTS = 2 };

static bool is_over(const struct bus_unit *u, uint64_t n_before) {
        if (str_is(u->active, "inactive"))
                return !u->has_job;
        if (str_is(u->active, "activating") || str_is(u->active, "deactivating"))
                return u->n_restarts >= n_before + ATTEMPTS;

        return true;
}

static int wait_for(struct bus *bus, struct str unit) {
        uint64_t n_before = UINT64_MAX, tick = TICK_MIN_MS;

        for (;;) {
                struct arena scratch = { 0 };
                struct bus_unit u = { 0 };
                int r = bus_get_unit(bus, &scratch, unit, &u);
                bool is_done;

                if (n_before == UINT64_MAX)
                        n_before = u.n_restarts;
                is_done = r < 0 || is_over(&u, n_before);
                arena_done(&scratch);
                if (is_done)
                        return r;

                r = bus_wait(bus, tick);
                if (r < 0)
                        return r;
                tick = tick * 2 < TICK_MAX_MS ? tick * 2 : TICK_MAX_MS;
        }
}

int require_run(struct bus *bus, char *const units[], size_t n) {
        for (size_t i = 0; i < n; i++) {
                int r = wait_for(bus, str_of(units[i]));

                if (r < 0)
                        return r;
        }

        return 0;
}
