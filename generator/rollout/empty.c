/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/parts.h"

/* Strategy recreate: two revisions never run at a time. The state records that the app is emptied, and the
 * generator stops upholding the instances; if this program is killed after that, the next run finds the state
 * and continues. */

enum { TICK_MS = 200 };

static int is_over(struct rollout_run *ro, struct str unit, bool *ret) {
        struct arena scratch = { 0 };
        struct bus_unit u = { 0 };
        int r = bus_get_unit(ro->bus, &scratch, unit, &u);

        *ret = str_is(u.active, "inactive") || str_is(u.active, "failed");
        arena_done(&scratch);
        return r;
}

/* The upheld units, and all instances of the services in the plan. */
static int find_units(struct rollout_run *ro, struct bus_names *units) {
        int r = bus_get_dependencies(ro->bus, ro->arena, pick_target(ro->arena, ro->app), "Upholds", units);
        size_t n = 0;

        /* Among the upheld units, only instances: sidecars stay, and so does this rollout. */
        VEC_EACH(name, &units->list) {
                size_t at = str_find(*name, '@');
                struct str number = at < name->n ? str_from(*name, at + 1) : STR("");

                if (str_has_suffix(number, STR(".service")) &&
                    str_is_made_of((struct str){ number.p, number.n - strlen(".service") }, "0123456789"))
                        units->list.at[n++] = *name;
        }
        units->list.n = n;

        for (size_t i = 0; i < ro->plan.services.n && r >= 0; i++) {
                struct bus_list found = { 0 };
                uint64_t number;

                r = bus_list_units(ro->bus, ro->arena,
                                   arena_join(ro->arena, ro->plan.services.at[i].unit, STR("@*.service")),
                                   &found);
                VEC_EACH(u, &found.list)
                        if (pick_number(u->name, ro->plan.services.at[i].unit, '@', &number))
                                *vec_push(ro->arena, &units->list) = u->name;
        }

        return r;
}

static int wait_until_over(struct rollout_run *ro, const struct bus_names *units) {
        VEC_EACH(unit, &units->list)
                for (;;) {
                        bool over;
                        int r = is_over(ro, *unit, &over);

                        if (r < 0)
                                return r;
                        if (over)
                                break;
                        r = wait_tick(ro, TICK_MS);
                        if (r != RUN_ON)
                                return r;
                }

        return RUN_ON;
}

int rollout_empty(struct rollout_run *ro) {
        struct bus_names units = { 0 };
        int r = find_units(ro, &units);

        if (r < 0)
                return r;

        show_phase(ro, STR("instances"), STR("stopping all instances (strategy: recreate)"));
        ro->has_changed = true;
        rollout_doubt(ro);
        r = rollout_set_emptied(ro, true);
        if (r >= 0)
                r = wait_reload(ro);
        return r == RUN_ON ? wait_until_over(ro, &units) : r;
}
