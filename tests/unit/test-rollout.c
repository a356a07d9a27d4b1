/* SPDX-License-Identifier: Apache-2.0 */

/* The rollout's steps, with a small systemd instead of the real one. */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "bundle/layout.h"
#include "bundle/message.h"
#include "fake-systemd.h"
#include "rollout/parts.h"
#include "rows.h"
#include "state/hold.h"
#include "state/state.h"
#include "state/stored.h"

static struct arena arena;

enum { KILLS_MAX = 400, CHANGES_MAX = 30 };

static struct str names(const struct bus_names *list) {
        struct str text = STR("");

        VEC_EACH(name, &list->list)
                text = arena_join(&arena, text, text.n > 0 ? STR(" ") : STR(""), *name);

        return text;
}

/* Plans. */

struct plan_row {
        const char *name, *text;
        int result;
};

static const struct plan_row plan_rows[] = {
        { "plan: empty", "", 0 },
        { "plan: all", "strategy recreate\nmax-unavailable 2\npause 1\nready-timeout 0\nmin-ready 5\non-failure stop\ntask a.service\nafter b.service\nfailure c.service\nservice a l spare\nsidecar b l\n"
          "volume s-v - nfs h:/d rw,hard\nnetwork s-n bridge 10.0.0.0/24 10.0.0.1 mtu=1400 yes no yes\n", 0 },
        { "plan: unknown key", "surge 2\n", -EBADMSG },
        { "plan: unknown word", "strategy sideways\n", -EBADMSG },
        { "plan: nothing at a time", "max-unavailable 0\n", -EBADMSG },
        { "plan: no number", "pause soon\n", -EBADMSG },
        { "plan: two blanks", "task  a.service\n", -EBADMSG },
        { "plan: a word too many", "service a l spare b\n", -EBADMSG },
        { "plan: a word too few", "sidecar b\n", -EBADMSG },
        { "plan: a network that is neither", "network a - - - - yes no perhaps\n", -EBADMSG },
};

static void test_plan(void **state) {
        const struct plan_row *row = *state;
        struct plan plan = { 0 };

        assert_int_equal(plan_parse(&arena, str_of(row->text), &plan), row->result);
}

static void test_plan_values(void **state) {
        struct plan plan;

        assert_int_equal(plan_parse(&arena, str_of(plan_rows[1].text), &plan), 0);
        assert_true(plan.is_recreate && plan.stops_on_failure);
        assert_int_equal(plan.max_unavailable, 2);
        assert_int_equal(plan.min_ready, 5);
        assert_int_equal(plan.tasks.n, 1);
        assert_true(str_is(plan.tasks.at[0], "a.service"));
        assert_true(plan.after.n == 1 && str_is(plan.after.at[0], "b.service"));
        assert_true(plan.failure.n == 1 && str_is(plan.failure.at[0], "c.service"));
        assert_true(plan.services.at[0].has_spare);
        assert_int_equal(plan.volumes.list.n + plan.networks.list.n, 2);
        assert_true(str_is_absent(plan.volumes.list.at[0].driver) && str_is(plan.volumes.list.at[0].device, "h:/d"));
        assert_true(plan.networks.list.at[0].is_internal && !plan.networks.list.at[0].has_ipv6 && plan.networks.list.at[0].has_no_dns);
        assert_true(str_is(plan.sidecars.at[0].label, "l"));
}

static void put_file(const char *path, struct str text) {
        assert_int_equal(fs_make_dirs(fake.runtime, path, true), 0);
        assert_int_equal(fs_replace(fake.runtime, path, 0644, text), 0);
}

/* What is wanted. */

struct wanted_row {
        const char *name, *alive, *revision;
        bool is_alive;
        const char *runs, *wanted;
};

#define REVISIONS "pyservice-revision 1\nruns a\nwanted b\n"

