/* SPDX-License-Identifier: Apache-2.0 */

/* What starts and stops at once, without a rollout: an instance more or less, an app that is gone. */

#include <errno.h>

#include "rollout/describe.h"
#include "verbs/apply.h"

enum { TURN_MS = 200 };

enum waiting { WAITS, GOOD, BAD };

/* A unit on its way. */
struct pending {
        struct str app, unit;
        bool is_start;
        enum waiting state;
};

struct units {
        struct apply *ap;
        struct bus *bus;
        VEC(struct pending) list;
};

static void collect(struct units *u) {
        VEC_EACH(app, &u->ap->foreseen.forecast.apps) {
                const struct apply_result *result = apply_find(u->ap, app->name);

                if (result && result->outcome != VIEW_DONE)
                        continue;
                VEC_EACH(action, &app->actions) {
                        bool is_unit = action->kind == FORECAST_INSTANCE || action->kind == FORECAST_SIDECAR;

                        if (is_unit && (action->verb == FORECAST_START || action->verb == FORECAST_STOP))
                                *vec_push(&u->ap->ctl->arena, &u->list) = (struct pending) { app->name, action->name, action->verb == FORECAST_START, WAITS };
                }
        }
}

/* What systemd does not restart (restart: no) may have run and ended well. One that waits for its next try did not start. */
static enum waiting judge(const struct units *u, const struct pending *p, const struct bus_unit *unit) {
        bool is_down = str_is(unit->active, "inactive") || str_is(unit->active, "failed");

        if (!p->is_start)
                return is_down && !unit->has_job ? GOOD : WAITS;
        if (str_is(unit->active, "active"))
                return GOOD;
        if (str_is(unit->active, "failed") || str_has_prefix(unit->sub, STR("auto-restart")))
                return BAD;

        return is_down && !unit->has_job && unit->started_at >= u->ap->since && str_is(unit->result, "success") ? GOOD : WAITS;
}

static void complain(struct units *u, const struct pending *p) {
        struct arena *a = &u->ap->ctl->arena;
        const struct describing d = { a, u->bus, u->ap->ctl->is_user, u->ap->since, p->unit };
        struct str reason = describe_failure(&d, (struct str) { 0 }), rest = describe_log(&d), line;

        (void) fprintf(stderr, "pyservicectl: %.*s: %.*s\n", STR_ARG(p->app), STR_ARG(reason));
        while (str_split(&rest, '\n', &line))
                (void) fprintf(stderr, "  %.*s\n", STR_ARG(line));
        *vec_push(a, &u->ap->results) = (struct apply_result) { p->app, VIEW_FAILED, reason };
}

static void tell(struct units *u, const struct pending *p) {
        if (p->state == BAD)
                complain(u, p);
        else if (!u->ap->ctl->is_json)
                (void) printf("%.*s: %.*s: %s\n", STR_ARG(p->app), STR_ARG(p->unit), p->is_start ? "started" : "stopped");
}

/* *ret: does any still wait? */
static int look(struct units *u, bool *ret) {
        *ret = false;
        VEC_EACH(p, &u->list) {
                struct arena scratch = { 0 };
                struct bus_unit unit = { 0 };
                int r = p->state == WAITS ? bus_get_unit(u->bus, &scratch, p->unit, &unit) : 0;

                if (r >= 0 && p->state == WAITS) {
                        p->state = judge(u, p, &unit);
                        *ret |= p->state == WAITS;
                        if (p->state != WAITS)
                                tell(u, p);
                }
                arena_done(&scratch);
                if (r < 0)
                        return ctl_fail("cannot query systemd", r);
        }

        (void) fflush(stdout);
        return 0;
}

static int wait(struct units *u) {
        bool has_pending = true;
        int r = 0;

        while (r == 0 && has_pending) {
                r = look(u, &has_pending);
                if (r == 0 && has_pending && bus_wait(u->bus, TURN_MS) < 0)
                        r = ctl_fail("cannot wait for systemd", -ECONNRESET);
                if (r == 0 && has_pending && u->ap->turn)
                        r = u->ap->turn(u->ap->userdata);
        }
        return r;
}

int apply_follow_units(struct apply *ap) {
        struct units u = { .ap = ap };
        int r;

        collect(&u);
        if (u.list.n == 0)
                return CTL_GOOD;

        r = bus_open(&ap->ctl->arena, ap->ctl->is_user, -1, &u.bus);
        if (r < 0)
                return ctl_fail("cannot query systemd", r);

        r = wait(&u);
        bus_close(&u.bus);
        VEC_EACH(p, &u.list)
                if (r == 0 && p->state == BAD)
                        r = CTL_MISTAKE;
        return r;
}
