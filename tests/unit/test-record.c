/* SPDX-License-Identifier: Apache-2.0 */

/* The record of a bundle: written, read again, and what can't be read. */

#include <errno.h>

#include "base/buf.h"
#include "bundle/record.h"
#include "rows.h"

static struct arena arena;

static void test_whole(void **state) {
        struct record r = { 0 }, read;
        struct str text;

        (void) state;
        *vec_push(&arena, &r.parts) = (struct record_part) {
                .kind = RECORD_SERVICE, .unit = STR("shop-web"), .scale = 3, .label = STR("0123456789ab"),
                .runs_once = true, .has_spare = true, .image = STR("quay.io/a/b:1"),
        };
        *vec_push(&arena, &r.parts) = (struct record_part) {
                .kind = RECORD_TIMER, .unit = STR("shop"), .label = STR("-"), .image = STR("a b%\n-"),
        };
        *vec_push(&arena, &r.acme) = (struct record_acme) {
                .unit = STR("shop-web"), .domain = STR("shop.example.com"), .directory = STR("https://ca.example.com/"),
        };
        *vec_push(&arena, &r.acme) = (struct record_acme) {
                .unit = STR("shop-api"), .domain = STR("api.example.com"), .is_nginx = true,
                .directory = STR("https://ca.example.com/"), .email = STR("ops@example.com"),
        };
        record_sort(&r);
        text = record_text(&arena, &r);
        assert_string_equal(text.p, "pyservice-bundle 3\n"
                            "part timer shop 0 %2D no no a%20b%25%0A-\n"
                            "part service shop-web 3 0123456789ab yes yes quay.io/a/b:1\n"
                            "acme shop-web shop.example.com haproxy https://ca.example.com/ -\n"
                            "acme shop-api api.example.com nginx https://ca.example.com/ ops@example.com\n");

        assert_int_equal(record_parse(&arena, text, &read), 0);
        assert_int_equal(read.parts.n, 2);
        assert_true(str_eq(record_text(&arena, &read), text));
        assert_string_equal(record_find(&read, STR("shop"))->image.p, "a b%\n-");
        assert_string_equal(record_find(&read, STR("shop"))->label.p, "-");
        assert_null(record_find(&read, STR("shop-we")));
}

static void test_absent(void **state) {
        struct record r = { 0 }, read;

        (void) state;
        *vec_push(&arena, &r.parts) = (struct record_part) { .kind = RECORD_TASK, .unit = STR("shop") };
        assert_int_equal(record_parse(&arena, record_text(&arena, &r), &read), 0);
        assert_true(str_is_absent(read.parts.at[0].label) && str_is_absent(read.parts.at[0].image));
        assert_int_equal(record_parse(&arena, record_text(&arena, &(struct record) { 0 }), &read), 0);
        assert_int_equal(read.parts.n, 0);
}

/* An argument of a command, the reason of a failure: the file must not count as damaged for it. */
static void test_empty(void **state) {
        struct record r = { 0 }, read;
        struct str text;

        (void) state;
        *vec_push(&arena, &r.parts) = (struct record_part) { .kind = RECORD_TASK, .unit = STR("shop"), .image = STR("") };
        *vec_push(&arena, &r.volumes) = STR("");
        text = record_text(&arena, &r);
        assert_string_equal(text.p, "pyservice-bundle 3\npart task shop 0 - no no %\nvolume %\n");
        assert_int_equal(record_parse(&arena, text, &read), 0);
        assert_string_equal(read.parts.at[0].image.p, "");
        assert_string_equal(read.volumes.at[0].p, "");
}

static void test_list(void **state) {
        static const char text[] = "pyservice-bundle 3\npart sidecar shop-a 1 - no no -\npart sidecar shop-b 1 - yes no -\npart sidecar shop-c 0 - no no -\n"
                "part timer shop-d 1 - no no -\npart task shop-e 0 - no no -\npart service shop-f 2 - no no -\npart service shop-g 1 - yes no -\n"
                "part service shop-h 0 - no no -\nstopped shop-f@1.service\nvolume shop-data-*\n";
        struct buf out = buf_in(&arena);
        struct record_units units;
        struct record r;

        (void) state;
        assert_int_equal(record_parse(&arena, STR(text), &r), 0);
        assert_string_equal(record_text(&arena, &r).p, text);
        record_list(&arena, &r, &units);
        VEC_EACH(u, &units.list) {
                buf_put_str(&out, arena_join(&arena, u->part->unit, STR(" "), arena_u64(&arena, u->number), STR(" "), u->unit, STR(" "), u->upheld));
                buf_put(&out, record_is_stopped(&r, u->upheld) ? " stopped\n" : "\n");
        }
        assert_string_equal(buf_str(&out).p, "shop-a 0 shop-a.service shop-a.service\n"
                            "shop-b 0 shop-b.service shop-b-once.target\n"
                            "shop-d 0 shop-d.timer shop-d.timer\n"
                            "shop-f 0 shop-f@0.service shop-f@0.service\n"
                            "shop-f 1 shop-f@1.service shop-f@1.service stopped\n"
                            "shop-g 0 shop-g@0.service shop-g-once@0.target\n");
}

struct bad_row {
        const char *name, *text;
        int error;
};

#define HEAD "pyservice-bundle 3\n"
#define PART "part service shop 1 - no no -"

static const struct bad_row bad_rows[] = {
        { "empty", "", -EBADMSG },
        { "another file", "accepted 0123456789ab\n", -EBADMSG },
        { "no version", "pyservice-bundle\n", -EBADMSG },
        { "an older version", "pyservice-bundle 0\n" PART "\n", -EPROTONOSUPPORT },
        { "a newer version", "pyservice-bundle 4\nstrange\n", -EPROTONOSUPPORT },
        { "unknown row", HEAD "piece service shop 1 - no no -\n", -EBADMSG },
        { "unknown kind", HEAD "part thing shop 1 - no no -\n", -EBADMSG },
        { "no unit", HEAD "part service - 1 - no no -\n", -EBADMSG },
        { "no number", HEAD "part service shop many - no no -\n", -EBADMSG },
        { "no flag", HEAD "part service shop 1 - maybe no -\n", -EBADMSG },
        { "a field missing", HEAD "part service shop 1 - no no\n", -EBADMSG },
        { "a field too many", HEAD PART " -\n", -EBADMSG },
        { "an empty field", HEAD "part service shop 1  no no -\n", -EBADMSG },
        { "half an escape", HEAD "part service shop 1 - no no a%2\n", -EBADMSG },
        { "an escape without digits", HEAD "part service shop 1 - no no a%\n", -EBADMSG },
        { "two of them", HEAD "part service shop 1 - no no %%\n", -EBADMSG },
        { "no escape", HEAD "part service shop 1 - no no a%zz\n", -EBADMSG },
        { "cut off", HEAD PART, -EBADMSG },
        { "an empty line", HEAD "\n" PART "\n", -EBADMSG },
};

static void test_bad(void **state) {
        const struct bad_row *row = *state;
        struct record r;

        assert_int_equal(record_parse(&arena, str_of(row->text), &r), row->error);
}

int main(void) {
        static struct rows all;

        rows_add_one(&all, test_whole);
        rows_add_one(&all, test_absent);
        rows_add_one(&all, test_empty);
        rows_add_one(&all, test_list);
        rows_add(&all, test_bad, bad_rows);
        return rows_run(&all, "record");
}