static const struct wanted_row wanted_rows[] = {
        { "wanted: both", "Upholds=shop.target\n", REVISIONS, true, "a", "b" },
        { "wanted: of an earlier version", "Upholds=shop.target\n", "runs a\nwanted b\nfile -\n", true, "a", "b" },
        { "wanted: nothing runs", "Upholds=shop.target\n", "runs -\nwanted b\nfile b\n", true, NULL, "b" },
        { "wanted: another app", "Upholds=workshop.target\nUpholds=shop.target.wants\n", REVISIONS, false, "a", "b" },
        { "wanted: nothing", "", "", false, NULL, NULL },
        { "wanted: stopped", "X-Stopped=shop.target\n", REVISIONS, true, "a", "b" },
};

static void test_wanted(void **state) {
        const struct wanted_row *row = *state;
        struct wanted w;

        fake_open(&arena);
        put_file("alive.conf", str_of(row->alive));
        put_file("apps/shop/revision", str_of(row->revision));
        assert_int_equal(wanted_read(&arena, fake.runtime, STR("shop"), &w), 0);
        assert_int_equal(w.is_alive, row->is_alive);
        assert_int_equal(w.is_stopped, str_has_prefix(str_of(row->alive), STR("X-Stopped=")));
        assert_true(str_eq(w.runs, str_of(row->runs)));
        assert_true(str_eq(w.wanted, str_of(row->wanted)));
        fake_close();
}

static void test_progress(void **state) {
        struct progress p = { .revision = STR("r"), .phase = STR("tasks"), .started = 7, .began = 8, .message = STR("a b") }, q;

        progress_set(&arena, &p, STR("x.service"), STR("waiting"));
        progress_set(&arena, &p, STR("x.service"), STR("done"));
        assert_true(str_is(progress_text(&arena, &p), "pyservice-progress 1\nrevision r\nphase tasks\nstarted 7\nbegan 8\nunit x.service done\nmessage a%20b\n"));
        assert_int_equal(progress_parse(&arena, arena_join(&arena, progress_text(&arena, &p), STR("later 3\n")), &q), -EBADMSG);
        assert_int_equal(progress_parse(&arena, STR("pyservice-progress 2\nlater 3\n"), &q), -EPROTONOSUPPORT);
        assert_int_equal(progress_parse(&arena, STR("revision r\nphase tasks\nstarted 7\nbegan 8\nunit x.service done\nmessage a b\n"), &q), 0);
        assert_true(str_eq(progress_text(&arena, &p), progress_text(&arena, &q)));
}

/* Which instances. */

struct stale_row {
        const char *name, *containers, *upheld, *stale;
};

static const struct stale_row stale_rows[] = {
        { "stale: the others", "shop-1\told\nshop-0\tnew\n", "shop@0.service shop@1.service", "1" },
        { "stale: in order", "shop-10\told\nshop-9\told\n", "shop@9.service shop@10.service", "9 10" },
        { "stale: not the spare", "shop-next\told\nshop-0\told\n", "shop@0.service", "0" },
        { "stale: not what goes", "shop-0\told\nshop-1\told\n", "shop@0.service", "0" },
        { "stale: not another service", "shop-web-0\told\nshop-0\tnew\n", "shop@0.service shop-web@0.service", "" },
        { "stale: started once", "shop-3\told\n", "shop-once@3.target", "3" },
        { "stale: without a label", "shop-0\t\n", "shop@0.service", "0" },
        { "stale: no number", "shop-00\told\nshop-x\told\n", "shop@0.service shop@00.service", "" },
};

static void test_stale(void **state) {
        const struct stale_row *row = *state;
        const struct plan_part service = { STR("shop"), STR("new"), true };
        struct podman_containers containers = { 0 };
        struct bus_names upheld = { 0 }, found = { 0 };
        struct str rest = str_of(row->containers), line;
        struct instances stale;

        while (str_split(&rest, '\n', &line)) {
                size_t tab = str_find(line, '\t');

                if (line.n > 0)
                        *vec_push(&arena, &containers.list) = (struct podman_container) { { line.p, tab }, str_from(line, tab + 1) };
        }
        rest = str_of(row->upheld);
        while (str_split(&rest, ' ', &line))
                *vec_push(&arena, &upheld.list) = line;

        pick_stale(&arena, &service, &containers, &upheld, &stale);
        VEC_EACH(number, &stale.numbers)
                *vec_push(&arena, &found.list) = arena_u64(&arena, *number);
        assert_true(str_is(names(&found), row->stale));
}

