/* SPDX-License-Identifier: Apache-2.0 */

/* What builds an image: its arguments, the Containerfile, and what is told of a failure. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "image/build.h"
#include "runtime/spawn-tail.h"

#define COMMIT "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

struct shelf {
        struct arena arena;
        struct build b;
        char path[32];
        int dir;
};

static int open_shelf(void **state) {
        struct shelf *s = calloc(1, sizeof(*s));

        assert_non_null(s);
        (void) snprintf(s->path, sizeof(s->path), "/tmp/test-image-XXXXXX");
        assert_non_null(mkdtemp(s->path));
        s->dir = fs_open_dir(AT_FDCWD, s->path);
        s->b = (struct build) { .arena = &s->arena, .app = STR("shop"), .clone = { .path = str_of(s->path) }, .code = STR("/a/app/code"), .base = STR("python:3") };
        *state = s;
        return 0;
}

static int close_shelf(void **state) {
        struct shelf *s = *state;

        close_fd(&s->dir);
        (void) fs_remove_tree(AT_FDCWD, s->path);
        arena_done(&s->arena);
        free(s);
        return 0;
}

static void put(struct shelf *s, const char *name, const char *text) {
        assert_int_equal(fs_make_dirs(s->dir, name, true), 0);
        assert_int_equal(fs_write(s->dir, name, 0644, str_of(text)), 0);
}

static void assert_made(struct shelf *s, const char *wanted) {
        struct str text;

        assert_int_equal(containerfile_make(&s->b, &text), 0);
        assert_string_equal(text.p, wanted);
}

/* Valgrind knows no openat2() before 3.20. */
static void skip_without_openat2(void) {
        if (getenv("UNDER_VALGRIND"))
                skip();
}

static void test_requirements_come_before_the_code(void **state) {
        skip_without_openat2();
        struct shelf *s = *state;

        put(s, "setup.py", "");
        put(s, "pinned-requirements.txt", "");
        assert_made(s, "FROM python:3\nWORKDIR /a/app/code\n"
                       "COPY [\"pinned-requirements.txt\", \"\\u002a.txt\", \"/a/app/code/\"]\n"
                       "RUN [\"pip\", \"install\", \"--no-cache-dir\", \"-r\", \"pinned-requirements.txt\"]\n"
                       "COPY [\".\", \"/a/app/code/\"]\n"
                       "RUN [\"pip\", \"install\", \"--no-cache-dir\", \"-e\", \".\"]\n");
}

static void test_settings_of_other_tools_are_nothing_to_install(void **state) {
        skip_without_openat2();
        struct shelf *s = *state;

        put(s, "pyproject.toml", "[tool.black]\nline-length = 88\n");
        assert_made(s, "FROM python:3\nWORKDIR /a/app/code\nCOPY [\".\", \"/a/app/code/\"]\n");
        assert_int_equal(fs_remove_tree(s->dir, "pyproject.toml"), 0);
        put(s, "pyproject.toml", "[project]\nname = \"shop\"\n");
        assert_made(s, "FROM python:3\nWORKDIR /a/app/code\nCOPY [\".\", \"/a/app/code/\"]\nRUN [\"pip\", \"install\", \"--no-cache-dir\", \"-e\", \".\"]\n");
}

static void test_no_word_means_anything_to_a_reader(void **state) {
        struct shelf *s = *state;
        struct build_command *c = vec_push(&s->arena, &s->b.after);

        *vec_push(&s->arena, &c->words) = STR("echo");
        *vec_push(&s->arena, &c->words) = STR("$x \"<<EOF\" '\\\n\xc3\xa9 #");
        *vec_push(&s->arena, &c->words) = STR("");
        assert_made(s, "FROM python:3\nWORKDIR /a/app/code\nCOPY [\".\", \"/a/app/code/\"]\n"
                       "RUN [\"echo\", \"\\u0024x \\u0022\\u003c\\u003cEOF\\u0022 \\u0027\\u005c\\u000a\xc3\xa9 \\u0023\", \"\"]\n");
}

