/* SPDX-License-Identifier: Apache-2.0 */

/* What outlives a reboot: written and read again, and what can't be read. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fs.h"
#include "rows.h"
#include "state/state.h"
#include "state/stored.h"

static struct {
        struct arena arena;
        char path[sizeof("/tmp/pyservice-state-XXXXXX")];
        int dir;
} f;

#define A "aaaaaaaaaaaa"
#define B "bbbbbbbbbbbb"
#define APP STR("shop")

static int set_up(void **state) {
        (void) state;
        f = (__typeof__(f)) { .path = "/tmp/pyservice-state-XXXXXX" };
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

static const char *text_of(const char *name) {
        struct str text = { 0 };

        return fs_read(&f.arena, f.dir, name, 1 << 20, &text) < 0 ? NULL : text.p;
}

static void put(const char *name, const char *text) {
        assert_int_equal(fs_make_dirs(f.dir, name, true), 0);
        assert_int_equal(fs_replace(f.dir, name, 0600, str_of(text)), 0);
}

/* As an earlier version wrote it, and as it is written now. */
static void test_whole(void **state) {
        static const char text[] =
                "accepted " A "\npinned " A " " B "\nemptied " B "\nheld " B "\npaused\nfailed " B " 17 shop@1.service:  it said 500\n"
                "task " A " shop-migrate.service\nimage quay.io/a/b:1 quay.io/a/b@sha256:0\n";
        struct state s;
        struct stat st;

        (void) state;
        put("shop/state", text);
        assert_int_equal(state_read(&f.arena, f.dir, APP, &s), 0);
        assert_true(str_is(s.accepted, A) && str_is(s.pinned, A) && str_is(s.pinned_over, B) && str_is(s.emptied, B) && str_is(s.held, B));
        assert_true(s.is_paused);
        assert_int_equal(state_find_failure(&s, STR(B))->time, 17);
        assert_true(str_is(s.failed.at[0].reason, "shop@1.service:  it said 500"));
        assert_true(state_has_task(&s, STR(A), STR("shop-migrate.service")));
        assert_true(str_is(s.images.at[0].pinned, "quay.io/a/b@sha256:0"));

        assert_int_equal(state_write(&f.arena, f.dir, STR("other"), &s), 0);
        assert_string_equal(text_of("other/state"),
                            "pyservice-state 1\naccepted " A "\npinned " A " " B "\nemptied " B "\nheld " B "\npaused\n"
                            "failed " B " 17 shop@1.service:%20%20it%20said%20500\ntask " A " shop-migrate.service\n"
                            "image quay.io/a/b:1 quay.io/a/b@sha256:0\n");
        assert_int_equal(state_read(&f.arena, f.dir, STR("other"), &s), 0);
        assert_true(str_is(s.failed.at[0].reason, "shop@1.service:  it said 500"));
        assert_int_equal(fstatat(f.dir, "other", &st, 0), 0);
        assert_int_equal(st.st_mode & 0777u, 0700);
}

static void test_missing(void **state) {
        struct state s;

        (void) state;
        assert_int_equal(state_read(&f.arena, f.dir, APP, &s), 0);
        assert_true(str_is_absent(s.accepted) && s.failed.n == 0);
        assert_int_equal(state_read(&f.arena, -1, APP, &s), 0);
}

static void test_pinned_over_an_error(void **state) {
        struct state s = { .pinned = STR(A) };

        (void) state;
        assert_int_equal(state_write(&f.arena, f.dir, APP, &s), 0);
        assert_string_equal(text_of("shop/state"), "pyservice-state 1\npinned " A " -\n");
        assert_int_equal(state_read(&f.arena, f.dir, APP, &s), 0);
        assert_true(str_is(s.pinned, A) && str_is_absent(s.pinned_over));
}

struct spoilt {
        const char *name, *text;
};

static const struct spoilt spoilt[] = {
        { "spoilt: unknown", "blessed " A "\n" }, { "spoilt: a later version", "pyservice-state 2\naccepted " A "\n" }, { "spoilt: cut off", "accepted " A },
        { "spoilt: short", "accepted abc\n" }, { "spoilt: no digits", "accepted zzzzzzzzzzzz\n" },
        { "spoilt: twice", "accepted " A "\naccepted " B "\n" }, { "spoilt: more", "accepted " A " \n" },
        { "spoilt: no reason", "failed " A " 1\n" }, { "spoilt: no time", "failed " A " x y\n" },
        { "spoilt: half a task", "task " A "\n" }, { "spoilt: half an image", "image x\n" },
        { "spoilt: over what", "pinned " A "\n" }, { "spoilt: empty line", "\npaused\n" }, { "spoilt: argument", "paused x\n" },
};

