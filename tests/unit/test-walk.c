/* SPDX-License-Identifier: Apache-2.0 */

/* Which ways a program of root's goes, and which it refuses. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/walk.h"
#include "rows.h"

struct way {
        const char *name;
        const char *path;
        unsigned flags;
        int wanted;
        const char *at;                 /* where it ends, or the link that is refused */
};

static const struct way ways[] = {
        { "a name at the top", "/x", 0, 0, "/" },
        { "more than one slash", "//a///b//x", 0, 0, "/a/b" },
        { "the last part is not looked at", "/a/link", 0, 0, "/a" },
        { "the last part is a link", "/a/link", WALK_LAST, -ELOOP, "/a/link" },
        { "the last part is missing", "/a/x", WALK_LAST, -ENOENT, NULL },
        { "a link of root's", "/a/link/x", 0, 0, "/a/b" },
        { "an absolute one begins at the root", "/absolute/x", 0, 0, "/a/b" },
        { "a link out of the root stays in it", "/out/a/b/x", 0, 0, "/a/b" },
        { "links in a circle", "/circle/x", 0, -ELOOP, NULL },
        { "a link in a directory where others write", "/open/link/x", 0, -ELOOP, "/open/link" },
        { "a link below a directory that others can rename", "/open/mine/link/x", 0, -ELOOP, "/open/mine/link" },
        { "a link of root's below a sticky directory", "/sticky/mine/link/x", 0, 0, "/sticky/mine/../../a/b" },
        { "a directory where others write", "/open/mine/x", 0, 0, "/open/mine" },
        { "only directories of root's", "/open/mine/x", WALK_ROOTS, -EPERM, NULL },
        { "only directories of root's, all are", "/a/b/x", WALK_ROOTS, 0, "/a/b" },
        { "a directory that is missing", "/no/x", 0, -ENOENT, NULL },
        { "a directory that is made", "/made/too/x", WALK_MAKE, 0, "/made/too" },
        { "made behind a link of root's", "/a/link/made/x", WALK_MAKE, 0, "/a/b/made" },
        { "nothing is made behind a link of others", "/open/link/made/x", WALK_MAKE, -ELOOP, "/open/link" },
        { "a file on the way", "/file/x", 0, -ENOTDIR, NULL },
};

static const char *const directories[] = { "a/b", "open/mine", "sticky/mine" };

static const char *const links[][2] = {
        { "b", "a/link" }, { "/a/b", "absolute" }, { "../../../..", "out" }, { "circle", "circle" },
        { "../a/b", "open/link" }, { "../../a/b", "open/mine/link" }, { "../../a/b", "sticky/mine/link" },
};

static void fill(int top) {
        for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
                assert_int_equal(fs_make_dirs(top, directories[i], false), 0);
        for (size_t i = 0; i < ARRAY_SIZE(links); i++)
                assert_int_equal(symlinkat(links[i][0], top, links[i][1]), 0);
        assert_int_equal(fchmodat(top, "open", 0777, 0), 0);
        assert_int_equal(fchmodat(top, "sticky", 01777, 0), 0);
        assert_int_equal(fs_write(top, "file", 0644, STR("x")), 0);
}

static void test_way(void **state) {
        const struct way *way = *state;
        char path[] = "/tmp/test-walk-XXXXXX";
        struct arena arena = { 0 };
        struct walk w = WALK_INIT;
        int top, r;

        assert_non_null(mkdtemp(path));
        top = fs_open_dir(AT_FDCWD, path);
        fill(top);
        r = walk_to(&w, &arena, top, way->path, way->flags);
        assert_int_equal(r, way->wanted);
        if (r == 0)
                assert_string_equal(w.at.p, way->at);
        else if (way->at)
                assert_non_null(strstr(w.problem.p, arena_printf(&arena, "the symbolic link '%s' ", way->at).p));
        assert_int_equal(faccessat(top, "a/b/made", F_OK, 0), way->wanted == 0 && strstr(way->path, "link/made") ? 0 : -1);

        walk_close(&w);
        close_fd(&top);
        assert_int_equal(fs_remove_tree(AT_FDCWD, path), 0);
        arena_done(&arena);
}

int main(void) {
        static struct rows rows;

        rows_add(&rows, test_way, ways);
        return rows_run(&rows, "walk");
}
