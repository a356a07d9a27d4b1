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
        const char *at; /* where it ends, or the link that is refused */
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
        { "a link in a directory where a group writes", "/group/link/x", 0, -ELOOP, "/group/link" },
        { "only directories of root's, a group writes", "/group/mine/x", WALK_ROOTS, -EPERM, NULL },
        { "only directories of root's, all are", "/a/b/x", WALK_ROOTS, 0, "/a/b" },
        { "a directory that is missing", "/no/x", 0, -ENOENT, NULL },
        { "a directory that is made", "/made/too/x", WALK_MAKE, 0, "/made/too" },
        { "made behind a link of root's", "/a/link/made/x", WALK_MAKE, 0, "/a/b/made" },
        { "nothing is made behind a link of others", "/open/link/made/x", WALK_MAKE, -ELOOP, "/open/link" },
        { "a file on the way", "/file/x", 0, -ENOTDIR, NULL },
};

static const char *const directories[] = { "a/b", "open/mine", "sticky/mine", "group/mine" };

static const char *const links[][2] = {
        { "b", "a/link" }, { "/a/b", "absolute" }, { "../../../..", "out" }, { "circle", "circle" },
        { "../a/b", "open/link" }, { "../../a/b", "open/mine/link" }, { "../../a/b", "sticky/mine/link" },
        { "../a/b", "group/link" },
};

static void fill(int top) {
        for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
                assert_int_equal(fs_make_dirs(top, directories[i], false), 0);
        for (size_t i = 0; i < ARRAY_SIZE(links); i++)
                assert_int_equal(symlinkat(links[i][0], top, links[i][1]), 0);
        assert_int_equal(fchmodat(top, "open", 0777, 0), 0);
        assert_int_equal(fchmodat(top, "sticky", 01777, 0), 0);
        /* An ACL shows as the bits of the group, whose members are not only root either. */
        assert_int_equal(fchmodat(top, "group", 0775, 0), 0);
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

struct reading {
        const char *name;
        const char *path;
        int wanted;
};

enum { ALICE = 4711, BOB = 4712 };

static const struct reading readings[] = {
        { "a file of root's", "root/file", 0 },
        { "root's link, as the last part", "root/to-file", 0 },
        { "root's link to a file of another user", "root/to-alice", 0 },
        { "a file in another user's directory", "alice/file", 0 },
        { "another user's link to a file of that user", "alice/current/file", 0 },
        { "another user's link to a file of root's", "alice/to-root", -ELOOP },
        { "another user's link to root's directory", "alice/to-directory/file", -ELOOP },
        { "another user's link to a third user's file", "alice/to-bob", -ELOOP },
        { "root's link in another user's directory", "alice/roots", -ELOOP },
        { "nothing", "alice/nothing", -ENOENT },
};

static const char *const reading_links[][2] = {
        { "file", "root/to-file" }, { "../alice/file", "root/to-alice" }, { ".", "alice/current" },
        { "../root/file", "alice/to-root" }, { "../root", "alice/to-directory" }, { "../bob/file", "alice/to-bob" },
        { "../root/file", "alice/roots" },
};

static void give(int top, const char *name, uid_t uid) {
        assert_int_equal(fchownat(top, name, uid, uid, AT_SYMLINK_NOFOLLOW), 0);
}

static void test_reading(void **state) {
        static const char *const users[] = { "root", "alice", "bob" };
        static const uid_t uids[] = { 0, ALICE, BOB };
        const struct reading *reading = *state;
        char path[] = "/tmp/test-walk-XXXXXX";
        struct arena arena = { 0 };
        struct str text = STR(""), problem = { 0 };
        int top, r;

        if (geteuid() != 0)
                skip();
        assert_non_null(mkdtemp(path));
        assert_int_equal(chmod(path, 0755), 0);
        top = fs_open_dir(AT_FDCWD, path);
        for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
                const char *file = arena_printf(&arena, "%s/file", users[i]).p;

                assert_int_equal(fs_make_dirs(top, users[i], false), 0);
                assert_int_equal(fs_write(top, file, 0600, STR("x")), 0);
                give(top, users[i], uids[i]);
                give(top, file, uids[i]);
        }
        for (size_t i = 0; i < ARRAY_SIZE(reading_links); i++) {
                assert_int_equal(symlinkat(reading_links[i][0], top, reading_links[i][1]), 0);
                if (str_has_prefix(str_of(reading_links[i][1]), STR("alice/")))
                        give(top, reading_links[i][1], ALICE);
        }
        give(top, "alice/roots", 0);

        r = walk_read(&arena, arena_printf(&arena, "%s/%s", path, reading->path).p, 16, &text, &problem);
        assert_int_equal(r, reading->wanted);
        assert_string_equal(text.p, r == 0 ? "x" : "");
        assert_int_equal(!str_is_absent(problem), r == -ELOOP);

        close_fd(&top);
        assert_int_equal(fs_remove_tree(AT_FDCWD, path), 0);
        arena_done(&arena);
}

int main(void) {
        static struct rows rows;

        rows_add(&rows, test_way, ways);
        rows_add(&rows, test_reading, readings);
        return rows_run(&rows, "walk");
}
