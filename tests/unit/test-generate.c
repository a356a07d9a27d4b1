/* SPDX-License-Identifier: Apache-2.0 */

/* Whole runs: what an error in the machine's own file does to what is published, and what comes from the states of the apps. Quadlet
 * is the test program (publishing.h). */

#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "publish/guard.h"
#include "publishing.h"
#include "state/stored.h"
#include "worlds.h"

static const char good[] = "network: back\nports: {first: 30000, last: 30999}\n";

#define RUNTIME "run/user/1000/pyservice/"
#define STATE "home/me/.local/state/pyservice/"

/* As a user's manager runs it, so that the tests need not be root. */
static int run_at_boot(struct site *s, bool may_wait, int (*run)(struct generate *)) {
        struct generate g = { .root = s->path, .home = "/home/me", .user_runtime = "/run/user/1000", .may_wait = may_wait };

        g.output = arena_printf(&s->arena, "%s/out", s->path).p;
        assert_int_equal(fs_remove_tree(s->world.root, "out"), 0);
        assert_int_equal(mkdirat(s->world.root, "out", 0755), 0);
        return run(&g);
}

static int run_here(struct generate *g) {
        return generate_run(g);
}

static int generate_at_boot(struct site *s, bool may_wait) {
        return run_at_boot(s, may_wait, run_here);
}

static int generate(struct site *s) {
        return generate_at_boot(s, false);
}

static bool is_there(struct site *s, const char *path) {
        return faccessat(s->world.root, path, F_OK, 0) >= 0;
}

static struct str read_text(struct site *s, const char *path) {
        struct str text = { 0 };

