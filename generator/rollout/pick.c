/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "rollout/parts.h"

bool pick_number(struct str name, struct str unit, char mark, uint64_t *ret) {
        struct str digits;

        if (!str_has_prefix(name, unit) || name.n <= unit.n || name.p[unit.n] != mark)
                return false;

        digits = str_from(name, unit.n + 1);
        if (mark == '@' && !str_has_suffix(digits, STR(".service")))
                return false;
        if (mark == '@')
                digits.n -= strlen(".service");
        return str_to_u64(digits, UINT32_MAX, ret);
}

struct str pick_instance(struct arena *a, struct str unit, uint64_t number) {
        return arena_join(a, unit, STR("@"), arena_u64(a, number), STR(".service"));
}

struct str pick_spare(struct arena *a, struct str unit) {
        return arena_join(a, unit, STR("@next.service"));
}

struct str pick_target(struct arena *a, struct str app) {
        return arena_join(a, app, STR(".target"));
}

struct str pick_rollout(struct arena *a, struct str app, struct str revision) {
        return arena_join(a, app, STR("-rollout@"), revision, STR(".service"));
}

bool pick_is_upheld(const struct bus_names *upheld, struct str unit, uint64_t number) {
        char digits[20];
        struct str text = str_u64(number, digits);

        VEC_EACH(name, &upheld->list) {
                struct str rest = *name;

                if (!str_has_prefix(rest, unit))
                        continue;
                rest = str_from(rest, unit.n);
                if (str_has_prefix(rest, STR("-once@")) && str_has_suffix(rest, STR(".target"))) {
                        rest = str_from(rest, strlen("-once@"));
                        rest.n -= strlen(".target");
                } else if (str_has_prefix(rest, STR("@")) && str_has_suffix(rest, STR(".service"))) {
                        rest = str_from(rest, 1);
                        rest.n -= strlen(".service");
                } else
                        continue;
                if (str_eq(rest, text))
                        return true;
        }

        return false;
}

/* One that waits for its restart reads the new one. */
bool pick_is_of_old_text(const struct bus_unit *u, uint64_t loaded) {
        return str_is(u->active, "activating") && !bus_waits_for_restart(u->sub) &&
               u->starting_since < loaded;
}

static int compare_numbers(const void *x, const void *y) {
        uint64_t a = *(const uint64_t *) x, b = *(const uint64_t *) y;

        return a < b ? -1 : a > b;
}

void pick_stale(struct arena *a, const struct plan_part *service, const struct podman_containers *containers,
                const struct bus_names *upheld, struct instances *ret) {
        struct instances stale = { 0 };

        VEC_EACH(c, &containers->list) {
                uint64_t number;

                if (pick_number(c->name, service->unit, '-', &number) && !str_eq(c->label, service->label) &&
                    pick_is_upheld(upheld, service->unit, number))
                        *vec_push(a, &stale.numbers) = number;
        }

        if (stale.numbers.n > 1)
                qsort(stale.numbers.at, stale.numbers.n, sizeof(*stale.numbers.at), compare_numbers);
        *ret = stale;
}
