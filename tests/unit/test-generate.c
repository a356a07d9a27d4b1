/* SPDX-License-Identifier: Apache-2.0 */

/* Whole runs: what a mistake in the machine's own file does to what is published. Quadlet is the test program (publishing.h). */

#include "publish/generate.h"
#include "publishing.h"
#include "worlds.h"

static const char good[] = "network: back\nports: {first: 30000, last: 30999}\n";

/* As a user's manager runs it, so that the tests need not be root. */
static int generate(struct site *s) {
        struct generate g = { .root = s->path, .home = "/home/me", .user_runtime = "/run/user/1000" };

        g.output = arena_printf(&s->arena, "%s/out", s->path).p;
        assert_int_equal(fs_remove_tree(s->world.root, "out"), 0);
        assert_int_equal(mkdirat(s->world.root, "out", 0755), 0);
        return generate_run(&g);
}

static void open_site(struct site *s, const char *host) {
        site_open(s);
        site_write(s, "/home/me/.config/pyservice/host.yaml", host);
        site_write(s, "/home/me/.config/pyservice.d/shop.yaml", "image: x\nport: 80\nproxy: {}\n");
}

/* The parts of the one app's bundle that host.yaml has a say in. */
static const char *published(struct site *s) {
        struct str container = { 0 }, ports = { 0 };

        assert_true(fs_read(&s->arena, s->world.root, "run/user/1000/pyservice/apps/shop/quadlet/shop@.container", 1 << 20, &container) >= 0);
        assert_true(fs_read(&s->arena, s->world.root, "run/user/1000/pyservice/apps/shop/ports", 1 << 20, &ports) >= 0);
        return arena_join(&s->arena, container, ports).p;
}

static void test_broken_host(void **state) {
        static const char *const mistakes[] = { "netwrok: back\n", "network: {\n", "ports: {first: 70000}\n" };
        struct site s;

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
                const char *before;

                open_site(&s, good);
                assert_int_equal(generate(&s), 0);
                before = published(&s);
                assert_non_null(strstr(before, "\nNetwork=back\n"));

                site_write(&s, "/home/me/.config/pyservice/host.yaml", mistakes[i]);
                assert_int_equal(generate(&s), 1);
                assert_string_equal(published(&s), before);
                assert_int_equal(faccessat(s.world.root, "out/shop@.service", F_OK, 0), 0);
                assert_int_equal(faccessat(s.world.root, "run/user/1000/pyservice/errors/HOST", F_OK, 0), 0);
                assert_int_equal(faccessat(s.world.root, "run/user/1000/pyservice/errors/shop", F_OK, 0), -1);

                site_write(&s, "/home/me/.config/pyservice/host.yaml", "network: front\n");
                assert_int_equal(generate(&s), 0);
                assert_non_null(strstr(published(&s), "\nNetwork=front\n"));
                site_close(&s);
        }
}

/* At boot there is nothing that could go on, so everything starts with what could be understood. */
static void test_broken_host_at_boot(void **state) {
        struct site s;

        (void) state;
        open_site(&s, "network: back\nprots: {}\n");
        assert_int_equal(generate(&s), 1);
        assert_non_null(strstr(published(&s), "\nNetwork=back\n"));
        site_close(&s);
}

int main(int argc, char **argv) {
        static struct rows all;
        char self[PATH_MAX] = "";

        if (fixture_is_quadlet(argc, argv))
                return 0;

        assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
        assert_int_equal(setenv("PYSERVICE_QUADLET", self, 1), 0);
        (void) umask(0022);
        rows_add_one(&all, test_broken_host);
        rows_add_one(&all, test_broken_host_at_boot);
        return rows_run(&all, "generate");
}