/* History. "a first, b edit" and what failed. */

struct history_row {
        const char *name, *events, *failed, *revision, *previous, *reason;
};

static const struct history_row history_rows[] = {
        { "history: the first", "", "", "a", NULL, "first" },
        { "history: an edit", "a first", "", "b", NULL, "edit" },
        { "history: back to the one before", "a first, b edit", "", "b", "a", "edit" },
        { "history: not to what failed", "a first, b edit, c edit", "b", "c", "a", "edit" },
        { "history: nothing before", "a first", "", "a", NULL, "edit" },
        { "history: what came back is good", "a first, b edit, a revert", "b", "a", NULL, "edit" },
        { "history: it comes back", "a first, b edit", "b", "a", NULL, "revert" },
        { "history: accepted, but not noted", "a first, b edit", "", "c", NULL, "edit" },
};

static void read_history(const struct history_row *row, struct state *s, struct state_history *h) {
        struct str rest = str_of(row->events), event;
        uint64_t time = 1;

        while (str_split(&rest, ',', &event)) {
                event = str_trim(event);
                if (event.n > 0)
                        *vec_push(&arena, &h->list) = (struct state_event) { time++, { event.p, 1 }, str_from(event, 2) };
        }
        if (row->failed[0])
                state_add_failure(&arena, s, (struct state_failure) { .revision = str_of(row->failed), .reason = STR("x"), .time = 2 });
}

static void test_history(void **state) {
        const struct history_row *row = *state;
        struct state_history h = { 0 };
        struct state s = { 0 };

        read_history(row, &s, &h);
        assert_true(str_eq(accept_find_previous(&s, &h, str_of(row->revision)), str_of(row->previous)));
        assert_true(str_eq(accept_reason(&s, &h, str_of(row->revision)), str_of(row->reason)));
}

static void test_kept_bundles(void **state) {
        struct state s = { .accepted = STR("b"), .pinned = STR("z") };
        struct state_history h = { 0 };
        struct bus_names kept = { 0 };

        for (char c = 'a'; c < 'z'; c++)
                *vec_push(&arena, &h.list) = (struct state_event) { 1, arena_str(&arena, (struct str) { &c, 1 }), STR("edit") };
        accept_find_kept(&arena, &s, &h, 10, &kept);
        assert_true(str_is(names(&kept), "b z y x w v u t s r"));
        kept.list.n = 0;
        accept_find_kept(&arena, &s, &h, 3, &kept);
        assert_true(str_is(names(&kept), "b z y"));
        state_add_failure(&arena, &s, (struct state_failure) { .revision = STR("y"), .reason = STR("x"), .time = 2 });
        kept.list.n = 0;
        accept_find_kept(&arena, &s, &h, 3, &kept);
        assert_true(str_is(names(&kept), "b z x"));
}

/* The images of each bundle: those that are pulled, and those that parts run. */
static void put_bundle(int dir, const char *path, const char *pulled, const char *run) {
        struct record record = { 0 };
        struct str rest = str_of(pulled), image;

        while (str_split(&rest, ' ', &image))
                if (image.n > 0)
                        *vec_push(&arena, &record.images) = (struct record_image) { STR("a.image"), image, false };
        rest = str_of(run);
        while (str_split(&rest, ' ', &image))
                *vec_push(&arena, &record.parts) = (struct record_part) { .unit = STR("shop"), .image = image };
        assert_int_equal(fs_make_dirs(dir, path, true), 0);
        assert_int_equal(fs_replace(dir, path, 0644, record_text(&arena, &record)), 0);
}

/* What only pruned bundles name goes: not what another application's bundle, a published one, one that is tried, an update, or a bundle
 * that is kept names; nor what was built or loaded here. */
