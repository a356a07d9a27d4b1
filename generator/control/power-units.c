/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/fs.h"
#include "bundle/layout.h"
#include "control/power.h"
#include "state/stored.h"

int power_read_units(struct power *p) {
        struct arena *a = &p->ctl->arena;
        CLEANUP(close_fd) int bundle = fs_open_dir(p->places->runtime, layout_app(a, p->app).p);
        struct record record = { 0 };
        struct record_units units;
        int r = bundle < 0 ? bundle : stored_record(a, bundle, &record);

        p->units.n = 0;
        if (r < 0 && r != -ENOENT)
                return r;

        record_list(a, &record, &units);
        VEC_EACH(u, &units.list)
                *vec_push(a, &p->units) = (struct power_unit){
                        .part = u->part->unit,
                        .upheld = u->upheld,
                        .unit = u->unit,
                        .number = u->number,
                        .is_instance = u->part->kind == RECORD_SERVICE,
                        .is_once = u->part->runs_once,
                };
        return 0;
}

struct str power_word(const struct power *p, const struct hold *hold) {
        struct arena *a = &p->ctl->arena;
        struct str word = p->app, prefix = arena_join(a, p->app, STR("-"));

        if (!str_is_absent(hold->unit) && str_has_prefix(hold->unit, prefix))
                word = arena_join(a, word, STR("/"), str_from(hold->unit, prefix.n));
        else if (!str_is_absent(hold->unit) && !hold->has_number)
                word = arena_join(a, word, STR("/"), p->app);

        return hold->has_number ? arena_join(a, word, STR("@"), arena_u64(a, hold->number)) : word;
}

struct str power_unit_word(const struct power *p, const struct power_unit *u) {
        return power_word(
                p, &(struct hold){ .unit = u->part, .has_number = u->is_instance, .number = u->number });
}