        assert_true(fs_read(&s->arena, s->world.root, path, 1 << 20, &text) >= 0);
        return text;
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
        static const char *const diags[] = { "netwrok: back\n", "network: {\n", "ports: {first: 70000}\n" };
        struct site s;

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(diags); i++) {
                const char *before;

                open_site(&s, good);
                assert_int_equal(generate(&s), 0);
                before = published(&s);
                assert_non_null(strstr(before, "\nNetwork=back\n"));

                site_write(&s, "/home/me/.config/pyservice/host.yaml", diags[i]);
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

/* As a rollout does: what is published is accepted. */
static void accept_published(struct site *s, struct state *state) {
        int apps = fs_open_dir(s->world.root, RUNTIME "apps/shop"), dir;
        struct tree t;

        assert_true(apps >= 0);
        assert_int_equal(stored_read(&s->arena, apps, &t), 0);
        close_fd(&apps);
        assert_int_equal(fs_make_dirs(s->world.root, STATE, false), 0);
        dir = fs_open_dir(s->world.root, STATE);
        state->accepted = stored_revision(&t);
        assert_int_equal(stored_save(dir, STR("shop"), state->accepted, &t), 0);
        assert_int_equal(state_write(&s->arena, dir, STR("shop"), state), 0);
        close_fd(&dir);
}

static void reboot(struct site *s) {
        assert_int_equal(fs_remove_tree(s->world.root, "run"), 0);
}

/* The file is edited, and broken while the machine is off. */
static void test_edit(void **state) {
        struct state app = { 0 };
        struct str before;
        struct site s;

        (void) state;
        open_site(&s, good);
        assert_int_equal(generate(&s), 0);
        before = read_text(&s, RUNTIME "apps/shop/quadlet/shop@.container");
        accept_published(&s, &app);

        site_write(&s, "/home/me/.config/pyservice.d/shop.yaml", "image: z\nport: 80\nproxy: {}\n");
        assert_int_equal(generate(&s), 0);
        assert_true(str_eq(read_text(&s, RUNTIME "apps/shop/quadlet/shop@.container"), before));
        assert_non_null(strstr(read_text(&s, RUNTIME "apps/shop/quadlet/shop@next.container").p, "Image=z\n"));
        assert_non_null(strstr(read_text(&s, "out/shop.target.d/90-rollout.conf").p, "Upholds=shop-rollout@"));
        assert_true(is_there(&s, "out/shop-rollout@.service"));

        reboot(&s);
        site_write(&s, "/home/me/.config/pyservice.d/shop.yaml", "image: [\n");
        assert_int_equal(generate(&s), 1);
        assert_true(str_eq(read_text(&s, RUNTIME "apps/shop/quadlet/shop@.container"), before));
        assert_non_null(strstr(read_text(&s, "out/pyservice.target.d/50-pyservice.conf").p, "Upholds=shop.target\n"));
        site_close(&s);
}

/* The port of an instance of the accepted revision is its own, though nobody knows the file. */
static void test_ports_are_held(void **state) {
        struct state app = { 0 };
        struct str line, ports;
        struct site s;

        (void) state;
        open_site(&s, "ports: {first: 30000, last: 30003}\n");
        assert_int_equal(generate(&s), 0);
        accept_published(&s, &app);
        ports = read_text(&s, RUNTIME "apps/shop/ports");

        reboot(&s);
        site_write(&s, "/home/me/.config/pyservice.d/shop.yaml", "image: [\n");
        site_write(&s, "/home/me/.config/pyservice.d/tea.yaml", "image: x\nport: 80\nproxy: {}\n");
        assert_int_equal(generate(&s), 1);
        assert_true(str_eq(read_text(&s, RUNTIME "apps/shop/ports"), ports));
        (void) str_split(&ports, '\n', &line); /* the version */
        while (str_split(&ports, '\n', &line) && line.n > 0) {
                struct str number = str_from(line, line.n - 5);

                assert_true(str_find_str(read_text(&s, RUNTIME "apps/tea/ports"), number) == read_text(&s, RUNTIME "apps/tea/ports").n);
        }
        site_close(&s);
}

static void test_pinned_image(void **state) {
        struct state app = { 0 };
        struct site s;

        (void) state;
        open_site(&s, good);
        assert_int_equal(generate(&s), 0);
        *vec_push(&s.arena, &app.images) = (struct state_image) { STR("x"), STR("x@sha256:0000000000000000000000000000000000000000000000000000000000000000") };
        accept_published(&s, &app);
        assert_int_equal(generate(&s), 0);
        assert_non_null(strstr(read_text(&s, RUNTIME "apps/shop/quadlet/shop@next.container").p, "Image=x@sha256:0"));
        site_close(&s);
}

/* Without a definition nothing is accepted any more. */
static void test_gone(void **state) {
        struct state app = { 0 };
        struct site s;

        (void) state;
        open_site(&s, good);
        assert_int_equal(generate(&s), 0);
        accept_published(&s, &app);
        assert_int_equal(unlinkat(s.world.root, "home/me/.config/pyservice.d/shop.yaml", 0), 0);
        assert_int_equal(generate(&s), 0);
        assert_true(is_there(&s, RUNTIME "unkept/shop"));

        assert_int_equal(unlinkat(s.world.root, RUNTIME "unkept/shop", 0), 0);
        app.accepted = (struct str) { 0 };
        site_write(&s, "/" STATE "shop/state", "");
        assert_int_equal(generate(&s), 0);
        assert_false(is_there(&s, RUNTIME "unkept/shop"));
        site_close(&s);
}

static void write_at(struct site *s, const char *path, const char *text, time_t age) {
        struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };

        site_write(s, path, text);
        assert_int_equal(clock_gettime(CLOCK_REALTIME, &times[1]), 0);
        times[1].tv_sec -= age;
        assert_int_equal(utimensat(s->world.root, path + 1, times, 0), 0);
}

static bool waits(struct site *s) {
        struct str upheld = read_text(s, "out/pyservice.target.d/50-pyservice.conf");

        return str_find_str(upheld, STR("\nUpholds=pyservice-settle.timer\n")) < upheld.n;
}

/* Text, how many seconds old it is, and whether the generator waits for more. */
static const struct {
        const char *text;
        time_t age;
        bool waits;
} half_written[] = {
        { "image: b\nport: 80\nproxy: {}", 0, true },
        { "image: b\nport: 80\nproxy: {}", 3, false },
        { "image: b\nport: 80\nproxy: {}\n", 0, false },
        { "image: b\nport: 80\nproxy: {}", -3600, false },      /* the clock is behind */
        { "image: [", 0, true },
        { "", 0, true },
};