static void test_unneeded_images(void **state) {
        struct rollout_run ro = { .arena = &arena, .app = STR("shop") };
        struct podman_images unneeded = { 0 };
        struct bus_names kept = { 0 };
        struct state s = { 0 };

        fake_open(&arena);
        ro.runtime = fake.runtime;
        ro.state = fake.state;
        *vec_push(&arena, &kept.list) = STR("000000000001");
        put_bundle(fake.state, "shop/bundles/000000000001/record", "q.io/kept:1", "q.io/kept:1");
        put_bundle(fake.state, "shop/bundles/000000000002/record",
                   "q.io/old:1 q.io/kept:1 q.io/others:1 q.io/published:1 q.io/tried:1 q.io/found@sha256:1 localhost/mine:1",
                   "q.io/old:1 q.io/loaded:1 localhost/pyservice-shop:1 localhost/pyservice-other:1 sha256:1");
        put_bundle(fake.state, "other/bundles/000000000003/record", "", "q.io/others:1");
        put_bundle(fake.runtime, "apps/third/record", "", "q.io/published:1");
        put_bundle(fake.runtime, "apps/shop/wanted/record", "", "q.io/tried:1");
        *vec_push(&arena, &s.images) = (struct state_image) { STR("q.io/found:1"), STR("q.io/found@sha256:1") };
        assert_int_equal(state_write(&arena, fake.state, STR("fourth"), &s), 0);

        images_find_unneeded(&ro, &kept, &unneeded);
        assert_int_equal(fs_remove_tree(fake.state, "shop/bundles/000000000002"), 0);
        images_remove(&ro, &unneeded);
        assert_string_equal(fake.unneeded.p, "q.io/old:1 localhost/pyservice-shop:1 sha256:1 ");
        assert_true(str_find_str(fake.needed, STR("q.io/kept:1 ")) < fake.needed.n);
        fake_close();
}

/* Whole rollouts, from revision 0 (which runs) to revision 1. */

struct roll_row {
        const char *name;
        struct fake_behaviour now;
        bool is_good;
        unsigned least;                 /* that answer at any time */
        const char *told;               /* the one event that there is a message about */
};

static const struct roll_row roll_rows[] = {
        { "roll: good", { 0 }, true, 2, "accepted" },
        { "roll: with a task", { .has_task = true }, true, 2, "accepted" },
        { "roll: without a spare", { .is_plain = true }, true, 1, "accepted" },
        { "roll: all at once", { .is_recreate = true }, true, 0, "accepted" },
        { "roll: with a task after it", { .has_after = true }, true, 2, "accepted" },
        { "roll: whose task after it fails", { .has_after = true, .after_fails = true }, true, 2, "accepted" },
        { "roll: bad, with a task after it", { .has_after = true, .spare_fails = true }, false, 2, "rejected" },
        { "roll: good, with a task for failures", { .has_answer = true }, true, 2, "accepted" },
        { "roll: bad, with a task for failures", { .has_answer = true, .spare_fails = true }, false, 2, "rejected" },
        { "roll: bad later, with a task for failures", { .has_answer = true, .instance_fails = true }, false, 1, "reverted" },
        { "roll: whose task for failures fails", { .has_answer = true, .answer_fails = true, .spare_fails = true }, false, 2, "rejected" },
        { "roll: bad task", { .has_task = true, .task_fails = true }, false, 2, "rejected" },
        { "roll: the spare does not start", { .spare_fails = true }, false, 2, "rejected" },
        { "roll: the spare dies", { .spare_dies = true }, false, 2, "rejected" },
        { "roll: the instances do not start", { .instance_fails = true }, false, 1, "reverted" },
        { "roll: and there is no spare", { .instance_fails = true, .is_plain = true }, false, 1, "reverted" },
        { "roll: and they are all stopped", { .instance_fails = true, .is_recreate = true }, false, 0, "reverted" },
};

static void want_messages(void) {
        put_file("notify", STR("pyservice-notify 1\ncommand /bin/true\n"));
}

/* "rejected accepted", in the order of their time. */
static struct str messages(void) {
        struct messages all = { 0 }, broken = { 0 };
        struct bus_names events = { 0 };

