/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "base/fs.h"
#include "bundle/layout.h"
#include "control/power.h"
#include "state/stored.h"

/* Of an app with 10,000 instances. */
enum { DROP_IN_MAX = 1 << 20 };

#define UPHOLDS STR("Upholds=")

/* Takes the text off the front, or off the end. */
static bool take_front(struct str *s, struct str text) {
        bool has = str_has_prefix(*s, text);

        if (has)
                *s = str_from(*s, text.n);
        return has;
}

static bool take_end(struct str *s, struct str text) {
        bool has = str_has_suffix(*s, text);

        s->n -= has ? text.n : 0;
        return has;
}

/* "shop-worker@2.service", "shop-worker-once@2.target", "shop-cache.service", "shop-cache-once.target", "shop-nightly.timer" */
static bool parse_upheld(struct arena *a, struct str upheld, struct power_unit *u) {
        struct str rest = upheld;

        u->upheld = u->unit = upheld;
        if (!take_front(&rest, u->part))
                return false;
        if (str_is(rest, ".timer") || str_is(rest, ".service"))
                return true;

        u->is_once = take_front(&rest, STR("-once"));
        u->unit = arena_join(a, u->part, STR(".service"));
        if (u->is_once && str_is(rest, ".target"))
                return true;

        u->is_instance = take_front(&rest, STR("@")) && take_end(&rest, u->is_once ? STR(".target") : STR(".service"));
        u->unit = arena_join(a, u->part, STR("@"), rest, STR(".service"));
        return u->is_instance && str_to_u64(rest, UINT32_MAX, &u->number);
}

static int read_drop_in(struct power *p, struct str directory, struct str name) {
        struct arena *a = &p->ctl->arena;
        struct str text, line, file = arena_join(a, directory, name), part = name;
        struct str whole = layout_app_file(a, p->app, arena_join(a, STR(LAYOUT_WHOLE "/"), file));
        int r;

        if (!take_front(&part, STR("50-")) || !take_end(&part, STR(".conf")))
                return 0;

        r = fs_read(a, p->places->runtime, whole.p, DROP_IN_MAX, &text);
        if (r == -ENOENT)
                r = fs_read(a, p->places->runtime, layout_app_file(a, p->app, file).p, DROP_IN_MAX, &text);
        if (r < 0)
                return r;

        part = arena_str(a, part);
        while (str_split(&text, '\n', &line)) {
                struct power_unit u = { .part = part };

                if (take_front(&line, UPHOLDS) && parse_upheld(a, arena_str(a, line), &u))
                        *vec_push(a, &p->units) = u;
        }
        return 0;
}

static int compare_units(const void *x, const void *y) {
        const struct power_unit *a = x, *b = y;
        int r = str_cmp(a->part, b->part);

        return r != 0 ? r : a->number < b->number ? -1 : a->number > b->number;
}

int power_read_units(struct power *p) {
        struct arena *a = &p->ctl->arena;
        struct str directory = layout_upholding(a, p->app);
        struct fs_names names;
        int r = fs_list(a, p->places->runtime, layout_app_file(a, p->app, directory).p, &names);

        p->units.n = 0;
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        VEC_EACH(name, &names.list) {
                r = read_drop_in(p, directory, *name);
                if (r < 0)
                        return r;
        }

        if (p->units.n > 1)
                qsort(p->units.at, p->units.n, sizeof(struct power_unit), compare_units);
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
        return power_word(p, &(struct hold) { .unit = u->part, .has_number = u->is_instance, .number = u->number });
}
