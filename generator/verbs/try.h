/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pyservicectl try: who goes back, and who sees to it should we be killed. */

#include "verbs/apply.h"

struct try {
        struct ctl *ctl;
        struct apply apply;
        uint64_t timeout;               /* microseconds */
        uint64_t armed;                 /* bus_now() */
        VEC(const struct forecast_app *) apps;  /* that can go back, each to what is accepted */
};

/* A timer of systemd's for each app, pyservice-try-APP.timer, that undoes it a little after `timeout`; or none at all. Gives 0, or an exit
 * status after having said why. */
int try_arm(struct try *t);

/* Restarts the timers. */
int try_rearm(struct try *t);

/* Cancels the timers. */
int try_disarm(struct try *t);

/* Prints the changes that cannot be rolled back on standard output. Gives the number of lines. */
size_t try_warn(const struct try *t);