static void test_subdirectory_with_its_requirements(void **state) {
        skip_without_openat2();
        struct shelf *s = *state;

        s->b.subdir = STR("server");
        s->b.requirements = STR("requirements/prod.txt");
        put(s, "server/requirements/prod.txt", "-r base.txt\n");
        assert_made(s, "FROM python:3\nWORKDIR /a/app/code/server\n"
                       "COPY [\"server/requirements/\", \"/a/app/code/server/requirements/\"]\n"
                       "RUN [\"pip\", \"install\", \"--no-cache-dir\", \"-r\", \"requirements/prod.txt\"]\n"
                       "COPY [\".\", \"/a/app/code/\"]\n");
}

static void test_packages_are_arguments(void **state) {
        struct shelf *s = *state;

        *vec_push(&s->arena, &s->b.packages) = STR("g++");
        assert_made(s, "FROM python:3\n"
                       "RUN [\"/bin/sh\", \"-c\", \"apt-get update \\u0026\\u0026 DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends -- "
                       "\\u0022\\u0024@\\u0022 \\u0026\\u0026 rm -rf /var/lib/apt/lists/\\u002a\", \"sh\", \"g++\"]\n"
                       "WORKDIR /a/app/code\nCOPY [\".\", \"/a/app/code/\"]\n");
}

static void test_missing_requirements_are_told(void **state) {
        struct shelf *s = *state;
        struct str text;

        s->b.requirements = STR("other.txt");
        assert_int_equal(containerfile_make(&s->b, &text), -ENOENT);
        assert_string_equal(s->b.problem.p, "the repository has no 'other.txt' (requirements)\n");
}

static void test_uv_takes_its_lock_file(void **state) {
        skip_without_openat2();
        struct shelf *s = *state;

        s->b.manager = BUILD_UV;
        put(s, "uv.lock", "");
        put(s, "pyproject.toml", "[project]\n");
        assert_made(s, "FROM python:3\n"
                       "RUN [\"/bin/sh\", \"-c\", \"command -v uv \\u003e/dev/null \\u007c\\u007c exec pip install --no-cache-dir uv\"]\n"
                       "ENV UV_PROJECT_ENVIRONMENT=/opt/venv VIRTUAL_ENV=/opt/venv PATH=/opt/venv/bin:$PATH\n"
                       "WORKDIR /a/app/code\nCOPY [\"pyproject.toml\", \"uv.lock\", \"/a/app/code/\"]\n"
                       "RUN [\"uv\", \"sync\", \"--frozen\", \"--no-dev\", \"--no-install-project\"]\n"
                       "COPY [\".\", \"/a/app/code/\"]\nRUN [\"uv\", \"sync\", \"--frozen\", \"--no-dev\"]\n");
}

static void test_conda_has_an_environment_of_the_version(void **state) {
        struct shelf *s = *state;

        s->b.manager = BUILD_CONDA;
        s->b.conda = STR("/opt/conda");
        s->b.python = STR("3.8");
        assert_made(s, "FROM python:3\n"
                       "RUN [\"/opt/conda/bin/conda\", \"create\", \"--yes\", \"--name\", \"shop\", \"python=3.8\", \"pip\"]\n"
                       "ENV CONDA_DEFAULT_ENV=shop PATH=/opt/conda/envs/shop/bin:$PATH\n"
                       "WORKDIR /a/app/code\nCOPY [\".\", \"/a/app/code/\"]\n");
}

static void test_arguments(void **state) {
        struct shelf *s = *state;
        const char *argv[] = { "build", "shop", ("localhost/pyservice-shop:0123456789ab-" COMMIT), "--runtime=/run/pyservice", "--repo=/srv/x", "--before", "--word=a",
                         "--word=", "--after", "--word=--b", "--package=git", "--manager=uv", "--no-tls-verify" };
        const char *bad[] = { "build", "shop", "x", "--runtime=/run/pyservice", "--word=a" };

        assert_true(build_read_arguments(&s->b, ARRAY_SIZE(argv), (char **) (uintptr_t) argv));
        assert_string_equal(s->b.clone.repository.p, "/srv/x");
        assert_int_equal(s->b.before.at[0].words.n, 2);
        assert_string_equal(s->b.after.at[0].words.at[0].p, "--b");
        assert_true(s->b.skips_tls && s->b.manager == BUILD_UV && s->b.packages.n == 1);
        assert_string_equal(build_reference(&s->b).p, "localhost/pyservice-shop:0123456789ab");
        assert_string_equal(build_pinned_commit(&s->b).p, COMMIT);
        optind = 0; /* getopt(3): another array */
        assert_false(build_read_arguments(&s->b, ARRAY_SIZE(bad), (char **) (uintptr_t) bad));
}

