/* SPDX-License-Identifier: Apache-2.0 */

/* `pyservice-rollout keep`, with each error in place of each of its system calls, or killed there: the stored state is one of
 * the good ones, an error is reported, and the next run stores what is missing. */

#include <sys/wait.h>

#include "base/fs.h"
#include "calls.h"
#include "fake-systemd.h"
#include "rollout/rollout.h"
#include "rows.h"
#include "state/hold.h"
#include "state/state.h"
#include "state/stored.h"

#define APP STR("shop")

static struct arena arena;      /* of one run */

struct change {
        const char *name;
        bool is_removed;        /* its definition; otherwise its scale changes */
};

static const struct change changes[] = {
        { "keep: another scale", false },
        { "keep: an application that is gone", true },
};

/* What is stored. An application that is gone loses the mark that it is stopped first. */
enum { BEFORE, BETWEEN, AFTER, STATES };

static const int errors[] = { ENOSPC, EIO, EMFILE, ENOMEM };

static void put_file(const char *path, struct str text) {
        assert_int_equal(fs_make_dirs(fake.runtime, path, true), 0);
        assert_int_equal(fs_replace(fake.runtime, path, 0644, text), 0);
}

static struct str record_of(unsigned scale) {
        return arena_join(&arena, STR("pyservice-bundle 2\npart service shop "), arena_u64(&arena, scale), STR(" old no no old:1\n"));
}

/* As the generator leaves it. */
static void begin(const struct change *change) {
        struct tree t = { .arena = &arena };
        struct holds holds = { 0 };
        struct state s = { 0 };

        fake_open(&arena);
        tree_add(&t, STR("quadlet/shop@.container"), 0644, STR("of old"))->kind = TREE_REVISION;
        tree_add(&t, STR("record"), 0644, record_of(2))->kind = TREE_PLAN;
        tree_sort(&t);
        s.accepted = stored_revision(&t);
        assert_int_equal(stored_save(fake.state, APP, s.accepted, &t), 0);
        assert_int_equal(state_write(&arena, fake.state, APP, &s), 0);
        hold_take(&arena, &holds, &(struct hold) { 0 })->lasting = 1;
        assert_int_equal(hold_write_lasting(&arena, fake.state, APP, &holds), 0);

        put_file("alive.conf", change->is_removed ? STR("") : STR("Upholds=shop.target\n"));
        put_file("apps/shop/manifest", stored_manifest(&t));
        put_file("apps/shop/quadlet/shop@.container", STR("of old"));
        put_file("apps/shop/record", record_of(5));
        put_file("apps/shop/revision", arena_join(&arena, STR("runs "), s.accepted, STR("\nwanted cccccccccccc\nfile cccccccccccc\n")));
        put_file("unkept/shop", STR(""));
}

static void end(void) {
        fake_close();
        arena_done(&arena);
        arena = (struct arena) { 0 };
}

static int keep(void) {
        return keep_run(&arena, fake.runtime, fake.state, NULL);
}

/* Names and contents; names of temporary files begin with a dot. */
static struct str list(struct str path) {
        struct fs_names names = { 0 };
        struct str text = STR("");

        assert_int_equal(fs_list(&arena, fake.state, path.p, &names), 0);
        VEC_EACH(name, &names.list) {
                struct str below = arena_join(&arena, path, STR("/"), *name), content;
                int r = name->p[0] == '.' ? -ENOENT : fs_read(&arena, fake.state, below.p, 65536, &content);

                if (r == -EISDIR)
                        text = arena_join(&arena, text, list(below));
                else if (r >= 0)
                        text = arena_join(&arena, text, below, STR(":\n"), content, STR("\n"));
        }

        return text;
}

static size_t count_fds(void) {
        struct fs_names names = { 0 };

        assert_int_equal(fs_list(&arena, AT_FDCWD, "/proc/self/fd", &names), 0);
        return names.list.n;
}

/* False if there was no n-th call. */
static bool disturb(unsigned n, int error, int *ret) {
        fault.n = n;
        fault.count = 0;
        fault.error = error;
        fault.mode = MODE_FAIL;
        *ret = keep();
        fault.mode = MODE_OFF;
        return fault.count >= n;
}

static bool end_at(unsigned n) {
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                fault.n = n;
                fault.count = 0;
                fault.mode = MODE_KILL;
                (void) keep();
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status) == KILLED;
}

/* `error`: 0 for SIGKILL. False if there was no n-th call. */
static bool try(const struct change *change, unsigned n, int error, const char *const right[STATES]) {
        struct str now;
        bool was_reached;
        size_t n_fds;
        int r = -EINTR;

        begin(change);
        n_fds = count_fds();
        was_reached = error > 0 ? disturb(n, error, &r) : end_at(n);
        now = list(STR("."));
        if (!str_is(now, right[BEFORE]) && !str_is(now, right[BETWEEN]) && !str_is(now, right[AFTER]))
                fail_msg("call %u, %s: none of the good states:\n%s", n, error ? strerrorname_np(error) : "killed", now.p);
        if (r >= 0 && !str_is(now, right[AFTER]))
                fail_msg("call %u, %s: the failure is not reported", n, strerrorname_np(error));
        assert_int_equal(count_fds(), n_fds);
        assert_int_equal(keep(), 0);
        if (!str_is(list(STR(".")), right[AFTER]))
                fail_msg("call %u, %s: the next run makes:\n%s", n, error ? strerrorname_np(error) : "killed", list(STR(".")).p);
        end();
        return was_reached;
}

static void test_each_call(void **state) {
        const struct change *change = *state;
        struct arena kept = { 0 };
        const char *right[STATES];
        unsigned n = 1, n_tried = 0;

        begin(change);
        right[BEFORE] = arena_str(&kept, list(STR("."))).p;
        if (change->is_removed)
                assert_int_equal(hold_write_lasting(&arena, fake.state, APP, &(const struct holds) { 0 }), 0);
        right[BETWEEN] = arena_str(&kept, list(STR("."))).p;
        assert_int_equal(keep(), 0);
        right[AFTER] = arena_str(&kept, list(STR("."))).p;
        end();
        assert_string_not_equal(right[BETWEEN], right[AFTER]);

        for (; try(change, n, 0, right); n++)
                for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
                        n_tried += try(change, n, errors[i], right);
        print_message("%s: %u calls, %u times an error, %u times killed, nothing lost\n", change->name, n - 1, n_tried, n - 1);
        assert_true(n_tried > 60);      /* else the calls are not ours */
        arena_done(&kept);
}

int main(void) {
        static struct rows rows;

        rows_add(&rows, test_each_call, changes);
        return rows_run(&rows, "fault-keep");
}
