/* SPDX-License-Identifier: Apache-2.0 */

#include "model/facts-parts.h"
#include "rows.h"

struct place_row {
        const char *name, *part, *cgroup, *place;
};

static const struct place_row place_rows[] = {
        { "oom: an instance", "shop-web", "/system.slice/system-shop\\x2dweb.slice/shop-web@0.service", "/system.slice/system-shop\\x2dweb.slice" },
        { "oom: an instance of the short form", "shop", "/system.slice/system-shop.slice/shop@0.service", "/system.slice/system-shop.slice" },
        { "oom: an instance of a user's", "shop", "/user.slice/app.slice/app-shop.slice/shop@0.service", "/user.slice/app.slice/app-shop.slice" },
        { "oom: a sidecar", "shop-cache", "/system.slice/shop-cache.service", "/system.slice/shop-cache.service" },
        { "oom: a slice of the administrator's", "shop-web", "/work.slice/shop-web@0.service", "/work.slice/shop-web@0.service" },
        { "oom: a slice of another application", "web", "/system.slice/system-shop\\x2dweb.slice/web@0.service", "/system.slice/system-shop\\x2dweb.slice/web@0.service" },
};

static void test_place(void **state) {
        const struct place_row *row = *state;
        struct arena arena = { 0 };

        assert_string_equal(arena_str(&arena, facts_oom_place(&arena, str_of(row->part), str_of(row->cgroup))).p, row->place);
        arena_done(&arena);
}

struct kills_row {
        const char *name, *text;
        uint64_t n;
};

static const struct kills_row kills_rows[] = {
        { "kills: as the kernel writes it", "low 0\nhigh 0\nmax 31\noom 2\noom_kill 3\noom_group_kill 1\n", 3 },
        { "kills: nothing", "", FACT_NOT_KNOWN },
        { "kills: of the group alone", "oom_group_kill 1\n", FACT_NOT_KNOWN },
        { "kills: no number", "oom_kill x\n", FACT_NOT_KNOWN },
};

static void test_kills(void **state) {
        const struct kills_row *row = *state;

        assert_int_equal(facts_oom_kills(str_of(row->text)), row->n);
}

int main(void) {
        static struct rows all;

        rows_add(&all, test_place, place_rows);
        rows_add(&all, test_kills, kills_rows);
        return rows_run(&all, "facts");
}
