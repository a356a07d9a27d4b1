/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "change/place.h"
#include "rows.h"

#define PLACE "etc/pyservice.d/shop.yaml"
#define TEXT "image: localhost/shop:2\n"

static char path[] = "/tmp/pyservice-test-XXXXXX";
static const struct verb verb = { .name = "apply" };
static int dir;
static struct ctl ctl;
static struct changing changing;

static int set_up(void **state) {
        (void) state;
        (void) memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
        assert_non_null(mkdtemp(path));
        dir = fs_open_dir(AT_FDCWD, path);
        assert_true(dir >= 0);
        ctl = (struct ctl){ .root = path, .verb = &verb };
        changing = (struct changing){ .ctl = &ctl, .before.world.root = -1 };
        assert_int_equal(fs_make_dirs(dir, "etc/pyservice.d", false), 0);
        assert_int_equal(fs_make_dirs(dir, "other", false), 0);
        assert_int_equal(fs_write(dir, "shop.yaml", 0640, STR(TEXT)), 0);
        return 0;
}

static int tear_down(void **state) {
        (void) state;
        session_close(&changing.before);
        assert_int_equal(fs_remove_tree(AT_FDCWD, path), 0);
        close_fd(&dir);
        arena_done(&ctl.arena);
        return 0;
}

static int take(const char *word, struct str *ret) {
        return place_take_word(&changing, arena_join(&ctl.arena, str_of(path), str_of(word)).p, ret);
}

static void check_file(const char *text, unsigned mode) {
        struct fs_file file;

        assert_int_equal(fs_read_file(&ctl.arena, dir, PLACE, SOURCE_MAX, &file), 0);
        assert_true(str_is(file.text, text));
        assert_int_equal(file.stat.st_mode & 07777u, mode);
}

static void test_new(void **state) {
        struct proposed *proposed;
        struct str app;

        (void) state;
        assert_int_equal(take("/shop.yaml", &app), 0);
        assert_true(str_is(app, "shop"));
        assert_int_equal(place_look(&changing), 0);
        proposed = place_propose(&changing);
        assert_true(str_is(proposed[0].path, "/" PLACE) && str_is(proposed[0].text, TEXT));
        assert_int_equal(faccessat(dir, PLACE, F_OK, 0), -1);
        assert_true(place_differs(&changing));
        assert_int_equal(place_put(&changing), 0);
        check_file(TEXT, 0640);
        assert_int_equal(ctl.settles, 0);
}

/* What may be in it has not become readable by a copy that is. */
static void test_mode_stays(void **state) {
        struct str app;

        (void) state;
        assert_int_equal(fs_write(dir, PLACE, 0600, STR("image: localhost/shop:1\n")), 0);
        assert_int_equal(take("/shop.yaml", &app), 0);
        assert_int_equal(place_look(&changing), 0);
        assert_int_equal(place_propose(&changing)[0].mode, 0600);
        assert_true(place_differs(&changing));
        assert_int_equal(place_put(&changing), 0);
        check_file(TEXT, 0600);
}

static void test_unchanged(void **state) {
        struct str app;

        (void) state;
        assert_int_equal(fs_write(dir, PLACE, 0644, STR(TEXT)), 0);
        assert_int_equal(take("/shop.yaml", &app), 0);
        assert_int_equal(place_look(&changing), 0);
        assert_false(place_differs(&changing));
}

/* The generator waits for the end of a file that has no line feed there. */
static void test_no_line_feed(void **state) {
        struct str app;

        (void) state;
        assert_int_equal(fs_replace(dir, "shop.yaml", 0644, STR("image: localhost/shop:2")), 0);
        assert_int_equal(take("/shop.yaml", &app), 0);
        assert_int_equal(place_look(&changing), 0);
        assert_int_equal(place_put(&changing), 0);
        assert_true(ctl.settles > 0);
}

static void test_changed_in_the_meantime(void **state) {
        struct str app;

        (void) state;
        assert_int_equal(fs_write(dir, PLACE, 0644, STR("image: localhost/shop:1\n")), 0);
        assert_int_equal(take("/shop.yaml", &app), 0);
        assert_int_equal(place_look(&changing), 0);
        assert_int_equal(fs_replace(dir, PLACE, 0644, STR("image: localhost/shop:3\n")), 0);
        assert_int_equal(place_put(&changing), CTL_ERROR);
        check_file("image: localhost/shop:3\n", 0644);
}

static void test_new_in_the_meantime(void **state) {
        struct str app;

        (void) state;
        assert_int_equal(take("/shop.yaml", &app), 0);
        assert_int_equal(place_look(&changing), 0);
        assert_int_equal(fs_replace(dir, PLACE, 0644, STR("image: localhost/shop:3\n")), 0);
        assert_int_equal(place_put(&changing), CTL_ERROR);
        check_file("image: localhost/shop:3\n", 0644);
}

static void test_not_a_definition(void **state) {
        struct str app;

        (void) state;
        assert_int_equal(take("/none.yaml", &app), CTL_ERROR);
        assert_int_equal(take("/other", &app), CTL_ERROR);
        assert_int_equal(fs_write(dir, "No.yaml", 0644, STR(TEXT)), 0);
        assert_int_equal(take("/No.yaml", &app), CTL_USAGE);
        assert_int_equal(fs_write(dir, "shop.yml", 0644, STR(TEXT)), 0);
        assert_int_equal(take("/shop.yml", &app), CTL_USAGE);
        assert_int_equal(take("/shop.yaml", &app), 0);
        assert_int_equal(fs_write(dir, "other/shop.yaml", 0644, STR(TEXT)), 0);
        assert_int_equal(take("/other/shop.yaml", &app), CTL_USAGE);
        assert_int_equal(place_take_word(&changing, "no_name", &app), CTL_USAGE);
        assert_int_equal(place_take_word(&changing, "name", &app), 0);
        assert_int_equal(changing.files.n, 1);
}

static void test_place_is_not_a_file(void **state) {
        struct str app;

        (void) state;
        assert_int_equal(fs_make_dirs(dir, PLACE, false), 0);
        assert_int_equal(take("/shop.yaml", &app), 0);
        assert_int_equal(place_look(&changing), CTL_ERROR);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_new, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_mode_stays, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_unchanged, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_no_line_feed, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_changed_in_the_meantime, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_new_in_the_meantime, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_not_a_definition, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_place_is_not_a_file, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