static void test_spoilt(void **state) {
        const struct spoilt *row = *state;
        struct state s = { 0 };

        (void) set_up(NULL);
        put("shop/state", row->text);
        assert_int_equal(state_read(&f.arena, f.dir, APP, &s), -EBADMSG);
        (void) tear_down(NULL);
}

static void test_not_writable(void **state) {
        struct state s = { .accepted = STR("x y") };

        (void) state;
        assert_int_equal(state_write(&f.arena, f.dir, APP, &s), -EINVAL);
        assert_null(text_of("shop/state"));
}

static void test_failures(void **state) {
        struct state s = { 0 };

        (void) state;
        for (unsigned i = 0; i <= STATE_FAILED_MAX; i++)
                state_add_failure(&f.arena, &s, (struct state_failure) { arena_printf(&f.arena, "%012x", i), STR("two\nlines\t"), i });
        assert_int_equal(s.failed.n, STATE_FAILED_MAX);
        assert_null(state_find_failure(&s, STR("000000000000")));
        assert_true(str_is(s.failed.at[0].reason, "two lines "));

        state_add_failure(&f.arena, &s, (struct state_failure) { STR("000000000001"), STR("again"), 99 });
        assert_int_equal(s.failed.n, STATE_FAILED_MAX);
        assert_int_equal(state_find_failure(&s, STR("000000000001"))->time, 99);
        state_clear_failure(&s, STR("000000000001"));
        assert_null(state_find_failure(&s, STR("000000000001")));

        /* A reason is cut between characters. */
        s = (struct state) { 0 };
        state_add_failure(&f.arena, &s, (struct state_failure) { STR(A), arena_printf(&f.arena, "x%0999d", 0), 1 });
        state_add_failure(&f.arena, &s, (struct state_failure) { STR(B), arena_printf(&f.arena, "%0999dü%s", 0, "more"), 1 });
        assert_int_equal(s.failed.at[0].reason.n, 1000);
        assert_int_equal(s.failed.at[1].reason.n, 999);
        assert_int_equal(state_write(&f.arena, f.dir, APP, &s), 0);
        assert_int_equal(state_read(&f.arena, f.dir, APP, &s), 0);
}

/* It would cost the accepted revision. */
static void test_a_failure_without_words(void **state) {
        struct state s = { .accepted = STR(A) };

        (void) state;
        state_add_failure(&f.arena, &s, (struct state_failure) { STR(B), STR(""), 1 });
        assert_int_equal(state_write(&f.arena, f.dir, APP, &s), 0);
        assert_int_equal(state_read(&f.arena, f.dir, APP, &s), 0);
        assert_true(str_is(s.accepted, A) && s.failed.at[0].reason.n == 0);
}

static void test_tasks(void **state) {
        struct state s = { 0 };

        (void) state;
        for (unsigned i = 0; i <= STATE_TASKS_MAX; i++)
                for (unsigned twice = 0; twice < 2; twice++)
                        state_add_task(&f.arena, &s, (struct state_task) { STR(A), arena_printf(&f.arena, "t-%u.service", i) });
        assert_int_equal(s.tasks.n, STATE_TASKS_MAX);
        assert_false(state_has_task(&s, STR(A), STR("t-0.service")));
        assert_true(state_has_task(&s, STR(A), STR("t-64.service")));
}

