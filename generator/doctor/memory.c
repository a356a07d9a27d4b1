/* SPDX-License-Identifier: Apache-2.0 */

/* Parts that lost processes to the kernel's OOM killer. A server that replaces its workers shows nothing of
 * it except failed requests. */

#include "app/resolve.h"
#include "base/clock.h"
#include "doctor/doctor.h"
#include "systemd/journal.h"

#define DAY (24 * 60 * 60 * 1000000ULL)

/* "64M": the largest suffix of systemd that divides it. */
static struct str size_text(struct arena *a, uint64_t bytes) {
        static const char *const suffixes[] = { "", "K", "M", "G", "T" };
        size_t i = 0;

        for (; bytes > 0 && bytes % 1024 == 0 && i + 1 < ARRAY_SIZE(suffixes); i++)
                bytes /= 1024;
        return arena_join(a, arena_u64(a, bytes), str_of(suffixes[i]));
}

/* "shop-web" of "shop-web@1.service". */
static bool is_of(struct str unit, const struct container *c) {
        return str_has_prefix(unit, c->unit.text) &&
               (unit.p[c->unit.text.n] == '@' || str_is(str_from(unit, c->unit.text.n), ".service"));
}

static void look_at_part(struct doctor *d, const struct app *app, const struct container *c,
                         const struct journal_lines *killed) {
        struct str names = STR(""), last = { 0 },
                   limit = c->resources && c->resources->memory.bytes > 0
                                   ? size_text(d->arena, c->resources->memory.bytes)
                                   : (struct str){ 0 };
        size_t n = 0;

        VEC_EACH(killing, &killed->list) {
                struct str unit = killing->text;

                if (!is_of(unit, c))
                        continue;
                n++;
                if (!str_eq(unit, last) && str_find_str(names, unit) == names.n)
                        names = arena_join(d->arena, names, names.n > 0 ? STR(", ") : STR(""), unit);
                last = unit;
        }
        if (n == 0)
                return;

        doctor_warn(
                d, app->name.text,
                arena_join(d->arena, STR("the kernel ended processes of "), names,
                           STR(" because memory ran out, "), arena_u64(d->arena, n),
                           n == 1 ? STR(" time") : STR(" times"), STR(" in the last 24 hours: "),
                           str_is_absent(limit) ? STR("it has no limit, so the machine had none left")
                                                : STR("its limit is "),
                           limit),
                str_is_absent(limit)
                        ? STR("limit the parts with 'resources: {memory: …}', run fewer instances or "
                              "workers, "
                              "or add memory to the machine")
                        : STR("set a larger 'resources: {memory: …}', or run fewer workers in each instance; "
                              "'pyservicectl top' shows what they use"));
}

void doctor_memory(struct doctor *d) {
        uint64_t now = clock_usec(CLOCK_REALTIME);
        struct journal_lines killed = { 0 };

        if (journal_read_out_of_memory(d->arena, d->ctl->is_user, now - DAY, &killed) < 0) {
                doctor_skip(d, "need the journal, which cannot be read");
                return;
        }
        if (killed.list.n == 0)
                return;

        DOCTOR_EACH_APP(d, app) {
                struct container_list all = app_containers(d->arena, app);

                VEC_EACH(ref, &all.list)
                        look_at_part(d, app, ref->container, &killed);
        }
}
