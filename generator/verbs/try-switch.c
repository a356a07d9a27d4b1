/* SPDX-License-Identifier: Apache-2.0 */

/* The dead man's switch: what we would do, systemd does, should we be killed or the session be lost so that nobody tells us. */

#include <errno.h>

#include "runtime/bus.h"
#include "runtime/spawn.h"
#include "verbs/try.h"

enum { MARGIN_SEC = 2, SECOND = 1000000 };

static struct str timer_of(const struct try *t, const struct forecast_app *app) {
        return arena_join(&t->ctl->arena, STR("pyservice-try-"), app->name, STR(".timer"));
}

static int arm(struct try *t, const struct forecast_app *app) {
        struct arena *a = &t->ctl->arena;
        struct str delay = arena_join(a, STR("--on-active="), arena_u64(a, t->timeout / SECOND + MARGIN_SEC));
        struct str unit = arena_join(a, STR("--unit=pyservice-try-"), app->name);
        struct str description = arena_join(a, STR("--description=Rollback of a try of "), app->name);
        const char *argv[20] = { spawn_find(a, "systemd-run").p }, *user = t->ctl->is_user ? "--user" : NULL;
        struct spawn_result result;
        size_t n = 1;
        int r;

        if (!argv[0])
                return ctl_fail("systemd-run", -ENOENT);
        if (user)
                argv[n++] = user;
        argv[n++] = "--quiet";
        argv[n++] = "--collect";
        argv[n++] = "--timer-property=AccuracySec=100ms";
        argv[n++] = "--timer-property=StartLimitIntervalSec=0";         /* it is started anew as often as we like */
        argv[n++] = unit.p;
        argv[n++] = description.p;
        argv[n++] = delay.p;
        argv[n++] = ctl_self(t->ctl).p;
        if (user)
                argv[n++] = user;
        argv[n++] = "rollout";
        argv[n++] = "undo";
        argv[n++] = app->name.p;
        argv[n] = app->accepted.p;

        r = spawn_run(a, argv, &result);
        if (r < 0)
                return ctl_fail(argv[0], r);
        if (result.status == 0)
                return 0;

        (void) fprintf(stderr, "pyservicectl: %.*s: %.*s; is another 'pyservicectl try' running?\n", STR_ARG(app->name), STR_ARG(str_trim(result.err)));
        return CTL_MISTAKE;
}

int try_arm(struct try *t) {
        size_t n = t->apps.n;

        for (size_t i = 0; i < n; i++) {
                int r = arm(t, t->apps.at[i]);

                if (r == 0)
                        continue;
                t->apps.n = i;          /* those of others are theirs */
                (void) try_disarm(t);
                return r;
        }

        t->armed = bus_now();
        return 0;
}

/* Nothing is said of one that went off meanwhile: it is gone then. */
static int each(struct try *t, const char *verb) {
        int status = 0;

        VEC_EACH(app, &t->apps) {
                int r = ctl_systemctl(t->ctl, (const char *const[]) { verb, timer_of(t, *app).p, NULL });

                status = r != 0 ? r : status;
        }
        return status;
}

int try_rearm(struct try *t) {
        t->armed = bus_now();
        return each(t, "restart");
}

int try_disarm(struct try *t) {
        return each(t, "stop");
}