static void test_history(void **state) {
        struct state_history history;

        (void) state;
        for (unsigned i = 0; i < STATE_EVENTS_MAX + 3; i++)
                assert_int_equal(state_add_history(&f.arena, f.dir, APP, (struct state_event) { i, STR(A), STR("edit") }), 0);
        assert_int_equal(state_read_history(&f.arena, f.dir, APP, &history), 0);
        assert_int_equal(history.list.n, STATE_EVENTS_MAX);
        assert_int_equal(history.list.at[0].time, 3);
        assert_true(str_is(history.list.at[0].revision, A) && str_is(history.list.at[0].reason, "edit"));
        assert_int_equal(state_add_history(&f.arena, f.dir, APP, (struct state_event) { 1, STR(A), STR("two words") }), -EINVAL);

        put("shop/history", "nonsense\n");
        assert_int_equal(state_read_history(&f.arena, f.dir, APP, &history), -EBADMSG);
        assert_int_equal(state_add_history(&f.arena, f.dir, APP, (struct state_event) { 5, STR(B), STR("undo") }), 0);
        assert_string_equal(text_of("shop/history"), "pyservice-history 1\nevent 5 " B " undo\n");

        /* As an earlier version wrote it. */
        put("shop/history", "5 " A " first\n6 " B " edit\n");
        assert_int_equal(state_add_history(&f.arena, f.dir, APP, (struct state_event) { 7, STR(A), STR("undo") }), 0);
        assert_string_equal(text_of("shop/history"), "pyservice-history 1\nevent 5 " A " first\nevent 6 " B " edit\nevent 7 " A " undo\n");
}

static void test_lock(void **state) {
        int fd, other;

        (void) state;
        assert_int_equal(state_lock(f.dir, APP, &fd), 0);
        other = openat(f.dir, "shop/.lock", O_RDWR | O_CLOEXEC);
        assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
        close_fd(&fd);
        assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
        close_fd(&other);
}

static struct tree *make_tree(const char *text) {
        struct tree *t = arena_new(&f.arena, struct tree);

        t->arena = &f.arena;
        tree_mark(tree_add(t, STR("units/shop.target"), 0644, STR("t")), TREE_SCALE, (struct str) { 0 });
        tree_mark(tree_add(t, STR("quadlet/shop@.container"), 0644, str_of(text)), TREE_REVISION, STR("shop"));
        tree_mark(tree_add(t, STR("env/a b.env"), 0600, STR("X=1")), TREE_TASK, STR("shop-a"));
        tree_mark(tree_add(t, STR("rollout"), 0644, STR("")), TREE_PLAN, (struct str) { 0 });
        tree_mark(tree_add(t, STR("record"), 0644, STR("pyservice-bundle 3\n")), TREE_PLAN, (struct str) { 0 });
        tree_sort(t);
        return t;
}

static const char manifest[] = "pyservice-manifest 1\nfile task shop-a 0600 env/a%20b.env\n"
                               "file revision shop 0644 quadlet/shop@.container\nfile plan - 0644 record\n"
                               "file plan - 0644 rollout\nfile scale - 0644 units/shop.target\n";

/* As a pyservice wrote it whose manifests had no version. */
static const char old_manifest[] =
        "task shop-a 0600 env/a b.env\nrevision shop 0644 quadlet/shop@.container\nplan - 0644 record\n"
        "plan - 0644 rollout\nscale - 0644 units/shop.target\n";

static void test_bundle(void **state) {
        struct tree read;
        struct stat st;

        (void) state;
        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(stored_save(f.dir, APP, STR(A), make_tree(i == 0 ? "old" : "new")), 0);
                assert_int_equal(stored_load(&f.arena, f.dir, APP, STR(A), &read), 0);
                assert_string_equal(stored_manifest(&read).p, manifest);
                assert_string_equal(tree_find(&read, STR("quadlet/shop@.container"))->text.p, i == 0 ? "old" : "new");
                assert_true(tree_find(&read, STR("env/a b.env"))->is_private);
        }
        assert_true(str_eq(stored_revision(&read), stored_revision(make_tree("new"))));
        assert_false(str_eq(stored_revision(&read), stored_revision(make_tree("old"))));
        assert_true(state_is_revision(stored_revision(&read)));
        assert_int_equal(fstatat(f.dir, "shop/bundles/" A "/units/shop.target", &st, 0), 0);
        assert_int_equal(st.st_mode & 0777u, 0600);
        assert_int_equal(fstatat(f.dir, "shop/bundles", &st, 0), 0);
        assert_int_equal(st.st_mode & 0777u, 0700);
        assert_int_equal(stored_save(f.dir, APP, STR("../x"), make_tree("")), -EINVAL);
}