        assert_int_equal(message_list(&arena, fake.state, &all, &broken), 0);
        VEC_EACH(m, &all.list) {
                assert_true(str_is(m->app, "shop") && m->revision.n > 0 && m->reason.n > 0);
                *vec_push(&arena, &events.list) = m->event;
        }
        return names(&events);
}

static void begin(const struct roll_row *row) {
        fake.behaviour[0].is_recreate = row->now.is_recreate;
        fake.behaviour[0].has_answer = row->now.has_answer;
        fake.behaviour[0].answer_fails = row->now.answer_fails;
        fake.behaviour[1] = row->now;
        fake_open(&arena);
        fake_reload();
        assert_true(fake_settle());
        fake.least_active = FAKE_INSTANCES;
        fake.file = 1;
        fake_reload();
}

/* SIGKILL at that call; false where it was done before. */
static bool begin_and_kill(const struct roll_row *row, long at) {
        bool was_killed;

        begin(row);
        want_messages();
        fake.budget = at;
        was_killed = fake_roll() == -EINTR;
        fake.budget = -1;
        return was_killed;
}

/* What is to be so in the end, whatever happened in between. */
static void assert_settled(const struct roll_row *row) {
        int revision = row->is_good;
        struct state s = { 0 };

        assert_true(state_read(&arena, fake.state, STR("shop"), &s) >= 0);
        assert_true(str_eq(s.accepted, fake.names[revision]));
        assert_true(str_is_absent(s.emptied));
        assert_int_equal(state_find_failure(&s, fake.names[1]) != NULL, !row->is_good);
        for (size_t i = 0; i < FAKE_INSTANCES; i++) {
                assert_true(fake.instances[i].is_active);
                assert_int_equal(fake.instances[i].revision, revision);
        }
        assert_false(fake.next.is_active);
        assert_int_equal(fake.target, revision);
        /* If it fails and the rollout is killed, it runs again. */
        if (!row->now.after_fails)
                assert_int_equal(fake.n_after[1], row->is_good && row->now.has_after);
        if (!row->now.answer_fails)
                assert_int_equal(fake.n_answers, !row->is_good && row->now.has_answer);
        if (fake.n_answers > 0)
                assert_true(str_has_prefix(fake.answered, arena_join(&arena, STR("PYSERVICE_FAILED_REVISION=\""), fake.names[1],
                                                                     STR("\"\nPYSERVICE_REASON=\"shop@"))));
        assert_true(str_is_absent(s.unanswered) && faccessat(fake.runtime, "rollouts/shop.failure", F_OK, 0) < 0);
}

static void test_roll(void **state) {
        const struct roll_row *row = *state;

        begin(row);
        want_messages();
        assert_true(fake_settle());
        assert_settled(row);
        assert_true(str_is(messages(), row->told));
        assert_true(fake.least_active >= row->least);
        assert_int_equal(fake.n_tasks[1], row->now.has_task);
        assert_int_equal(fake.n_failures, !row->is_good);
        fake_close();
}

/* SIGKILL at the first call, at the second, … until it is done before. */
static void test_killed(void **state) {
        const struct roll_row *row = *state;

        for (long at = 0; at < KILLS_MAX; at++) {
                bool was_killed = begin_and_kill(row, at);

                assert_true(fake_settle());
                assert_settled(row);
                /* A failure may be reported twice. */
                assert_true(row->is_good ? str_is(messages(), row->told) : str_has_prefix(messages(), str_of(row->told)));
                assert_true(row->is_good || str_find_str(messages(), STR("accepted")) == messages().n);
                fake_close();
                if (!was_killed)
                        return;
        }
        fail();
}

static void test_overtaken(void **state) {
        const struct roll_row row = { .is_good = true };

        begin(&row);
        fake.budget = 20;
        assert_int_equal(fake_roll(), -EINTR);
        fake.budget = -1;
        fake.file = 2;
        fake_reload();
        assert_true(fake_settle());
        assert_int_equal(fake.instances[0].revision, 2);
        assert_int_equal(fake.instances[1].revision, 2);
        assert_int_equal(fake.n_failures, 0);
        fake_close();
}

