/* SPDX-License-Identifier: Apache-2.0 */

/* What if the n-th system call fails, or is the last one before the process is killed, or writes half? For each n: every
 * bundle below apps/ is whole, the old one or the new one, and the next run puts all in order. */

#include <sys/prctl.h>
#include <sys/wait.h>

#include "calls.h"
#include "publish/compose.h"
#include "publishing.h"

static struct fixture f;

static struct tree *make_revision(const char *label) {
        struct tree *t = arena_new(&f.arena, struct tree);
        struct str name = str_of(label);

        t->arena = &f.arena;
        tree_mark(tree_add(t, STR("quadlet/rolling@.container"), 0644, name), TREE_REVISION, STR("rolling"));
        tree_mark(tree_add(t, arena_join(&f.arena, STR("env/rolling."), name), 0600, name), TREE_REVISION, STR("rolling"));
        tree_mark(tree_add(t, STR("units/rolling.target"), 0644, name), TREE_SCALE, (struct str) { 0 });
        tree_mark(tree_add(t, STR("rollout"), 0644, STR("service rolling x spare\n")), TREE_PLAN, (struct str) { 0 });
        tree_sort(t);
        return t;
}

/* An app in the middle of a rollout. */
static void add_rolling(const char *target) {
        struct tree *base = make_revision("one");
        struct revision one = { STR("one"), base }, other = { str_of(target), strcmp(target, "one") == 0 ? base : make_revision(target) };
        struct bundle *b = fixture_app(&f, "rolling", true);

        compose(&f.arena, &(struct composition) { .app = STR("rolling"), .base = one, .target = other, .file = other }, &b->tree);
        b->is_accepted = true;
}

static void add_old(void) {
        struct bundle *b;

        (void) fixture_usual(&f, "same", "[Container]\n", "[Unit]\n");
        b = fixture_usual(&f, "changed", "[Container]\nImage=old\n", "[Unit]\n");
        (void) fixture_file(&f, b, "quadlet/changed-mail@.container", "[Container]\n");
        (void) fixture_file(&f, b, "units/changed-mail@.service.d/10-ports.conf", "[Service]\n");
        (void) fixture_file(&f, b, "haproxy/run/haproxy/10-changed.cfg", "old\n");
        (void) fixture_usual(&f, "scaled", "[Container]\n", "[Unit]\n");
        (void) fixture_usual(&f, "removed", "[Container]\n", "[Unit]\n");
        add_rolling("one");
        (void) fixture_usual(&f, "spoilt", "[Container]\n", "[Unit]\n");
}

static void add_new(void) {
        struct bundle *b;

        b = fixture_usual(&f, "changed", "[Container]\nImage=new\n", "[Unit]\n");
        (void) fixture_file(&f, b, "haproxy/run/haproxy/10-changed.cfg", "new\n");
        (void) fixture_usual(&f, "fresh", "[Container]\n", "[Unit]\n");
        add_rolling("two");
        (void) fixture_usual(&f, "same", "[Container]\n", "[Unit]\n");
        (void) fixture_usual(&f, "scaled", "[Container]\n", "[Unit]\nUpholds=x\n");
        b = fixture_app(&f, "spoilt", false);
        f.ds.owner = b->app.text;
        (void) diag_add(&f.ds, DIAG_BAD_VALUE, b->at, "it is broken");
        f.ds.owner = (struct str) { 0 };
}

static const char *const apps[] = { "changed", "fresh", "removed", "rolling", "same", "scaled", "spoilt" };

/* What is right, before and after. */
static struct {
        struct arena arena;
        const char *old[ARRAY_SIZE(apps)], *now[ARRAY_SIZE(apps)];
        const char *run, *out;
} right;

/* All of an app's bundle, as text; NULL where there is none. */
static const char *bundle_text(const char *app) {
        struct str path = arena_join(&f.arena, STR("run/apps/"), str_of(app));

        return faccessat(f.dir, path.p, F_OK, 0) < 0 ? NULL : fixture_list(&f, path.p, true);
}

static const char *keep(const char *text) {
        return text ? arena_str(&right.arena, str_of(text)).p : NULL;
}

static void publish_old(void) {
        fixture_open(&f);
        add_old();
        assert_int_equal(fixture_publish(&f), 0);
        fixture_clear(&f);
}

