/* SPDX-License-Identifier: Apache-2.0 */

/* What the administrator stopped is not upheld, and nothing else is different. Quadlet is the test program (publishing.h). */

#include "publish/parts.h"
#include "publishing.h"
#include "state/hold.h"
#include "state/stored.h"

static struct fixture f;

#define SHOP "50-shop.conf"
#define CACHE "50-shop-cache.conf"
#define WHOLE "[Unit]\nUpholds=shop@0.service\nUpholds=shop@1.service\n"

#define RECORD "pyservice-bundle 3\npart service shop 2 - no no -\npart sidecar shop-cache 1 - yes no -\n"

static int set_up(void **state) {
        (void) state;
        fixture_open(&f);
        assert_int_equal(fs_make_dirs(f.dir, "state/shop", false), 0);
        f.publisher.state = fs_open_dir(f.dir, "state");
        f.publisher.state_path = STR("/var/lib/pyservice");
        return 0;
}

static int tear_down(void **state) {
        (void) state;
        close_fd(&f.publisher.state);
        fixture_close(&f);
        return 0;
}

static void add(struct tree *t, const char *path, const char *owner, const char *text) {
        struct str absent = { 0 };

        tree_mark(tree_add(t, str_of(path), 0644, str_of(text)), str_has_prefix(str_of(path), STR("quadlet/")) ? TREE_REVISION : TREE_SCALE,
                  owner ? str_of(owner) : absent);
}

/* An app with a service of two instances, a sidecar that is started once, and what upholds no part. */
static struct tree *shop(void) {
        struct tree *t = arena_new(&f.arena, struct tree);

        t->arena = &f.arena;
        add(t, "quadlet/shop@.container", "shop", "of shop");
        add(t, "quadlet/shop-cache.container", "shop-cache", "of cache");
        add(t, "units/shop.target", NULL, "[Unit]\n");
        add(t, "units/shop.target.d/60-health.conf", NULL, "[Unit]\nUpholds=shop-health.timer\n");
        tree_mark(tree_add(t, STR("rollout"), 0644, STR("strategy rolling\n")), TREE_PLAN, (struct str) { 0 });
        tree_mark(tree_add(t, STR("record"), 0644, STR(RECORD)), TREE_PLAN, (struct str) { 0 });
        tree_sort(t);
        fixture_facts(t);
        return t;
}

/* A run of the generator; NULL: the file is broken. */
static void publish(const struct tree *file) {
        struct bundle_state s = { 0 };
        struct bundle *b;

        fixture_clear(&f);
        b = fixture_app(&f, "shop", true);
        b->app.at = b->at;
        s.error = state_read(&f.arena, f.publisher.state, STR("shop"), &s.state);
        bundle_choose(&f.publisher, b, file, &s);
        assert_int_equal(fixture_publish(&f), 0);
}

static const char *published(const char *drop_in) {
        const char *text = fixture_read(&f, fixture_join(&f, STR("run/apps/shop/units/shop.target.d/"), str_of(drop_in))).p;

        return text ? text : "(none)";
}

static void stop(const char *lines) {
        assert_int_equal(fs_make_dirs(f.dir, "run/stopped", false), 0);
        assert_int_equal(fs_replace(f.dir, "run/stopped/shop", 0644, str_of(lines)), 0);
}

static void start(void) {
        assert_int_equal(unlinkat(f.dir, "run/stopped/shop", 0), 0);
}

/* Bundles as who keeps them reads them. */
static const char *kept(const char *path) {
        CLEANUP(close_fd) int dir = fs_open_dir(f.dir, "run/apps/shop");
        struct tree t;

        assert_int_equal(stored_read(&f.arena, dir, &t), 0);
        return tree_find(&t, str_of(path))->text.p;
}

static void accept_tree(const struct tree *t) {
        struct state s = { .accepted = stored_revision(t) };

        assert_int_equal(stored_save(f.publisher.state, STR("shop"), s.accepted, t), 0);
        assert_int_equal(state_write(&f.arena, f.publisher.state, STR("shop"), &s), 0);
}