/* What was good last goes on, nothing is called an error, and something will have the file read again. */
static void test_half_written(void **state) {
        static const char path[] = "/home/me/.config/pyservice.d/shop.yaml";
        struct site s;

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(half_written); i++) {
                const char *before;

                open_site(&s, good);
                assert_int_equal(generate(&s), 0);
                assert_false(waits(&s));
                before = published(&s);
                write_at(&s, path, half_written[i].text, half_written[i].age);
                assert_int_equal(generate(&s), 0);
                assert_int_equal(waits(&s), half_written[i].waits);
                assert_int_equal(strcmp(published(&s), before) == 0, half_written[i].waits);
                assert_false(is_there(&s, RUNTIME "errors/shop"));

                write_at(&s, path, "image: c\nport: 80\nproxy: {}", 4);
                assert_int_equal(generate(&s), 0);
                assert_false(waits(&s));
                assert_non_null(strstr(published(&s), "\nImage=c\n"));
                site_close(&s);
        }
}

/* Nor does anything count that comes of half a drop-in, or of half a host.yaml. */
static void test_half_written_beside(void **state) {
        static const char *const files[] = {
                "/home/me/.config/pyservice.d/shop.yaml.d/a.yaml", "/home/me/.config/pyservice/host.yaml",
        };
        struct site s;

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                const char *before;

                open_site(&s, good);
                assert_int_equal(generate(&s), 0);
                before = published(&s);
                write_at(&s, files[i], "network: front", 0);
                assert_int_equal(generate(&s), 0);
                assert_true(waits(&s));
                assert_string_equal(published(&s), before);

                write_at(&s, files[i], "network: front", 3);
                assert_int_equal(generate(&s), 0);
                assert_false(waits(&s));
                assert_non_null(strstr(published(&s), "\nNetwork=front\n"));
                site_close(&s);
        }
}

/* /var comes late: nothing is published before it can be known what is accepted. */
static void test_without_state(void **state) {
        struct site s;

        (void) state;
        open_site(&s, good);
        assert_int_equal(generate_at_boot(&s, true), 0);
        assert_true(is_there(&s, RUNTIME "without-state"));
        assert_false(is_there(&s, RUNTIME "apps/shop"));
        assert_true(str_has_suffix(read_text(&s, "out/pyservice.target.d/50-pyservice.conf"), STR("[Unit]\nUpholds=pyservice-state.service\n")));

        assert_int_equal(fs_make_dirs(s.world.root, STATE, false), 0);
        assert_int_equal(generate_at_boot(&s, true), 0);
        assert_false(is_there(&s, RUNTIME "without-state"));
        assert_true(str_has_suffix(read_text(&s, "out/pyservice.target.d/50-pyservice.conf"), STR("[Unit]\nUpholds=shop.target\n")));
        site_close(&s);
}

/* /run outlives a soft reboot: what is published goes on, and what failed is not tried again because nobody remembers that. */
static void test_soft_reboot(void **state) {
        struct state app = { 0 };
        struct str before;
        struct site s;

        (void) state;
        open_site(&s, good);
        assert_int_equal(generate(&s), 0);
        accept_published(&s, &app);
        site_write(&s, "/home/me/.config/pyservice.d/shop.yaml", "image: z\nport: 80\nproxy: {}\n");
        assert_int_equal(generate(&s), 0);
        before = read_text(&s, RUNTIME "apps/shop/revision");

        assert_int_equal(renameat(s.world.root, STATE, s.world.root, "away"), 0);
        site_write(&s, "/home/me/.config/pyservice.d/tea.yaml", "image: x\n");
        assert_int_equal(generate_at_boot(&s, true), 0);
        assert_true(is_there(&s, RUNTIME "without-state"));
        assert_true(str_eq(read_text(&s, RUNTIME "apps/shop/revision"), before));
        assert_true(is_there(&s, "out/shop@.service"));
        assert_false(is_there(&s, RUNTIME "apps/tea"));
        assert_true(str_has_suffix(read_text(&s, "out/pyservice.target.d/50-pyservice.conf"), STR("[Unit]\nUpholds=shop.target\nUpholds=pyservice-state.service\n")));

        assert_int_equal(renameat(s.world.root, "away", s.world.root, STATE), 0);
        assert_int_equal(generate_at_boot(&s, true), 0);
        assert_false(is_there(&s, RUNTIME "without-state"));
        assert_true(str_eq(read_text(&s, RUNTIME "apps/shop/revision"), before));
        assert_true(is_there(&s, RUNTIME "apps/tea"));
        site_close(&s);
}

