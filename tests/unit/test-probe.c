/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/probe.h"
#include "rows.h"

struct accept_row {
        const char *name, *codes;
        unsigned status;
        bool is_accepted;
};

static const struct accept_row accept_rows[] = {
        { "one code", "200", 200, true },
        { "another", "200", 201, false },
        { "first of a range", "200-399", 200, true },
        { "last of a range", "200-399", 399, true },
        { "past a range", "200-399", 400, false },
        { "second of a list", "200,301-302", 302, true },
        { "between", "200,301-302", 300, false },
        { "no answer", "200-399", 0, false },
};

static void test_accepts(void **state) {
        const struct accept_row *row = *state;

        assert_int_equal(probe_accepts(str_of(row->codes), row->status), row->is_accepted);
}

/* Asks whenever it would be asked, each check failing after `took`; gives when it is given up. */
static uint64_t fail_always(struct probe p, uint64_t took) {
        for (uint64_t now = took;; now += probe_pause(&p, now) + took)
                if (probe_failed(&p, now))
                        return now;
}

struct give_up_row {
        const char *name;
        struct probe probe;
        uint64_t took, from, to;
};

/* After the last interval that counts, and soon after it. */
static const struct give_up_row give_up_rows[] = {
        { "defaults", { 5000, 10000, 5 }, 1, 30000, 45000 },
        { "no start period, one try", { 5000, 0, 1 }, 1, 1, 1 },
        { "no start period, three tries", { 1000, 0, 3 }, 1, 2000, 3500 },
        { "long start period", { 1000, 600000, 3 }, 1, 602000, 605000 },
        { "each check takes its timeout", { 5000, 10000, 5 }, 5000, 30000, 60000 },
};

static void test_gives_up(void **state) {
        const struct give_up_row *row = *state;
        uint64_t at = fail_always(row->probe, row->took);

        assert_in_range(at, row->from, row->to);
}

static void test_asks_often_at_first(void **state) {
        const struct probe p = { .interval = 5000, .start_period = 10000, .retries = 5 };

        assert_int_equal(probe_pause(&p, 0), 20);
        assert_int_equal(probe_pause(&p, 1000), 100);
        assert_int_equal(probe_pause(&p, 20000), 2000);
        assert_int_equal(probe_pause(&p, 900000), 5000);
}

static void test_the_start_period_counts_nothing(void **state) {
        struct probe p = { .interval = 1000, .start_period = 10000, .retries = 1 };

        for (uint64_t now = 0; now < 10000; now += 100)
                assert_false(probe_failed(&p, now));
        assert_true(probe_failed(&p, 10000));
}

static void test_an_interval_counts_once(void **state) {
        struct probe p = { .interval = 1000, .start_period = 0, .retries = 2 };

        assert_false(probe_failed(&p, 50));
        assert_false(probe_failed(&p, 150));
        assert_false(probe_failed(&p, 1049));
        assert_true(probe_failed(&p, 1050));
}

int main(void) {
        struct rows rows = { 0 };

        rows_add(&rows, test_accepts, accept_rows);
        rows_add(&rows, test_gives_up, give_up_rows);
        rows_add_one(&rows, test_asks_often_at_first);
        rows_add_one(&rows, test_the_start_period_counts_nothing);
        rows_add_one(&rows, test_an_interval_counts_once);
        return rows_run(&rows, "probe");
}