static void test_image_without_a_commit(void **state) {
        struct shelf *s = *state;

        s->b.image = STR("localhost/pyservice-my-app:0123456789ab");
        assert_string_equal(build_reference(&s->b).p, "localhost/pyservice-my-app:0123456789ab");
        assert_true(str_is_absent(build_pinned_commit(&s->b)));
}

static void test_reason(void **state) {
        assert_true(str_is(build_reason(STR("STEP 1\nERROR: No matching distribution found for x\nError: building at STEP \"RUN pip\": exit status 1\n")),
                           "No matching distribution found for x"));
        assert_true(str_is(build_reason(STR("Host key verification failed.\nfatal: Could not read from remote repository.\nand the repository exists.\n")),
                           "Host key verification failed."));
        assert_true(str_is(build_reason(STR("fatal: unable to connect to localhost:\nlocalhost[0]: errno=Connection refused\n")), "unable to connect to localhost:"));
        assert_true(str_is(build_reason(STR("one\ntwo\n")), "two"));
}

static void test_tail_keeps_the_last_lines(void **state) {
        struct shelf *s = *state;
        struct tail *t = arena_new(&s->arena, struct tail);
        static const char text[] = "0\n1\n2\n3\n4\n5\n6\n7\n8\n\x1b[1m9\n  \n10%\r11%\nend";

        tail_add(t, text, strlen(text));
        assert_string_equal(tail_text(&s->arena, t).p, "4\n5\n6\n7\n8\n?[1m9\n10%\n11%\nend\n");
}

/* What the build's programs say is passed on, and kept: neither moves a terminal. */
static void test_tail_is_clean(void **state) {
        struct shelf *s = *state;
        struct tail *t = arena_new(&s->arena, struct tail);
        char text[TAIL_BYTES + 3], *expected = arena_alloc(&s->arena, TAIL_BYTES + 3, 1);

        tail_add(t, "evil \xc2\x9b" "2J \x9b" "2J \xc3", strlen("evil \xc2\x9b" "2J \x9b" "2J \xc3"));
        tail_add(t, "\xa9\n", strlen("\xa9\n"));
        assert_string_equal(tail_text(&s->arena, t).p, "evil ??2J ?2J \xc3\xa9\n");

        memset(text, 'x', sizeof(text));
        memcpy(text + TAIL_BYTES - 1, "\xe2\x82\xac\n", 4);
        tail_add(t, text, sizeof(text));
        memset(expected, 'x', TAIL_BYTES - 1);
        memcpy(expected + TAIL_BYTES - 1, "\n", 2);
        assert_string_equal(str_from(tail_text(&s->arena, t), strlen("evil ??2J ?2J \xc3\xa9\n")).p, expected);
}

static void set_code(struct shelf *s, const char *below) {
        s->b.clone.path = arena_join(&s->arena, str_of(s->path), STR("/clone"));
        s->b.code = arena_join(&s->arena, str_of(s->path), STR("/"), str_of(below));
        put(s, "clone/x.py", "new\n");
        put(s, "real/shop/app/code/old.py", "old\n");
}

/* What a link of the repository leads to elsewhere does not exist. */
static void test_links_that_leave_the_repository(void **state) {
        skip_without_openat2();
        struct shelf *s = *state;
        struct str text;

        s->b.clone.path = arena_join(&s->arena, str_of(s->path), STR("/clone"));
        put(s, "private", "[project]\n");
        put(s, "clone/inside", "flask\n");
        assert_int_equal(symlinkat("../private", s->dir, "clone/requirements.txt"), 0);
        assert_int_equal(symlinkat("../private", s->dir, "clone/pyproject.toml"), 0);
        assert_int_equal(symlinkat("inside", s->dir, "clone/link"), 0);

        s->b.requirements = STR("requirements.txt");
        assert_int_equal(containerfile_make(&s->b, &text), -ENOENT);
        s->b.requirements = STR("link");
        assert_int_equal(containerfile_make(&s->b, &text), 0);
        assert_null(strstr(text.p, "\"-e\""));
}

