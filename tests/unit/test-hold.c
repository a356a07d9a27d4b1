/* SPDX-License-Identifier: Apache-2.0 */

/* What the administrator stopped: written, read again, and what can't be read. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "rows.h"
#include "state/hold.h"

static struct {
        struct arena arena;
        char path[sizeof("/tmp/pyservice-hold-XXXXXX")];
        int dir;
} f;

#define APP STR("shop")

static int set_up(void **state) {
        (void) state;
        f = (__typeof__(f)) { .path = "/tmp/pyservice-hold-XXXXXX" };
        assert_non_null(mkdtemp(f.path));
        f.dir = fs_open_dir(AT_FDCWD, f.path);
        assert_true(f.dir >= 0);
        return 0;
}

static int tear_down(void **state) {
        (void) state;
        close_fd(&f.dir);
        assert_int_equal(fs_remove_tree(AT_FDCWD, f.path), 0);
        arena_done(&f.arena);
        return 0;
}

static void put(const char *text, mode_t mode) {
        assert_int_equal(fs_make_dirs(f.dir, "stopped", false), 0);
        assert_int_equal(fs_replace(f.dir, "stopped/shop", mode, str_of(text)), 0);
}

static const char *text_of(const char *name) {
        struct str text = { 0 };

        return fs_read(&f.arena, f.dir, name, 1 << 20, &text) < 0 ? NULL : text.p;
}

/* As an earlier version wrote it, and as it is written now. */
static void test_whole(void **state) {
        static const char text[] = "now 17 *\nlasting 18 *\nnow 1 shop\nlasting 5 shop-worker@12\n";
        struct holds h;

        (void) state;
        put(text, 0644);
        assert_int_equal(hold_read(&f.arena, f.dir, APP, &h), 0);
        assert_int_equal(h.list.n, 3);
        assert_true(str_is_absent(h.list.at[0].unit) && h.list.at[0].now == 17 && h.list.at[0].lasting == 18);
        assert_true(str_is(h.list.at[1].unit, "shop") && !h.list.at[1].has_number && h.list.at[1].lasting == 0);
        assert_true(str_is(h.list.at[2].unit, "shop-worker") && h.list.at[2].has_number && h.list.at[2].number == 12 && h.list.at[2].now == 0);
        assert_true(hold_has_all(&h));

        assert_int_equal(hold_write(&f.arena, f.dir, APP, &h), 0);
        assert_string_equal(text_of("stopped/shop"), "pyservice-stopped 1\nnow 17 *\nnow 1 shop\nlasting 18 *\nlasting 5 shop-worker@12\n");
        assert_int_equal(hold_read(&f.arena, f.dir, APP, &h), 0);
        assert_int_equal(h.list.n, 3);
        assert_int_equal(mkdirat(f.dir, "shop", 0700), 0);
        assert_int_equal(hold_write_lasting(&f.arena, f.dir, APP, &h), 0);
        assert_string_equal(text_of("shop/stopped"), "pyservice-stopped 1\nlasting 18 *\nlasting 5 shop-worker@12\n");
        assert_int_equal(hold_read_lasting(&f.arena, f.dir, APP, &h), 0);
        assert_int_equal(h.list.n, 2);
        assert_false(hold_has_all(&h));
}

static void test_nothing(void **state) {
        struct holds h = { 0 };

        (void) state;
        assert_int_equal(hold_read(&f.arena, -1, APP, &h), 0);
        assert_int_equal(hold_read(&f.arena, f.dir, APP, &h), 0);
        assert_int_equal(h.list.n, 0);
        put("now 1 *\n", 0644);
        assert_int_equal(hold_write(&f.arena, f.dir, APP, &h), 0);
        assert_null(text_of("stopped/shop"));
        assert_int_equal(hold_write(&f.arena, f.dir, APP, &h), 0);
        assert_int_equal(hold_write_lasting(&f.arena, f.dir, APP, &h), 0);
}

static void test_refused(void **state) {
        static const char *const texts[] = {
                "pyservice-stopped 2\nnow 1 *\n", "now 1 *", "now 1\n", "now 1 \n", "now  1 *\n", "now 0 *\n", "now x *\n", "now 01 *\n", "later 1 *\n", "\nnow 1 *\n", "now 1 *\n\n", "now 1 *\nnow 2 *\n",
                "now 1 shop@\n", "now 1 shop@01\n", "now 1 shop@4294967296\n", "now 1 @1\n", "now 1 -shop\n", "now 1 ../shop\n", "now 1 shop.service\n", "now 1 Shop\n",
                "now 1 shop 2\n", "now 1 * \n", "now 1 **\n", "now 1 shop@1@2\n",
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                struct holds h;

                put(texts[i], 0644);
                if (hold_read(&f.arena, f.dir, APP, &h) != -EBADMSG)
                        fail_msg("'%s' was read", texts[i]);
                assert_int_equal(h.list.n, 0);
        }
}

static void test_others(void **state) {
        struct holds h;

        (void) state;
        put("now 1 *\n", 0664);
        assert_int_equal(hold_read(&f.arena, f.dir, APP, &h), -EPERM);
        put("now 1 *\n", 0646);
        assert_int_equal(hold_read(&f.arena, f.dir, APP, &h), -EPERM);
        assert_int_equal(h.list.n, 0);

        put("now 1 *\n", 0644);
        if (fchownat(f.dir, "stopped/shop", 65534, 65534, 0) < 0)
                skip();         /* needs root, and other users */
        assert_int_equal(hold_read(&f.arena, f.dir, APP, &h), -EPERM);
}

static void test_unreadable(void **state) {
        struct holds h = { 0 };

        (void) state;
        *vec_push(&f.arena, &h.list) = (struct hold) { .unit = STR("a b"), .now = 1 };
        assert_int_equal(hold_write(&f.arena, f.dir, APP, &h), -EINVAL);
        assert_null(text_of("stopped/shop"));
}

static void test_find(void **state) {
        static const struct {
                const char *marks, *unit;
                bool is_found;
        } rows[] = {
                { "now 1 *\n", "shop.target", true }, { "now 1 *\n", "shop@0.service", true }, { "now 1 *\n", "shop-x.timer", true },
                { "lasting 1 *\n", "shop@0.service", false },
                { "now 1 shop\n", "shop.target", false }, { "now 1 shop\n", "shop@0.service", true }, { "now 1 shop\n", "shop-once@0.target", true },
                { "now 1 shop\n", "shop-web@0.service", false }, { "now 1 shop\n", "shop@next.service", true },
                { "now 1 shop@1\n", "shop@1.service", true }, { "now 1 shop@1\n", "shop@11.service", false }, { "now 1 shop@1\n", "shop-once@1.target", true },
                { "now 1 shop@1\n", "shop@next.service", false }, { "now 1 shop@1\n", "shop.service", false },
                { "now 1 shop-cache\n", "shop-cache.service", true }, { "now 1 shop-cache\n", "shop-cache-once.target", true },
                { "now 1 shop-cache\n", "shop-cache-two.service", false }, { "now 1 shop-night\n", "shop-night.timer", true },
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct holds h;

                put(rows[i].marks, 0644);
                assert_int_equal(hold_read(&f.arena, f.dir, APP, &h), 0);
                if ((hold_find(&h, str_of(rows[i].unit)) != NULL) != rows[i].is_found)
                        fail_msg("%s %s", rows[i].marks, rows[i].unit);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_whole, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_nothing, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_others, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_unreadable, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_find, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