static void test_old_manifest(void **state) {
        struct tree read;

        (void) state;
        assert_int_equal(stored_save(f.dir, APP, STR(A), make_tree("x")), 0);
        put("shop/bundles/" A "/manifest", old_manifest);
        assert_int_equal(stored_load(&f.arena, f.dir, APP, STR(A), &read), 0);
        assert_string_equal(stored_manifest(&read).p, manifest);
        assert_string_equal(tree_find(&read, STR("env/a b.env"))->text.p, "X=1");
}

#define LABEL "Label=\"io.pyservice.revision=0123456789ab\"\n"

/* Files of a bundle as pyservice made them before bundles had a record, and the record that it gets. */
static void test_old_bundle(void **state) {
        static const struct tree_file files[] = {
                { STR_INIT("quadlet/shop-cache.container"), STR_INIT("[Container]\nImage=cache:1\n" LABEL), false, TREE_REVISION, STR_INIT("shop-cache"), { 0 }, NULL, 0 },
                { STR_INIT("quadlet/shop-move.container"), STR_INIT("[Container]\nImage=shop:2\n" LABEL), false, TREE_TASK, STR_INIT("shop-move"), { 0 }, NULL, 0 },
                { STR_INIT("quadlet/shop-tidy.container"), STR_INIT("[Container]\nImage=shop:2\n" LABEL), false, TREE_REVISION, STR_INIT("shop-tidy"), { 0 }, NULL, 0 },
                { STR_INIT("quadlet/shop.image"), STR_INIT("[Image]\nImage=shop:2\n"), false, TREE_REVISION, { 0 }, { 0 }, NULL, 0 },
                { STR_INIT("quadlet/shop@.container"), STR_INIT("[Container]\nImage=shop:2\n" LABEL), false, TREE_REVISION, STR_INIT("shop"), { 0 }, NULL, 0 },
                { STR_INIT("units/shop-tidy.timer"), STR_INIT("[Timer]\n"), false, TREE_SCALE, STR_INIT("shop-tidy"), { 0 }, NULL, 0 },
                { STR_INIT("units/shop.target.d/50-shop-cache.conf"), STR_INIT("[Unit]\nUpholds=shop-cache-once.target\n"), false, TREE_SCALE, STR_INIT("shop-cache"), { 0 }, NULL, 0 },
                { STR_INIT("units/shop.target.d/50-shop-tidy.conf"), STR_INIT("[Unit]\nUpholds=shop-tidy.timer\n"), false, TREE_SCALE, STR_INIT("shop-tidy"), { 0 }, NULL, 0 },
                { STR_INIT("units/shop.target.d/50-shop.conf"),
                  STR_INIT("[Unit]\nUpholds=shop@0.service\nUpholds=shop@1.service\nUpholds=pyservice-certificate@a.path\n"), false, TREE_SCALE, STR_INIT("shop"), { 0 }, NULL, 0 },
                { STR_INIT("units/shop@next.service.d/50-next.conf"), STR_INIT("[Service]\n"), false, TREE_SCALE, STR_INIT("shop"), { 0 }, NULL, 0 },
        };
        struct tree t = { .arena = &f.arena }, read;
        const struct tree_file *file;

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(files); i++)
                *vec_push(&f.arena, &t.files) = files[i];
        assert_int_equal(stored_save(f.dir, APP, STR(A), &t), 0);
        assert_int_equal(stored_load(&f.arena, f.dir, APP, STR(A), &read), 0);
        assert_int_equal(read.files.n, t.files.n + 1);
        assert_true(str_eq(stored_revision(&read), stored_revision(&t)));
        file = tree_find(&read, STR("record"));
        assert_non_null(file);
        assert_int_equal(file->kind, TREE_PLAN);
        assert_string_equal(file->text.p, "pyservice-bundle 3\n"
                            "part service shop 2 0123456789ab no yes shop:2\n"
                            "part sidecar shop-cache 1 0123456789ab yes no cache:1\n"
                            "part task shop-move 0 0123456789ab no no shop:2\n"
                            "part timer shop-tidy 1 0123456789ab no no shop:2\n");
}

static void test_later_record(void **state) {
        struct tree *t = make_tree("x"), read;

        (void) state;
        VEC_EACH(file, &t->files)
                if (str_is(file->path, "record"))
                        file->text = STR("pyservice-bundle 4\nstrange\n");
        assert_int_equal(stored_save(f.dir, APP, STR(A), t), 0);
        assert_int_equal(stored_load(&f.arena, f.dir, APP, STR(A), &read), -EBADMSG);
}