/* Somebody takes the edit back, while all were stopped for it or at another call: they come back at once, and are not stopped again. (At
 * each third call, here and below: it is the disk that takes its time.) */
static void test_taken_back(void **state) {
        const struct roll_row row = { .now = { .is_recreate = true } };

        for (long at = 0; at < KILLS_MAX; at += 3) {
                struct state s = { 0 };
                bool was_killed = begin_and_kill(&row, at);
                unsigned n_starts;

                assert_true(state_read(&arena, fake.state, STR("shop"), &s) >= 0);
                fake.file = 0;
                fake_reload();
                n_starts = fake.instances[0].n_starts;
                assert_true(fake_settle());
                assert_int_equal(fake.instances[0].revision, 0);
                assert_true(str_eq(s.accepted, fake.names[1]) || fake.instances[0].n_starts == n_starts);
                assert_true(state_read(&arena, fake.state, STR("shop"), &s) >= 0);
                assert_true(str_eq(s.accepted, fake.names[0]) && str_is_absent(s.emptied));
                fake_close();
                if (!was_killed)
                        return;
        }
        fail();
}

/* The app is removed, or systemd says that it ends: nothing failed. */
static void test_ends_quietly(void **state) {
        const struct roll_row row = { .now = { .spare_fails = true } };

        begin(&row);
        fake.is_told_to_end = true;
        assert_int_equal(fake_roll(), 0);
        fake.is_told_to_end = false;
        fake.file = -1;
        fake_reload();
        fake.target = 1;
        assert_int_equal(fake_roll(), 0);
        assert_int_equal(fake.n_failures, 0);
        fake_close();
}

/* The definition goes at the first call, at the second, …: no spare is left, and nothing failed. */
static void test_removed(void **state) {
        const struct roll_row row = { .is_good = true };

        for (long at = 1; at < KILLS_MAX; at++) {
                bool is_over;

                begin(&row);
                fake.changed_after = at;
                fake.changed_to = -1;
                assert_int_equal(fake_roll(), 0);
                is_over = fake.changed_after > 0;
                assert_false(fake.next.is_active);
                assert_int_equal(fake.n_failures, 0);
                fake_close();
                if (is_over)
                        return;
        }
        fail();
}

/* The definition changes while the spare starts, or at whichever other call before it is accepted. */
static void change_at(const struct roll_row *row, int revision, long at) {
        begin(row);
        fake.changed_after = at;
        fake.changed_to = revision;
        assert_int_equal(fake_roll(), 0);
        fake.is_told_to_end = false;
        assert_true(fake_settle());
}

/* … back to what runs, while the spare waits for its image: nothing is left that starts it once that is there. */
static void test_spare_that_waits(void **state) {
        const struct roll_row row = { .now = { .spare_waits = true } };

        for (long at = 1; at < CHANGES_MAX; at++) {
                change_at(&row, 0, at);
                assert_false(fake.next.is_waiting || fake.next.is_active);
                assert_int_equal(fake.instances[0].n_starts, 1);
                assert_int_equal(fake.n_failures, 0);
                fake_close();
        }
}

/* … to another revision, which does not work, while the spare is about to make a container of the one before: that proves nothing of it. */
static void test_spare_of_another(void **state) {
        const struct roll_row row = { .now = { .spare_is_slow = true } };

        for (long at = 1; at < CHANGES_MAX; at++) {
                struct state s = { 0 };

                fake.behaviour[2].spare_fails = true;
                change_at(&row, 2, at);
                assert_true(state_read(&arena, fake.state, STR("shop"), &s) >= 0);
                assert_false(str_eq(s.accepted, fake.names[2]));
                assert_non_null(state_find_failure(&s, fake.names[2]));
                fake_close();
        }
}