/* AddressSanitizer wishes for more address space than that by itself. */
#ifndef SANITIZED
/* 400 services that each take over 1,500 variables: 20 KB that become more than there is memory. */
static const char *bomb(struct site *s) {
        struct buf yaml = buf_in(&s->arena);

        buf_put(&yaml, "image: x\nenv: {A0: x");
        for (int i = 1; i < 1500; i++)
                buf_put_str(&yaml, arena_printf(&s->arena, ", A%d: x", i));
        buf_put(&yaml, "}\nservices: [{name: s0}");
        for (int i = 1; i < 400; i++)
                buf_put_str(&yaml, arena_printf(&s->arena, ", {name: s%d}", i));
        buf_put(&yaml, "]\n");
        return buf_str(&yaml).p;
}

static int guard_in_little(struct site *s) {
        struct rlimit all, little;
        int r;

        assert_int_equal(getrlimit(RLIMIT_AS, &all), 0);
        little = (struct rlimit) { (rlim_t) 96 << 20, all.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_AS, &little), 0);
        r = run_at_boot(s, false, guard_run);
        assert_int_equal(setrlimit(RLIMIT_AS, &all), 0);
        return r;
}

/* One definition for which there is not enough memory: it goes on as it was, and all others are what they are now. */
static void test_bomb(void **state) {
        struct site s;
        struct str text;

        (void) state;
        open_site(&s, good);
        site_write(&s, "/home/me/.config/pyservice.d/egg.yaml", "image: e1\n");
        assert_int_equal(guard_in_little(&s), 0);
        text = read_text(&s, RUNTIME "apps/shop/quadlet/shop@.container");

        site_write(&s, "/home/me/.config/pyservice.d/egg.yaml", "image: e2\n");
        site_write(&s, "/home/me/.config/pyservice.d/shop.yaml", bomb(&s));
        site_write(&s, "/home/me/.config/pyservice.d/tea.yaml", "image: z\n");
        assert_int_equal(guard_in_little(&s), 1);
        assert_true(str_eq(read_text(&s, RUNTIME "apps/shop/quadlet/shop@.container"), text));
        assert_true(is_there(&s, "out/shop@.service"));
        assert_non_null(strstr(read_text(&s, RUNTIME "errors/shop").p, "/shop.yaml: error: pyservice ran out of memory or time on this file"));
        assert_false(is_there(&s, RUNTIME "errors/tea"));
        assert_true(is_there(&s, "out/tea@.service"));
        assert_non_null(strstr(read_text(&s, RUNTIME "apps/egg/quadlet/egg@.container").p, "Image=e2\n"));
        site_close(&s);
}

static void write_bombs(struct site *s, int from, int to) {
        for (int i = from; i < to; i++)
                site_write(s, arena_printf(&s->arena, "/home/me/.config/pyservice.d/bomb%d.yaml", i).p, bomb(s));
}

/* Several of them; those past what is tried again leave everything as it was. */
static void test_bombs(void **state) {
        struct site s;

        (void) state;
        open_site(&s, good);
        assert_int_equal(guard_in_little(&s), 0);
        write_bombs(&s, 0, 3);
        site_write(&s, "/home/me/.config/pyservice.d/tea.yaml", "image: z\n");
        assert_int_equal(guard_in_little(&s), 1);
        assert_true(is_there(&s, "out/shop@.service"));
        assert_true(is_there(&s, "out/tea@.service"));
        assert_true(is_there(&s, RUNTIME "errors/bomb2"));

        write_bombs(&s, 3, 9);
        site_write(&s, "/home/me/.config/pyservice.d/salt.yaml", "image: z\n");
        assert_int_equal(guard_in_little(&s), 1);
        assert_true(is_there(&s, "out/shop@.service"));
        assert_true(is_there(&s, "out/tea@.service"));
        assert_false(is_there(&s, "out/salt@.service"));
        site_close(&s);
}
#endif

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
        rows_add_one(&all, test_edit);
        rows_add_one(&all, test_ports_are_held);
        rows_add_one(&all, test_pinned_image);
        rows_add_one(&all, test_gone);
        rows_add_one(&all, test_half_written);
        rows_add_one(&all, test_half_written_beside);
        rows_add_one(&all, test_without_state);
        rows_add_one(&all, test_soft_reboot);
#ifndef SANITIZED
        if (!getenv("UNDER_VALGRIND")) {        /* which wishes for as much */
                rows_add_one(&all, test_bomb);
                rows_add_one(&all, test_bombs);
        }
#endif
        return rows_run(&all, "generate");
}
