/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "control/restart.h"

/* True if no other instance of the service can answer meanwhile. */
static bool is_needed(const struct restarting *r, const struct power_unit *u, size_t n) {
        size_t n_upheld = 0;

        VEC_EACH(other, &r->p->units)
                n_upheld += str_eq(other->part, u->part) && !hold_find(&r->p->holds, other->unit);
        if (!u->is_instance || !r->is_settled || n < n_upheld || n > r->plan.max_unavailable)
                return false;

        VEC_EACH(service, &r->plan.services)
                if (str_eq(service->unit, u->part))
                        return service->has_spare;

        return false;
}

static struct power_unit spare_of(const struct restarting *r, const struct power_unit *u) {
        struct str unit = arena_join(&r->p->ctl->arena, u->part, STR("@next.service"));

        return (struct power_unit){ .part = u->part, .upheld = unit, .unit = unit };
}

/* One job for the spare. */
static int work(struct restarting *r, enum bus_verb verb) {
        struct power_jobs jobs = { 0 };
        int q = power_add_job(r->ps, &jobs, verb, r->spare.unit);

        return q < 0 ? q : power_wait(r->ps, &jobs);
}

int restart_begin_spare(struct restarting *r, const struct power_unit *u, size_t n) {
        uint64_t since = bus_now();
        bool is_up = false;
        int q;

        if (!is_needed(r, u, n))
                return 0;

        (void) printf("%s: starting a spare, which answers in the meantime\n", power_unit_word(r->p, u).p);
        (void) fflush(stdout);
        r->spare = spare_of(r, u);
        q = work(r, BUS_START);
        if (q >= 0)
                q = power_is_up(r->ps, &r->spare, &is_up);
        if (q >= 0 && is_up)
                q = work(r, BUS_RELOAD);
        if (q < 0 || is_up)
                return q;

        power_complain(r->ps, &r->spare, since);
        return -ENOTRECOVERABLE;
}

int restart_end_spare(struct restarting *r) {
        int q;

        if (str_is_absent(r->spare.unit))
                return 0;

        q = work(r, BUS_STOP);
        if (q >= 0)
                q = power_forget_failure(r->ps, r->spare.unit);
        r->spare = (struct power_unit){ 0 };
        return q;
}
