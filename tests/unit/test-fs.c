/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fs.h"
#include "rows.h"

static struct arena arena;
static char path[] = "/tmp/pyservice-test-XXXXXX";
static int dir;

static int set_up(void **state) {
        (void) state;
        (void) memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
        assert_non_null(mkdtemp(path));
        dir = fs_open_dir(AT_FDCWD, path);
        assert_true(dir >= 0);
        return 0;
}

static int tear_down(void **state) {
        (void) state;
        assert_int_equal(fs_remove_tree(AT_FDCWD, path), 0);
        assert_int_equal(access(path, F_OK), -1);
        close_fd(&dir);
        arena_done(&arena);
        return 0;
}

static struct str read_text(const char *name) {
        struct str text;

        assert_int_equal(fs_read(&arena, dir, name, 1 << 20, &text), 0);
        assert_int_equal(text.p[text.n], '\0');
        return text;
}

static unsigned mode_of(const char *name) {
        struct stat st;

        assert_int_equal(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW), 0);
        return st.st_mode & 07777u;
}

static void test_read(void **state) {
        struct fs_file file;

        (void) state;
        assert_int_equal(fs_write(dir, "a", 0644, STR("abc")), 0);
        assert_int_equal(fs_read_file(&arena, dir, "a", 3, &file), 0);
        assert_true(str_is(file.text, "abc"));
        assert_int_equal(file.stat.st_size, 3);
        assert_int_equal(fs_write(dir, "empty", 0644, STR("")), 0);
        assert_true(str_is(read_text("empty"), ""));
}

/* What can't be read leaves the outputs alone, and holds nobody up. */
static void test_read_not(void **state) {
        struct fs_file file = { 0 };

        (void) state;
        assert_int_equal(fs_write(dir, "a", 0644, STR("abc")), 0);
        assert_int_equal(mkdirat(dir, "d", 0755), 0);
        assert_int_equal(mkfifoat(dir, "fifo", 0644), 0);
        assert_int_equal(symlinkat("nowhere", dir, "link"), 0);
        assert_int_equal(fs_read_file(&arena, dir, "a", 2, &file), -EFBIG);
        assert_int_equal(fs_read_file(&arena, dir, "b", 9, &file), -ENOENT);
        assert_int_equal(fs_read_file(&arena, dir, "d", 9, &file), -EISDIR);
        assert_int_equal(fs_read_file(&arena, dir, "fifo", 9, &file), -ENOTSUP);
        assert_int_equal(fs_read_file(&arena, dir, "link", 9, &file), -ENOENT);
        assert_true(str_is_absent(file.text));
        assert_int_equal(file.stat.st_ino, 0);
}

/* The mode is that which was asked for, under the umask that programs set. */
static void test_write(void **state) {
        mode_t before = umask(0022);

        (void) state;
        assert_int_equal(fs_write(dir, "open", 0644, STR("x")), 0);
        assert_int_equal(fs_write(dir, "program", 0755, STR("x")), 0);
        assert_int_equal(fs_write(dir, "shared", 0664, STR("x")), 0);
        assert_int_equal(fs_write(dir, "closed", 0600, STR("x")), 0);
        (void) umask(before);
        assert_int_equal(mode_of("open"), 0644);
        assert_int_equal(mode_of("program"), 0755);
        assert_int_equal(mode_of("shared"), 0664);
        assert_int_equal(mode_of("closed"), 0600);
}

/* Never over what is there, never through a link. */
static void test_write_not(void **state) {
        (void) state;
        assert_int_equal(fs_write(dir, "a", 0644, STR("old")), 0);
        assert_int_equal(fs_write(dir, "a", 0644, STR("new")), -EEXIST);
        assert_int_equal(symlinkat("target", dir, "link"), 0);
        assert_int_equal(fs_write(dir, "link", 0644, STR("new")), -EEXIST);
        assert_int_equal(fs_write(dir, "no/a", 0644, STR("new")), -ENOENT);
        assert_true(str_is(read_text("a"), "old"));
        assert_int_equal(faccessat(dir, "target", F_OK, 0), -1);
}