static void learn(void) {
        publish_old();
        for (size_t i = 0; i < ARRAY_SIZE(apps); i++)
                right.old[i] = keep(bundle_text(apps[i]));

        add_new();
        assert_int_equal(fixture_publish(&f), 0);
        for (size_t i = 0; i < ARRAY_SIZE(apps); i++)
                right.now[i] = keep(bundle_text(apps[i]));
        right.run = keep(fixture_list(&f, "run", true));
        right.out = keep(fixture_list(&f, f.out.p, true));
        fixture_close(&f);
}

static bool is_same(const char *a, const char *b) {
        return a && b ? strcmp(a, b) == 0 : a == b;
}

static void check_whole(unsigned n) {
        for (size_t i = 0; i < ARRAY_SIZE(apps); i++) {
                const char *text = bundle_text(apps[i]);

                if (!is_same(text, right.old[i]) && !is_same(text, right.now[i]))
                        fail_msg("call %u: %s is neither the old nor the new one:\n%s", n, apps[i], text ? text : "gone");
        }
}

/* Undisturbed. What the generator directory of the disturbed run holds is up to systemd to throw away. */
static void check_heals(unsigned n) {
        fixture_clear(&f);
        add_new();
        if (fixture_publish(&f) != 0)
                fail_msg("call %u: the next run fails", n);
        if (!is_same(fixture_list(&f, f.out.p, true), right.out))
                fail_msg("call %u: the next run gives other units:\n%s", n, fixture_list(&f, f.out.p, false));
        if (!is_same(fixture_list(&f, "run", true), right.run))
                fail_msg("call %u: after the next run there is:\n%s", n, fixture_list(&f, "run", false));
}

static size_t count_fds(void) {
        struct fs_names names = { 0 };

        assert_int_equal(fs_list(&f.arena, AT_FDCWD, "/proc/self/fd", &names), 0);
        return names.list.n;
}

static int publish_disturbed(enum mode mode, unsigned n) {
        int r;

        fault.mode = mode;
        fault.n = n;
        fault.count = 0;
        r = publish_all(&f.publisher, f.bundles, f.n);
        fault.mode = MODE_OFF;
        return r;
}

static void prepare(void) {
        publish_old();
        add_new();
        fixture_new_output(&f);
        for (size_t i = 0; i < f.n; i++)
                tree_sort(&f.bundles[i].tree);
}

/* Gives whether there was an n-th call at all. */
static bool try_failure(unsigned n) {
        size_t n_fds, n_diags;
        bool was_reached;
        int r;

        prepare();
        n_fds = count_fds();
        n_diags = f.ds.list.n;
        r = publish_disturbed(MODE_FAIL, n);
        was_reached = fault.count >= n;

        check_whole(n);
        if (count_fds() != n_fds)
                fail_msg("call %u: descriptors are left open", n);
        if (r >= 0 && f.ds.list.n == n_diags && !is_same(fixture_list(&f, f.out.p, true), right.out))
                fail_msg("call %u: the failure is not told:\n%s", n, fixture_list(&f, f.out.p, false));
        check_heals(n);
        fixture_close(&f);
        return was_reached;
}

static bool try_kill(unsigned n) {
        int status;
        pid_t pid;

        prepare();
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                (void) publish_disturbed(MODE_KILL, n);
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        while (waitpid(-1, NULL, 0) > 0)
                ;                       /* Quadlet, which it left */

        check_whole(n);
        check_heals(n);
        fixture_close(&f);
        return WEXITSTATUS(status) == KILLED;
}

/* Half of a write is no failure. */
static bool try_short(unsigned n) {
        prepare();
        if (publish_disturbed(MODE_SHORT, n) < 0 || !is_same(fixture_list(&f, "run", true), right.run))
                fail_msg("write %u: half of it is taken for all", n);
        fixture_close(&f);
        return fault.count >= n;
}

static void test_each(bool (*try)(unsigned), unsigned n_min) {
        unsigned n = 1;

        while (try(n))
                n++;
        assert_true(n > n_min);         /* else the calls are not ours */
}

static void test_failure(void **state) {
        (void) state;
        test_each(try_failure, 100);
}

static void test_kill(void **state) {
        (void) state;
        test_each(try_kill, 100);
}

static void test_short(void **state) {
        (void) state;
        test_each(try_short, 10);
}

int main(int argc, char **argv) {
        static struct rows rows;

        if (fixture_is_quadlet(argc, argv))
                return 1;

        (void) prctl(PR_SET_CHILD_SUBREAPER, 1);
        learn();
        rows_add_one(&rows, test_failure);
        rows_add_one(&rows, test_kill);
        rows_add_one(&rows, test_short);
        return rows_run(&rows, "fault");
}