/* Somebody stopped what the rollout just started: it begins again, without that, and the revision has not failed. */
static void test_no_failure_of_what_is_stopped(void **state) {
        const struct roll_row row = { .now = { .spare_fails = true } };
        struct holds holds = { 0 };

        begin(&row);
        hold_take(&arena, &holds, &(const struct hold) { .unit = STR("shop") })->now = 1;
        assert_int_equal(hold_write(&arena, fake.runtime, STR("shop"), &holds), 0);
        assert_int_equal(fake_roll(), 1);
        assert_int_equal(fake.n_failures, 0);
        holds.list.at[0].now = 0;
        assert_int_equal(hold_write(&arena, fake.runtime, STR("shop"), &holds), 0);
        assert_true(fake_settle());
        assert_settled(&row);
        fake_close();
}

/* Its reason quotes the container's last line, a health check or a build: no more users read it than the journal. */
static void test_reason_is_roots(void **state) {
        const struct roll_row row = { .now = { .spare_fails = true } };
        struct progress progress;
        struct stat st;

        begin(&row);
        assert_int_equal(fake_roll(), 1);
        assert_int_equal(fstatat(fake.runtime, LAYOUT_ROLLOUTS "/shop", &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_true(progress_read(&arena, fake.runtime, STR("shop"), &progress) >= 0);
        assert_true(str_has_prefix(progress.message, STR("shop: revision ")));
        assert_false(str_find_str(fake.status, progress.message) < fake.status.n);

        fake.file = 0;
        fake_reload();
        assert_true(fake_settle());
        assert_int_equal(fstatat(fake.runtime, LAYOUT_ROLLOUTS "/shop", &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0644);
        fake_close();
}

static void test_stops_where_it_failed(void **state) {
        const struct roll_row row = { .now = { .instance_fails = true, .stops = true } };
        struct state s = { 0 };

        begin(&row);
        assert_true(fake_settle());
        assert_true(state_read(&arena, fake.state, STR("shop"), &s) >= 0);
        assert_true(str_eq(s.held, fake.names[1]));
        assert_int_equal(fake.instances[1].revision, 0);
        assert_int_equal(fake.instances[1].n_starts, 1);
        fake_close();
}

/* What is done can't be noted: from the beginning on, or since the task ran. It runs once all the same. */
enum { CALLS_WHILE_FULL = 400 };

static void test_full(void **state) {
        const struct roll_row row = { .now = { .has_task = true, .task_fills = true }, .is_good = true };

        for (unsigned i = 0; i < 2; i++) {
                begin(&row);
                fake_fill(i == 0);
                /* It waits for room, however often it is started. */
                for (unsigned tries = 0; tries < 3; tries++) {
                        fake.budget = CALLS_WHILE_FULL;
                        assert_int_equal(fake_roll(), -EINTR);
                        fake.budget = -1;
                }
                assert_int_equal(fake.n_tasks[1], i);
                fake_fill(false);
                fake.behaviour[1].task_fills = false;
                assert_true(fake_settle());
                assert_settled(&row);
                assert_int_equal(fake.n_tasks[1], 1);
                fake_close();
        }
}

/* The app goes while a rollout of it is under way, and comes again as it was: a new one, whose tasks run. */
static void test_comes_again(void **state) {
        const struct roll_row row = { .now = { .has_task = true }, .is_good = true };

        for (long at = 0; at < KILLS_MAX; at += 3) {
                bool was_killed = begin_and_kill(&row, at);
                unsigned n_tasks;

                fake.file = -1;
                fake_reload();
                assert_int_equal(fs_make_dirs(fake.runtime, "unkept", false), 0);
                assert_int_equal(fs_replace(fake.runtime, "unkept/shop", 0644, STR("")), 0);
                assert_int_equal(keep_run(&arena, fake.runtime, fake.state, NULL), 0);
                n_tasks = fake.n_tasks[1];
                fake.file = 1;
                fake_reload();
                assert_true(fake_settle());
                assert_settled(&row);
                assert_int_equal(fake.n_tasks[1], n_tasks + 1);
                fake_close();
                if (!was_killed)
                        return;
        }
        fail();
}

/* The scale of what runs is kept while a newer revision is tried; nothing else of that comes into what was accepted. */
static void test_keeps_scale(void **state) {
        static const char head[] = "pyservice-bundle 3\npart service shop ";
        struct tree t = { .arena = &arena }, kept;
        struct state s = { 0 };

        (void) state;
        fake_open(&arena);
        tree_add(&t, STR("quadlet/shop@.container"), 0644, STR("of old"))->kind = TREE_REVISION;
        tree_add(&t, STR("record"), 0644, arena_join(&arena, str_of(head), STR("2 old no no old:1\npart task shop-t 0 t1 no no t:1\n")))->kind = TREE_PLAN;
        tree_sort(&t);
        s.accepted = stored_revision(&t);
        assert_int_equal(stored_save(fake.state, STR("shop"), s.accepted, &t), 0);
        assert_int_equal(state_write(&arena, fake.state, STR("shop"), &s), 0);

        put_file("alive.conf", STR("Upholds=shop.target\n"));
        put_file("apps/shop/manifest", stored_manifest(&t));
        put_file("apps/shop/quadlet/shop@.container", STR("of old"));
        put_file("apps/shop/record", arena_join(&arena, str_of(head), STR("5 old no yes old:1\npart sidecar shop-new 0 x no no new:1\n"
                                                                          "part task shop-t 0 t2 no no t:2\nstopped shop@3.service\n")));
        put_file("apps/shop/revision", arena_join(&arena, STR("runs "), s.accepted, STR("\nwanted cccccccccccc\nfile cccccccccccc\n")));
        put_file("unkept/shop", STR(""));
        assert_int_equal(keep_run(&arena, fake.runtime, fake.state, NULL), 0);
        assert_int_equal(stored_load(&arena, fake.state, STR("shop"), s.accepted, &kept), 0);
        assert_string_equal(tree_find(&kept, STR("record"))->text.p, arena_join(&arena, str_of(head), STR("5 old no no old:1\npart task shop-t 0 t1 no no t:1\n")).p);
        fake_close();
}

/* Nothing is there to go back to: it is tried again, and nothing is marked. */
static void test_first_start_fails(void **state) {
        struct state s = { 0 };

        fake.behaviour[0] = (struct fake_behaviour) { .has_task = true, .task_fails = true };
        fake_open(&arena);
        want_messages();
        fake_reload();
        for (unsigned tries = 1; tries <= 3; tries++) {
                assert_int_equal(fake_roll(), 1);
                assert_int_equal(fake.n_failures, tries);
                assert_true(str_is(messages(), "rejected"));
        }
        assert_true(state_read(&arena, fake.state, STR("shop"), &s) >= 0);
        assert_int_equal(s.failed.n, 0);
        fake.behaviour[0].task_fails = false;
        assert_true(fake_settle());
        assert_true(fake.instances[1].is_active);
        assert_int_equal(fake.n_tasks[0], 4);
        assert_true(str_is(messages(), "rejected accepted"));
        fake_close();
}

int main(void) {
        struct rows rows = { 0 };
        int r;

        rows_add(&rows, test_plan, plan_rows);
        rows_add_one(&rows, test_plan_values);
        rows_add(&rows, test_wanted, wanted_rows);
        rows_add_one(&rows, test_progress);
        rows_add(&rows, test_stale, stale_rows);
        rows_add(&rows, test_history, history_rows);
        rows_add_one(&rows, test_kept_bundles);
        rows_add_one(&rows, test_unneeded_images);
        rows_add(&rows, test_roll, roll_rows);
        rows_add(&rows, test_killed, roll_rows);
        rows_add_one(&rows, test_overtaken);
        rows_add_one(&rows, test_taken_back);
        rows_add_one(&rows, test_ends_quietly);
        rows_add_one(&rows, test_removed);
        rows_add_one(&rows, test_spare_that_waits);
        rows_add_one(&rows, test_spare_of_another);
        rows_add_one(&rows, test_no_failure_of_what_is_stopped);
        rows_add_one(&rows, test_reason_is_roots);
        rows_add_one(&rows, test_stops_where_it_failed);
        rows_add_one(&rows, test_first_start_fails);
        rows_add_one(&rows, test_keeps_scale);
        rows_add_one(&rows, test_full);
        rows_add_one(&rows, test_comes_again);
        r = rows_run(&rows, "rollout");
        arena_done(&arena);
        return r;
}
