/* SPDX-License-Identifier: Apache-2.0 */

/* Time spans, sizes and numbers of CPUs. */

#include "rows.h"
#include "schema/type.h"

struct quantity_row {
        const char *name;
        struct str text;
        bool is_good;
        uint64_t value;
};

#define SECOND 1000000ULL

static const struct quantity_row duration_rows[] = {
        { "time: plain seconds", STR_INIT("90"), true, 90 * SECOND },
        { "time: zero", STR_INIT("0"), true, 0 },
        { "time: microseconds", STR_INIT("7us"), true, 7 },
        { "time: usec", STR_INIT("7usec"), true, 7 },
        { "time: milliseconds", STR_INIT("500ms"), true, 500000 },
        { "time: msec", STR_INIT("1msec"), true, 1000 },
        { "time: s", STR_INIT("5s"), true, 5 * SECOND },
        { "time: sec", STR_INIT("5sec"), true, 5 * SECOND },
        { "time: second", STR_INIT("1second"), true, SECOND },
        { "time: seconds", STR_INIT("5 seconds"), true, 5 * SECOND },
        { "time: m", STR_INIT("2m"), true, 120 * SECOND },
        { "time: min", STR_INIT("2min"), true, 120 * SECOND },
        { "time: minute", STR_INIT("1minute"), true, 60 * SECOND },
        { "time: minutes", STR_INIT("2minutes"), true, 120 * SECOND },
        { "time: h", STR_INIT("1h"), true, 3600 * SECOND },
        { "time: hr", STR_INIT("1hr"), true, 3600 * SECOND },
        { "time: hours", STR_INIT("2hours"), true, 7200 * SECOND },
        { "time: d", STR_INIT("1d"), true, 86400 * SECOND },
        { "time: days", STR_INIT("2days"), true, 172800 * SECOND },
        { "time: w", STR_INIT("1w"), true, 604800 * SECOND },
        { "time: weeks", STR_INIT("2weeks"), true, 1209600 * SECOND },
        { "time: y", STR_INIT("1y"), true, 31557600 * SECOND },
        { "time: year", STR_INIT("1year"), true, 31557600 * SECOND },
        { "time: years", STR_INIT("2years"), true, 63115200 * SECOND },
        { "time: two units", STR_INIT("1min 30s"), true, 90 * SECOND },
        { "time: two units without a blank", STR_INIT("1min30s"), true, 90 * SECOND },
        { "time: blanks around", STR_INIT(" 1 min  30 s "), true, 90 * SECOND },
        { "time: a unit twice", STR_INIT("1s 1s"), true, 2 * SECOND },
        { "time: infinity", STR_INIT("infinity"), true, UINT64_MAX },
        { "time: nothing", STR_INIT(""), false, 0 },
        { "time: only blanks", STR_INIT("  "), false, 0 },
        { "time: only a unit", STR_INIT("s"), false, 0 },
        { "time: negative", STR_INIT("-1s"), false, 0 },
        { "time: unknown unit", STR_INIT("5parsecs"), false, 0 },
        { "time: capitals", STR_INIT("5S"), false, 0 },
        { "time: two plain numbers", STR_INIT("5 5"), false, 0 },
        { "time: a plain number behind", STR_INIT("1min 30"), false, 0 },
        { "time: a plain number behind zero", STR_INIT("0s 5"), false, 0 },
        { "time: infinity and more", STR_INIT("infinity 1s"), false, 0 },
        { "time: leading zero", STR_INIT("05s"), false, 0 },
        { "time: hexadecimal", STR_INIT("0x5s"), false, 0 },
        { "time: more than fits", STR_INIT("4294967295w 4294967295w"), false, 0 },
        { "time: number too long", STR_INIT("99999999999999999999s"), false, 0 },
        { "time: a line feed behind", STR_INIT("5s\n"), false, 0 },
};

static const struct quantity_row bytes_rows[] = {
        { "size: bytes", STR_INIT("65536"), true, 65536 },
        { "size: K", STR_INIT("1K"), true, 1024 },
        { "size: M", STR_INIT("512M"), true, 512ULL << 20 },
        { "size: G", STR_INIT("2G"), true, 2ULL << 30 },
        { "size: T", STR_INIT("1T"), true, 1ULL << 40 },
        { "size: the largest", STR_INIT("9223372036854775807"), true, INT64_MAX },
        { "size: one more", STR_INIT("9223372036854775808"), false, 0 },
        { "size: too large by its unit", STR_INIT("8388608T"), false, 0 },
        { "size: wraps around", STR_INIT("16777216T"), false, 0 },
        { "size: zero", STR_INIT("0"), false, 0 },
        { "size: zero of a unit", STR_INIT("0M"), false, 0 },
        { "size: nothing", STR_INIT(""), false, 0 },
        { "size: only a unit", STR_INIT("M"), false, 0 },
        { "size: small letter", STR_INIT("512m"), true, 512ULL << 20 },
        { "size: Gi", STR_INIT("1Gi"), true, 1ULL << 30 },
        { "size: i alone", STR_INIT("1i"), false, 0 },
        { "size: MB", STR_INIT("1MB"), false, 0 },
        { "size: blank", STR_INIT("1 M"), false, 0 },
        { "size: fraction", STR_INIT("1.5G"), false, 0 },
        { "size: percent", STR_INIT("50%"), false, 0 },
        { "size: negative", STR_INIT("-1"), false, 0 },
        { "size: leading zero", STR_INIT("01M"), false, 0 },
};

static const struct quantity_row cpus_rows[] = {
        { "cpus: whole", STR_INIT("2"), true, 2000 },
        { "cpus: half", STR_INIT("0.5"), true, 500 },
        { "cpus: two places", STR_INIT("1.25"), true, 1250 },
        { "cpus: three places", STR_INIT("0.001"), true, 1 },
        { "cpus: four places", STR_INIT("0.0001"), false, 0 },
        { "cpus: zero", STR_INIT("0"), false, 0 },
        { "cpus: zero with places", STR_INIT("0.000"), false, 0 },
        { "cpus: nothing before the point", STR_INIT(".5"), false, 0 },
        { "cpus: nothing behind the point", STR_INIT("1."), false, 0 },
        { "cpus: two points", STR_INIT("1.2.3"), false, 0 },
        { "cpus: leading zero", STR_INIT("01"), false, 0 },
        { "cpus: more than there are", STR_INIT("5000"), false, 0 },
        { "cpus: nothing", STR_INIT(""), false, 0 },
        { "cpus: negative", STR_INIT("-1"), false, 0 },
        { "cpus: percent", STR_INIT("50%"), false, 0 },
        { "cpus: exponent", STR_INIT("1e2"), false, 0 },
};

static void check(const struct quantity_row *row, bool (*parse)(struct str, uint64_t *)) {
        uint64_t value = 4711;

        assert_int_equal(parse(row->text, &value), row->is_good);
        if (row->is_good)
                assert_true(value == row->value);
}

static void test_duration(void **state) {
        check(*state, type_parse_duration);
}

static void test_bytes(void **state) {
        check(*state, type_parse_bytes);
}

static void test_cpus(void **state) {
        check(*state, type_parse_cpus);
}

int main(void) {
        static struct rows rows;

        rows_add(&rows, test_duration, duration_rows);
        rows_add(&rows, test_bytes, bytes_rows);
        rows_add(&rows, test_cpus, cpus_rows);
        return rows_run(&rows, "quantity");
}