/* Podman reads them as root: /dev/zero would be read without end. */
static void test_ignore_files_behind_links_that_leave(void **state) {
        static const char *const names[] = {
                ".containerignore", ".dockerignore", "Containerfile.containerignore", "Containerfile.dockerignore",
        };
        struct shelf *s = *state;

        skip_without_openat2();
        put(s, "sub/Containerfile", "FROM x\n");
        put(s, "sub/list", "x\n");
        s->b.subdir = STR("sub");
        s->b.containerfile = STR("Containerfile");
        assert_int_equal(build_check_places(&s->b), 0);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                const char *path = arena_join(&s->arena, STR("sub/"), str_of(names[i])).p;

                assert_int_equal(symlinkat("list", s->dir, path), 0);
                assert_int_equal(build_check_places(&s->b), 0);
                assert_int_equal(unlinkat(s->dir, path, 0), 0);
                assert_int_equal(symlinkat("/dev/zero", s->dir, path), 0);
                assert_int_equal(build_check_places(&s->b), -ENOENT);
                assert_non_null(strstr(s->b.problem.p, names[i]));
                assert_int_equal(unlinkat(s->dir, path, 0), 0);
        }
}

/* root's own link, as `/applications -> /srv/apps`, is followed. */
static void test_code_behind_a_link_of_the_administrator(void **state) {
        struct shelf *s = *state;
        struct str text;

        set_code(s, "applications/shop/app/code");
        assert_int_equal(symlinkat("real", s->dir, "applications"), 0);
        place_code(&s->b);
        assert_int_equal(fs_read(&s->arena, s->dir, "real/shop/app/code/x.py", 100, &text), 0);
        assert_int_equal(faccessat(s->dir, "real/shop/app/code/old.py", F_OK, 0), -1);
        assert_int_equal(faccessat(s->dir, "real/shop/app/.pyservice-shop-code", F_OK, AT_SYMLINK_NOFOLLOW), -1);
}

/* One that others can put in its place is not. */
static void test_code_behind_a_link_of_others(void **state) {
        struct shelf *s = *state;

        set_code(s, "others/link/app/code");
        assert_int_equal(mkdirat(s->dir, "others", 0755), 0);
        assert_int_equal(fchmodat(s->dir, "others", 0777, 0), 0);
        assert_int_equal(symlinkat("../real/shop", s->dir, "others/link"), 0);
        place_code(&s->b);
        assert_int_equal(faccessat(s->dir, "real/shop/app/code/old.py", F_OK, 0), 0);
        assert_int_equal(faccessat(s->dir, "real/shop/app/code/x.py", F_OK, 0), -1);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_tail_is_clean, open_shelf, close_shelf),
                cmocka_unit_test_setup_teardown(test_requirements_come_before_the_code, open_shelf, close_shelf),
                cmocka_unit_test_setup_teardown(test_settings_of_other_tools_are_nothing_to_install, open_shelf, close_shelf),
                cmocka_unit_test_setup_teardown(test_no_word_means_anything_to_a_reader, open_shelf, close_shelf),
                cmocka_unit_test_setup_teardown(test_subdirectory_with_its_requirements, open_shelf, close_shelf),
                cmocka_unit_test_setup_teardown(test_packages_are_arguments, open_shelf, close_shelf),
                cmocka_unit_test_setup_teardown(test_missing_requirements_are_told, open_shelf, close_shelf),
                cmocka_unit_test_setup_teardown(test_uv_takes_its_lock_file, open_shelf, close_shelf),
                cmocka_unit_test_setup_teardown(test_conda_has_an_environment_of_the_version, open_shelf, close_shelf),
                cmocka_unit_test_setup_teardown(test_arguments, open_shelf, close_shelf),
                cmocka_unit_test_setup_teardown(test_image_without_a_commit, open_shelf, close_shelf),
                cmocka_unit_test(test_reason),
                cmocka_unit_test_setup_teardown(test_links_that_leave_the_repository, open_shelf, close_shelf),
                cmocka_unit_test_setup_teardown(test_ignore_files_behind_links_that_leave, open_shelf, close_shelf),
                cmocka_unit_test_setup_teardown(test_code_behind_a_link_of_the_administrator, open_shelf, close_shelf),
                cmocka_unit_test_setup_teardown(test_code_behind_a_link_of_others, open_shelf, close_shelf),
                cmocka_unit_test_setup_teardown(test_tail_keeps_the_last_lines, open_shelf, close_shelf),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
