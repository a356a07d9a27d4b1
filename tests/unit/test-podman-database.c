/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "hooks/podman-database.h"
#include "rows.h"

struct scene {
        const char *name;
        const char *conf, *text;        /* storage.conf, and what it says; NULL for none */
        const char *home;
        const char *database;           /* is there, 0644; NULL for none */
        int result;
};

#define ETC "etc/containers/storage.conf"
#define USR "usr/share/containers/storage.conf"
#define DEFAULT "var/lib/containers/storage/db.sql"

static const struct scene scenes[] = {
        { "the default", NULL, NULL, NULL, DEFAULT, 0 },
        { "another graph root", ETC, "[storage]\ndriver = \"overlay\"\n graphroot = \"/srv/c\"\n", NULL, "srv/c/db.sql", 0 },
        { "no blanks", ETC, "graphroot='/srv/c'\n", NULL, "srv/c/db.sql", 0 },
        { "the distribution's", USR, "graphroot = \"/srv/c\" # there\n", NULL, "srv/c/db.sql", 0 },
        { "a comment", ETC, "# graphroot = \"/srv/c\"\n", NULL, DEFAULT, 0 },
        { "a longer key", ETC, "graphroots = \"/srv/c\"\n", NULL, DEFAULT, 0 },
        { "no path", ETC, "graphroot = \"\"\ngraphroot =\ngraphroot\n", NULL, DEFAULT, 0 },
        { "a user's", ETC, "graphroot = \"/srv/c\"\n", "/home/u", "home/u/.local/share/containers/storage/db.sql", 0 },
        { "none", NULL, NULL, NULL, NULL, -ENOENT },
};

static void test_protect(void **state) {
        const struct scene *scene = *state;
        char root[] = "/tmp/pyservice-test-XXXXXX";
        struct arena a = { 0 };
        struct str path;
        struct stat st;
        int dir;

        assert_non_null(mkdtemp(root));
        dir = fs_open_dir(AT_FDCWD, root);
        if (scene->conf) {
                assert_int_equal(fs_make_dirs(dir, scene->conf, true), 0);
                assert_int_equal(fs_write(dir, scene->conf, 0644, str_of(scene->text)), 0);
        }
        if (scene->database) {
                assert_int_equal(fs_make_dirs(dir, scene->database, true), 0);
                assert_int_equal(fs_write(dir, scene->database, 0644, STR("SQLite")), 0);
        }

        assert_int_equal(podman_database_protect(&a, &(struct podman_places) { root, scene->home }, &path), scene->result);
        if (scene->database) {
                assert_true(str_has_suffix(path, str_of(scene->database)));
                assert_int_equal(fstatat(dir, scene->database, &st, 0), 0);
                assert_int_equal(st.st_mode & 07777, 0600);
        }

        (void) close(dir);
        assert_int_equal(fs_remove_tree(AT_FDCWD, root), 0);
        arena_done(&a);
}

static void test_link(void **state) {
        char root[] = "/tmp/pyservice-test-XXXXXX";
        struct arena a = { 0 };
        struct str path;
        struct stat st;
        int dir;

        (void) state;
        assert_non_null(mkdtemp(root));
        dir = fs_open_dir(AT_FDCWD, root);
        assert_int_equal(fs_make_dirs(dir, DEFAULT, true), 0);
        assert_int_equal(fs_write(dir, "other", 0644, STR("")), 0);
        assert_int_equal(symlinkat("../../../../other", dir, DEFAULT), 0);
        assert_int_equal(podman_database_protect(&a, &(struct podman_places) { root, NULL }, &path), 1);
        assert_int_equal(fstatat(dir, "other", &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0644);

        (void) close(dir);
        assert_int_equal(fs_remove_tree(AT_FDCWD, root), 0);
        arena_done(&a);
}

int main(void) {
        static struct rows rows;

        rows_add(&rows, test_protect, scenes);
        rows_add_one(&rows, test_link);
        return rows_run(&rows, "podman-database");
}
