/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/parts.h"
#include "runtime/journal.h"

/* units/pyservice.catalog explains it. */
#define MESSAGE_ID "506c0d35203c43b1b0977a01cebc4745"

static void tell(struct rollout_run *ro) {
        struct str message = arena_join(ro->arena, ro->app, STR(": revision "), ro->revision, STR(" runs"));
        const struct journal_field fields[] = {
                { "MESSAGE", message },
                { "MESSAGE_ID", STR(MESSAGE_ID) },
                { "PRIORITY", STR("5") },
                { "PYSERVICE_APP", ro->app },
                { "PYSERVICE_REVISION", ro->revision },
        };

        show_phase(ro, STR("done"), message);
        if (ro->has_changed)
                (void) journal_send(ro->arena, fields, ARRAY_SIZE(fields));
}

/* A unit that failed stays so, for `systemctl --failed` to show, until something newer was rolled out well. */
static bool is_shown(struct rollout_run *ro, const struct state *s, const struct state_history *h) {
        VEC_EACH(failure, &s->failed)
                if (accept_is_recent(h, ro->revision, failure))
                        return true;

        return false;
}

static int reset(struct rollout_run *ro, struct str pattern) {
        struct bus_list units = { 0 };
        int r = bus_list_units(ro->bus, ro->arena, pattern, &units);

        VEC_EACH(u, &units.list)
                if (str_is(u->active, "failed"))
                        (void) bus_reset_failed(ro->bus, u->name);      /* it may be gone by now */

        return r;
}

static int reset_failed(struct rollout_run *ro) {
        struct state_history history = { 0 };
        struct state s;
        int r = state_now(ro, &s);

        if (r >= 0)
                r = state_read_history(ro->arena, ro->state, ro->app, &history);
        if (r < 0 || is_shown(ro, &s, &history))
                return r;

        r = reset(ro, pick_rollout(ro->arena, ro->app, STR("*")));
        VEC_EACH(service, &ro->plan.services) {
                if (r >= 0)
                        r = reset(ro, pick_spare(ro->arena, service->unit));
                if (r >= 0)
                        r = reset(ro, arena_join(ro->arena, service->unit, STR("-\?\?\?\?\?\?\?\?-image.service")));
        }
        return r;
}

int rollout_finish(struct rollout_run *ro) {
        int r = reset_failed(ro);

        if (r >= 0)
                r = accept_prune(ro);
        if (r >= 0)
                tell(ro);
        return r;
}