/* Not of the revision: how many there are, and what the rollout reads. */
static void test_revision(void **state) {
        struct tree *t = make_tree("x");
        struct str before = stored_revision(t);

        (void) state;
        t->files.at[3].text = STR("other");
        t->files.at[2].text = STR("other");
        assert_true(str_eq(stored_revision(t), before));
        t->files.at[0].text = STR("other");
        assert_false(str_eq(stored_revision(t), before));
}

static void test_prune(void **state) {
        struct str keep[] = { STR(B) };

        (void) state;
        assert_int_equal(stored_prune(&f.arena, f.dir, APP, keep, 1), 0);
        assert_int_equal(stored_save(f.dir, APP, STR(A), make_tree("")), 0);
        assert_int_equal(stored_save(f.dir, APP, STR(B), make_tree("")), 0);
        put("shop/bundles/." A ".new/units/x", "half of one");
        assert_int_equal(stored_prune(&f.arena, f.dir, APP, keep, 1), 0);
        assert_null(text_of("shop/bundles/" A "/manifest"));
        assert_null(text_of("shop/bundles/." A ".new/units/x"));
        assert_string_equal(text_of("shop/bundles/" B "/manifest"), manifest);
}

static const struct spoilt manifests[] = {
        { "manifest: kind", "good - 0644 a\n" }, { "manifest: mode", "plan - 0777 a\n" }, { "manifest: parent", "plan - 0644 ../a\n" },
        { "manifest: absolute", "plan - 0644 /a\n" }, { "manifest: here", "plan - 0644 a/./b\n" }, { "manifest: twice", "plan - 0644 a\nplan - 0644 a\n" },
        { "manifest: order", "plan - 0644 b\nplan - 0644 a\n" }, { "manifest: cut off", "plan - 0644 a" }, { "manifest: no path", "plan - 0644\n" },
        { "manifest: missing", "plan - 0644 missing\n" }, { "manifest: no owner", "plan  0644 a\n" },
        { "manifest: of a later version", "pyservice-manifest 2\nfile plan - 0644 a\n" },
        { "manifest: unknown row", "pyservice-manifest 1\nplan - 0644 a\n" },
        { "manifest: escaped parent", "pyservice-manifest 1\nfile plan - 0644 %2E%2E/x\n" },
};

static void test_manifest(void **state) {
        const struct spoilt *row = *state;
        struct tree t;

        (void) set_up(NULL);
        assert_int_equal(stored_load(&f.arena, f.dir, APP, STR(A), &t), -ENOENT);
        put("shop/bundles/" A "/a", "x");
        put("shop/bundles/" A "/b", "x");
        assert_int_equal(stored_load(&f.arena, f.dir, APP, STR(A), &t), -ENOENT);
        put("shop/bundles/" A "/manifest", row->text);
        assert_int_equal(stored_load(&f.arena, f.dir, APP, STR(A), &t), -EBADMSG);
        (void) tear_down(NULL);
}

static void add(struct rows *rows, const char *name, CMUnitTestFunction function) {
        rows->tests[rows->n++] = (struct CMUnitTest) { name, function, set_up, tear_down, NULL };
}

int main(void) {
        static struct rows rows;

        (void) umask(0022);
        add(&rows, "whole", test_whole);
        add(&rows, "missing", test_missing);
        add(&rows, "pinned over an error", test_pinned_over_an_error);
        add(&rows, "not writable", test_not_writable);
        add(&rows, "failures", test_failures);
        add(&rows, "a failure without words", test_a_failure_without_words);
        add(&rows, "tasks", test_tasks);
        add(&rows, "history", test_history);
        add(&rows, "lock", test_lock);
        add(&rows, "bundle", test_bundle);
        add(&rows, "manifest of an earlier version", test_old_manifest);
        add(&rows, "bundle of an earlier version", test_old_bundle);
        add(&rows, "bundle of a later version", test_later_record);
        add(&rows, "revision", test_revision);
        add(&rows, "prune", test_prune);
        rows_add(&rows, test_spoilt, spoilt);
        rows_add(&rows, test_manifest, manifests);
        return rows_run(&rows, "state");
}