static void test_replace(void **state) {
        struct fs_names names;

        (void) state;
        assert_int_equal(fs_make_dirs(dir, "d", false), 0);
        assert_int_equal(fs_replace(dir, "d/a", 0644, STR("one")), 0);
        assert_int_equal(fs_replace(dir, "d/a", 0600, STR("two")), 0);
        assert_true(str_is(read_text("d/a"), "two"));
        assert_int_equal(mode_of("d/a"), 0600);
        assert_int_equal(fs_list(&arena, dir, "d", &names), 0);
        assert_int_equal(names.list.n, 1);
}

/* A temporary file that a killed run left is no obstacle; and none is left where it fails. */
static void test_replace_leftover(void **state) {
        struct fs_names names;

        (void) state;
        assert_int_equal(fs_replace(dir, "a", 0644, STR("one")), 0);
        assert_int_equal(fs_write(dir, ".a.new", 0644, STR("half")), 0);
        assert_int_equal(fs_replace(dir, "a", 0644, STR("two")), 0);
        assert_true(str_is(read_text("a"), "two"));

        assert_int_equal(fs_make_dirs(dir, "full/below", false), 0);
        assert_true(fs_replace(dir, "full", 0644, STR("x")) < 0);
        assert_int_equal(fs_list(&arena, dir, ".", &names), 0);
        assert_int_equal(names.list.n, 2);
}

static void test_replace_long_name(void **state) {
        char name[300];

        (void) state;
        (void) memset(name, 'a', sizeof(name));
        name[255] = '\0';
        assert_int_equal(fs_replace(dir, name, 0644, STR("x")), -ENAMETOOLONG);
}

static void test_make_dirs(void **state) {
        (void) state;
        assert_int_equal(fs_make_dirs(dir, "a/b/c", false), 0);
        assert_int_equal(fs_make_dirs(dir, "a/b/c", false), 0);
        assert_int_equal(fs_make_dirs(dir, "x/y/file", true), 0);
        assert_int_equal(fs_make_dirs(dir, "file", true), 0);
        assert_int_equal(faccessat(dir, "a/b/c", F_OK, 0), 0);
        assert_int_equal(faccessat(dir, "x/y", F_OK, 0), 0);
        assert_int_equal(faccessat(dir, "x/y/file", F_OK, 0), -1);
        assert_int_equal(faccessat(dir, "file", F_OK, 0), -1);

        assert_int_equal(fs_write(dir, "a/file", 0644, STR("")), 0);
        assert_int_equal(fs_make_dirs(dir, "a/file/below", false), -ENOTDIR);
}

static void test_remove_tree(void **state) {
        (void) state;
        assert_int_equal(fs_make_dirs(dir, "keep/below", false), 0);
        assert_int_equal(fs_write(dir, "keep/below/file", 0644, STR("x")), 0);
        assert_int_equal(fs_make_dirs(dir, "go/a/b", false), 0);
        assert_int_equal(fs_write(dir, "go/a/b/file", 0400, STR("x")), 0);
        assert_int_equal(symlinkat("../keep", dir, "go/link"), 0);
        assert_int_equal(symlinkat("keep", dir, "link"), 0);

        assert_int_equal(fs_remove_tree(dir, "go"), 0);
        assert_int_equal(fs_remove_tree(dir, "go"), 0);
        assert_int_equal(fs_remove_tree(dir, "link"), 0);
        assert_int_equal(faccessat(dir, "go", F_OK, 0), -1);
        assert_int_equal(faccessat(dir, "link", F_OK, AT_SYMLINK_NOFOLLOW), -1);
        assert_int_equal(faccessat(dir, "keep/below/file", F_OK, 0), 0);
}

