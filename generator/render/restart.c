/* SPDX-License-Identifier: Apache-2.0 */
#include "render/parts.h"

/* systemd counts starts until a stop by request or, of a unit that ran well for long enough, its hook
 * resets that (hooks/lifecycle.c). */
void render_start_limit(struct unit *u, const struct role *role) {
        if (!role->restart_policy || role->restart_policy->max_starts.n == 0) {
                /* A timer that starts its work too often for the limit would fail itself. */
                unit_put_const(u, UNIT_START_LIMIT_INTERVAL, "0");
                return;
        }

        unit_put_const(u, UNIT_START_LIMIT_INTERVAL, "infinity");
        unit_put_number(u, UNIT_START_LIMIT_BURST, role->restart_policy->max_starts);
}

/* Each restart waits longer. (systemd 252 and 253 pass over these two keys, with a warning: there each
 * waits for the same time.) */
void render_restart(struct unit *u, const struct role *role) {
        static const char *const words[] = { "always", "on-failure", "no", "always" };
        const struct restart_policy *how = role->restart_policy;

        unit_put(u, SERVICE_RESTART, ((struct name){ str_of(words[role->restart.index]), role->restart.at }));
        unit_put_duration(u, SERVICE_RESTART_SEC, how->delay);
        if (how->max_delay.usec <= how->delay.usec)
                return;

        unit_put_const(u, SERVICE_RESTART_STEPS, "8");
        unit_put_duration(u, SERVICE_RESTART_MAX_DELAY, how->max_delay);
}