static void test_parts(void **state) {
        (void) state;
        publish(shop());
        assert_string_equal(published(SHOP), WHOLE);

        /* Though nothing else changed. */
        stop("now 1 shop@1\nnow 1 shop-cache\nlasting 1 shop\n");
        publish(shop());
        assert_string_equal(published(SHOP), "[Unit]\nUpholds=shop@0.service\n");
        assert_string_equal(published(CACHE), "(none)");
        assert_string_equal(published("60-health.conf"), "[Unit]\nUpholds=shop-health.timer\n");
        assert_non_null(strstr(fixture_alive(&f), "Upholds=shop.target\n"));
        assert_non_null(strstr(kept("record"), "part service shop 2 "));
        assert_string_equal(fixture_read(&f, "run/apps/shop/record").p, RECORD "stopped shop@1.service\nstopped shop-cache-once.target\n");
        assert_int_equal(fixture_runs(&f), 1);

        stop("now 1 shop\n");
        publish(shop());
        assert_string_equal(published(SHOP), "(none)");
        assert_string_equal(published(CACHE), "[Unit]\nUpholds=shop-cache-once.target\n");
        assert_string_equal(fixture_read(&f, "run/apps/shop/record").p, RECORD "stopped shop@0.service\nstopped shop@1.service\n");
        start();
        publish(shop());
        assert_string_equal(published(SHOP), WHOLE);
}

/* What is published stays then; but not what is stopped. */
static void test_broken_file(void **state) {
        (void) state;
        publish(shop());
        accept_tree(shop());
        publish(shop());
        stop("now 1 shop@0\n");
        publish(NULL);
        assert_string_equal(published(SHOP), "[Unit]\nUpholds=shop@1.service\n");
        publish(NULL);
        assert_string_equal(published(SHOP), "[Unit]\nUpholds=shop@1.service\n");
        assert_string_equal(fixture_read(&f, "run/apps/shop/record").p, RECORD "stopped shop@0.service\n");
        start();
        publish(NULL);
        assert_string_equal(published(SHOP), WHOLE);
        assert_string_equal(fixture_read(&f, "run/apps/shop/record").p, RECORD);
}

static void test_all(void **state) {
        (void) state;
        publish(shop());
        stop("now 1 *\nnow 1 shop@1\n");
        publish(shop());
        assert_string_equal(published(SHOP), WHOLE);
        assert_non_null(strstr(fixture_alive(&f), "\nX-Stopped=shop.target\n"));
        assert_null(strstr(fixture_alive(&f), "Upholds=shop.target"));

        /* It is no app that is gone. */
        publish(NULL);
        assert_non_null(strstr(fixture_alive(&f), "\nX-Stopped=shop.target\n"));
        start();
        publish(shop());
        assert_non_null(strstr(fixture_alive(&f), "\nUpholds=shop.target\n"));
}

/* Rather running than not. */
static void test_damaged(void **state) {
        (void) state;
        publish(shop());
        stop("now 1 *\nnow 1 shop@1");
        publish(shop());
        assert_non_null(strstr(fixture_alive(&f), "\nUpholds=shop.target\n"));
        assert_string_equal(published(SHOP), WHOLE);
        assert_int_equal(f.ds.list.n, 1);
        assert_int_equal(f.ds.list.at[0].id, DIAG_BAD_STATE);
}

/* At the first run since the boot, and then no more. */
static void test_boot(void **state) {
        struct holds h;

        (void) state;
        assert_int_equal(fs_write(f.publisher.state, "shop/stopped", 0600, STR("lasting 7 shop@1\n")), 0);
        assert_int_equal(withhold_begin(&f.publisher), 0);
        assert_int_equal(hold_read(&f.arena, f.publisher.runtime, STR("shop"), &h), 0);
        assert_int_equal(h.list.n, 1);
        assert_true(h.list.at[0].now == 7 && h.list.at[0].lasting == 7 && h.list.at[0].number == 1);
        assert_true(withhold_is_lasting(&f.publisher, STR("shop")));

        start();
        assert_int_equal(withhold_begin(&f.publisher), 0);
        assert_int_equal(fixture_read(&f, "run/stopped/shop").n, 0);
}

static void test_gone(void **state) {
        (void) state;
        stop("now 1 *\n");
        (void) fixture_app(&f, "shop", true);
        assert_int_equal(withhold_forget(&f.publisher, f.bundles, f.n), 0);
        assert_true(fixture_read(&f, "run/stopped/shop").n > 0);
        assert_int_equal(withhold_forget(&f.publisher, f.bundles, 0), 0);
        assert_int_equal(fixture_read(&f, "run/stopped/shop").n, 0);
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_parts, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_broken_file, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_all, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_boot, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_gone, set_up, tear_down),
        };

        if (fixture_is_quadlet(argc, argv))
                return 0;

        return cmocka_run_group_tests(tests, NULL, NULL);
}