/* The owner of the tree decides how deep it is, and a process has 1024 descriptors. */
static void test_remove_deep_tree(void **state) {
        int at = dup(dir);

        (void) state;
        for (size_t i = 0; i < 1500; i++) {
                int below;

                assert_int_equal(mkdirat(at, "d", 0755), 0);
                below = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                assert_int_equal(fs_write(below, "file", 0644, STR("x")), 0);
                close_fd(&at);
                at = below;
        }
        close_fd(&at);

        assert_int_equal(fs_remove_tree(dir, "d"), 0);
        assert_int_equal(faccessat(dir, "d", F_OK, 0), -1);
}

/* A bind mount has the device of the file system around it. */
static void test_remove_no_mount(void **state) {
        CLEANUP(close_fd) int here = -1; /* `dir` stays in the namespace where nothing is mounted */
        struct str found;

        (void) state;
        assert_int_equal(fs_make_dirs(dir, "precious/data", false), 0);
        assert_int_equal(fs_make_dirs(dir, "go/a b", false), 0);
        assert_int_equal(fs_find_mount(&arena, dir, "go", &found), 0);
        assert_int_equal(fs_find_mount(&arena, dir, "none", &found), 0);
        if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "", MS_REC | MS_PRIVATE, "") < 0)
                skip();         /* needs root */

        assert_int_equal(mount(arena_join(&arena, str_of(path), STR("/precious")).p, arena_join(&arena, str_of(path), STR("/go/a b")).p,
                               "", MS_BIND, NULL), 0);
        here = fs_open_dir(AT_FDCWD, path);
        assert_true(here >= 0);
        assert_int_equal(fs_find_mount(&arena, dir, "go", &found), 1);
        assert_true(str_has_suffix(found, STR("/go/a b")));
        assert_int_equal(fs_find_mount(&arena, dir, "go/a b", &found), 1);
        assert_int_equal(fs_find_mount(&arena, dir, "precious", &found), 0);
        assert_int_equal(fs_remove_tree(here, "go"), -EBUSY);
        assert_int_equal(faccessat(dir, "precious/data", F_OK, 0), 0);
        assert_int_equal(fs_remove_tree(here, "go/a b"), -EBUSY);
        assert_int_equal(faccessat(dir, "precious/data", F_OK, 0), 0);
        assert_int_equal(umount(arena_join(&arena, str_of(path), STR("/go/a b")).p), 0);
        assert_int_equal(fs_remove_tree(dir, "go"), 0);
        assert_int_equal(faccessat(dir, "precious/data", F_OK, 0), 0);
}

static void test_list(void **state) {
        static const char *const expected[] = { ".hidden", "B", "a", "a-b", "a.b", "b" };
        struct fs_names names;

        (void) state;
        for (size_t i = ARRAY_SIZE(expected); i > 0; i--)
                assert_int_equal(fs_write(dir, expected[i - 1], 0644, STR("")), 0);
        assert_int_equal(fs_list(&arena, dir, ".", &names), 0);
        assert_int_equal(names.list.n, ARRAY_SIZE(expected));
        for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
                assert_string_equal(names.list.at[i].p, expected[i]);

        assert_int_equal(fs_list(&arena, dir, "none", &names), -ENOENT);
        assert_int_equal(fs_list(&arena, dir, "a", &names), -ENOTDIR);
        assert_int_equal(names.list.n, ARRAY_SIZE(expected));
}

static void test_close(void **state) {
        int none = -1, fd = dup(dir);

        (void) state;
        close_fd(&none);
        assert_true(fd >= 0);
        close_fd(&fd);
        assert_int_equal(fcntl(fd, F_GETFD), -1);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_read),         TEST(test_read_not),  TEST(test_write),
                TEST(test_write_not),    TEST(test_replace),   TEST(test_replace_leftover),
                TEST(test_replace_long_name), TEST(test_make_dirs), TEST(test_remove_tree),
                TEST(test_remove_deep_tree), TEST(test_remove_no_mount),
                TEST(test_list),         TEST(test_close),
        };

        return cmocka_run_group_tests_name("fs", tests, NULL, NULL);
}
