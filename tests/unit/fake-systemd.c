/* SPDX-License-Identifier: Apache-2.0 */
#include "fake-systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "podman/podman-image.h"
#include "podman/podman.h"
#include "rollout/rollout.h"
#include "state/stored.h"
#include "systemd/journal.h"
#include "systemd/notify.h"

#define APP STR("shop")

struct fake fake;

static char directory[sizeof("/dev/shm/pyservice-rollout-XXXXXX")];
static jmp_buf killed;
static struct tree trees[FAKE_REVISIONS];

struct bus {
        int unused;
};

static struct bus the_bus;

/* What runs is stopped in systemd's own time, before or after we go on; a spare that was just asked for is a part of nothing by then. */
static void change_definition(void) {
        fake.changed_after = 0;
        fake.file = fake.changed_to;
        fake.is_told_to_end = true;
        fake_reload();
}

/* Each call may be the last. */
static void spend(void) {
        if (fake.changed_after > 0 && --fake.changed_after == 0)
                change_definition();
        if (fake.budget < 0)
                return;
        if (fake.budget == 0)
                longjmp(killed, 1);
        fake.budget--;
}

static struct str label_of(int revision) {
        static const struct str labels[] = { STR_INIT("label-0"), STR_INIT("label-1"), STR_INIT("label-2"), STR_INIT("label-3") };

        return labels[revision];
}

static struct str plan_of(const struct fake_behaviour *b, int revision) {
        return arena_join(fake.arena, b->is_recreate ? STR("strategy recreate\n") : STR("strategy rolling\n"),
                          STR("max-unavailable 1\npause 0\nready-timeout 5000\nmin-ready 2000\n"),
                          b->stops ? STR("on-failure stop\n") : STR("on-failure revert\n"), b->has_task ? STR("task shop-migrate.service\n") : STR(""),
                          b->has_after ? STR("after shop-purge.service\n") : STR(""), b->has_answer ? STR("failure shop-sorry.service\n") : STR(""),
                          STR("service shop "), label_of(revision), b->is_plain ? STR(" plain\n") : STR(" spare\n"));
}

static void make_tree(int revision) {
        struct tree *t = &trees[revision];

        *t = (struct tree) { .arena = fake.arena };
        tree_add(t, STR("quadlet/shop@.container"), 0644, label_of(revision))->kind = TREE_REVISION;
        tree_add(t, STR("rollout"), 0644, plan_of(&fake.behaviour[revision], revision))->kind = TREE_PLAN;
        tree_sort(t);
        fake.names[revision] = stored_revision(t);
}

static void put(const char *path, struct str text) {
        assert_true(fs_make_dirs(fake.runtime, path, true) >= 0);
        assert_true(fs_replace(fake.runtime, path, 0644, text) >= 0);
}

static void put_tree(const char *prefix, const struct tree *t) {
        VEC_EACH(f, &t->files)
                put(arena_join(fake.arena, str_of(prefix), f->path).p, f->text);
        put(arena_join(fake.arena, str_of(prefix), STR("manifest")).p, stored_manifest(t));
}

static int find_revision(struct str name) {
        for (int i = 0; i < FAKE_REVISIONS; i++)
                if (str_eq(fake.names[i], name))
                        return i;

        return -1;
}

static void start(struct fake_unit *u, int revision) {
        u->is_active = true;
        u->is_coming = false;
        u->revision = revision;
        u->n_starts++;
        u->invocation++;
}

static void stop(struct fake_unit *u) {
        u->is_active = u->is_waiting = u->is_coming = false;
        u->revision = -1;
}

static unsigned count_active(void) {
        unsigned n = fake.next.is_active;

        for (size_t i = 0; i < FAKE_INSTANCES; i++)
                n += fake.instances[i].is_active;

        return n;
}

/* What is upheld and does not run starts, in vain where its revision is bad. */
static void uphold(const struct state *s) {
        fake.is_emptied = !str_is_absent(s->emptied) && fake.target >= 0 && str_eq(s->emptied, fake.names[fake.target]);

        for (size_t i = 0; i < FAKE_INSTANCES; i++) {
                struct fake_unit *u = &fake.instances[i];

                if (fake.is_emptied || fake.base < 0)
                        stop(u);
                else if (!u->is_active && !fake.behaviour[fake.base].instance_fails)
                        start(u, fake.base);
        }
}

void fake_reload(void) {
        struct state s = { 0 };

        fake.n_reloads++;
        fake.loaded = fake.now += 1000;
        assert_true(state_read(fake.arena, fake.state, APP, &s) >= 0);
        fake.base = find_revision(s.accepted);
        fake.target = fake.file;
        if (fake.base >= 0 && fake.file >= 0 && state_find_failure(&s, fake.names[fake.file]))
                fake.target = fake.base;
        if (fake.base < 0 && fake.target >= 0 && !fake.behaviour[fake.target].has_task)
                fake.base = fake.target;

        put("alive.conf", fake.file < 0 ? STR("") : STR("Upholds=shop.target\n"));
        if (fake.target < 0)
                return;
        assert_true(fs_remove_tree(fake.runtime, "apps/shop") >= 0);
        if (fake.base >= 0)
                put_tree("apps/shop/", &trees[fake.base]);
        put("apps/shop/rollout", plan_of(&fake.behaviour[fake.target], fake.target));
        if (fake.base != fake.target)
                put_tree("apps/shop/wanted/", &trees[fake.target]);
        put("apps/shop/revision", arena_join(fake.arena, STR("runs "), fake.base < 0 ? STR("-") : fake.names[fake.base], STR("\nwanted "),
                                             fake.names[fake.target], STR("\n")));
        uphold(&s);
}

void fake_open(struct arena *a) {
        /* A tmpfs if there is one: the kill at each call makes some ten thousand files, each written through to the disk. */
        (void) snprintf(directory, sizeof(directory), "/dev/shm/pyservice-rollout-XXXXXX");
        if (!mkdtemp(directory)) {
                (void) snprintf(directory, sizeof(directory), "/tmp/pyservice-rollout-XXXXXX");
                assert_non_null(mkdtemp(directory));
        }
        fake.arena = a;
        fake.budget = -1;
        fake.now = 1000000;
        fake.base = fake.target = -1;
        fake.next.revision = -1;
        for (size_t i = 0; i < FAKE_INSTANCES; i++)
                fake.instances[i].revision = -1;
        assert_true(fs_make_dirs(AT_FDCWD, arena_join(a, str_of(directory), STR("/run")).p, false) >= 0);
        assert_true(fs_make_dirs(AT_FDCWD, arena_join(a, str_of(directory), STR("/state")).p, false) >= 0);
        fake.runtime = fs_open_dir(AT_FDCWD, arena_join(a, str_of(directory), STR("/run")).p);
        fake.state = fs_open_dir(AT_FDCWD, arena_join(a, str_of(directory), STR("/state")).p);
        for (int i = 0; i < FAKE_REVISIONS; i++)
                make_tree(i);
}

void fake_close(void) {
        (void) close(fake.runtime);
        (void) close(fake.state);
        (void) fs_remove_tree(AT_FDCWD, directory);
        fake = (struct fake) { 0 };
}

/* What a kill leaves: descriptors go with the process, here by hand. */
static void close_above(int first) {
        for (int fd = first; fd < first + 64; fd++)
                (void) close(fd);
}

int fake_roll(void) {
        struct rollout_run ro = { .arena = fake.arena, .bus = &the_bus, .runtime = fake.runtime, .state = fake.state, .app = APP };
        int free_fd = dup(fake.state), r;

        (void) close(free_fd);
        ro.revision = fake.names[fake.target];
        ro.started = bus_now();
        if (setjmp(killed) != 0) {
                close_above(free_fd);
                return -EINTR;
        }

        r = rollout_run(&ro);
        assert_true(r == -EINTR || r >= -4095);
        return r;
}

bool fake_settle(void) {
        for (unsigned i = 0; i < 20; i++) {
                int wanted = fake.target, r = fake_roll();

                fake.budget = -1;
                if (r == 0 && fake.target == wanted)
                        return true;
        }

        return false;
}

/* The units by name. */
static struct fake_unit *find_unit(struct str name) {
        if (str_is(name, "shop@0.service"))
                return &fake.instances[0];
        if (str_is(name, "shop@1.service"))
                return &fake.instances[1];

        return str_is(name, "shop@next.service") ? &fake.next : NULL;
}

static void pass_time(uint64_t ms) {
        fake.now += ms * 1000;
        if (fake.next.is_active && fake.next.dies_at > 0 && fake.now >= fake.next.dies_at)
                stop(&fake.next);
        if (fake.next.is_coming && fake.now - fake.next.since >= 3000000)
                start(&fake.next, fake.next.coming);
}

uint64_t bus_now(void) {
        return fake.now;
}

int bus_wait(struct bus *b, uint64_t ms) {
        spend();
        pass_time(ms);
        return fake.is_told_to_end ? -ECANCELED : 0;
}

int bus_get_unit(struct bus *b, struct arena *a, struct str unit, struct bus_unit *ret) {
        const struct fake_unit *u = find_unit(unit);

        spend();
        *ret = (struct bus_unit) { .active = STR("inactive"), .sub = STR("dead"), .result = STR("success"), .status = STR(""), .invocation = STR("") };
        if (str_is(unit, "shop-purge.service"))
                ret->starting_since = fake.ran_after;
        if (str_is(unit, "shop-sorry.service"))
                ret->starting_since = fake.ran_answer;
        if (!u)
                return 0;

        ret->active = u->is_active ? STR("active") : fake.base >= 0 && !fake.is_emptied && u != &fake.next ? STR("activating") : STR("inactive");
        ret->sub = u->is_active ? STR("running") : STR("auto-restart");
        ret->n_restarts = !u->is_active;
        ret->invocation = arena_u64(a, u->invocation);
        ret->starting_since = u->is_coming ? u->since : fake.now;
        ret->has_job = u->is_waiting || u->is_coming;
        if (u->is_coming) {
                ret->active = STR("activating");
                ret->sub = STR("start");
        }
        return 0;
}

int bus_get_dependencies(struct bus *b, struct arena *a, struct str unit, const char *kind, struct bus_names *ret) {
        spend();
        *ret = (struct bus_names) { 0 };
        if (!str_is(unit, "shop.target") || fake.base < 0 || fake.is_emptied)
                return 0;

        *vec_push(a, &ret->list) = STR("shop@0.service");
        *vec_push(a, &ret->list) = STR("shop@1.service");
        return 0;
}

int bus_list_units(struct bus *b, struct arena *a, struct str pattern, struct bus_list *ret) {
        static const char *const names[] = { "shop@0.service", "shop@1.service", "shop@next.service" };

        spend();
        *ret = (struct bus_list) { 0 };
        for (size_t i = 0; i < ARRAY_SIZE(names) && str_is(pattern, "shop@*.service"); i++)
                if (find_unit(str_of(names[i]))->is_active)
                        *vec_push(a, &ret->list) = (struct bus_listed) { str_of(names[i]), STR("active"), STR("running") };

        return 0;
}

int bus_get_load_time(struct bus *b, uint64_t *ret) {
        *ret = fake.loaded;
        return 0;
}

int bus_is_stopping(struct bus *b, struct str unit, bool *ret) {
        *ret = fake.is_told_to_end;
        return 0;
}

int bus_is_booting(struct bus *b, bool *ret) {
        *ret = false;
        return 0;
}

/* A directory in the place of the temporary file. */
void fake_fill(bool is_full) {
        if (is_full)
                (void) mkdirat(fake.state, "shop/.state.new", 0700);
        else
                (void) unlinkat(fake.state, "shop/.state.new", AT_REMOVEDIR);
}

static bool run_task(void) {
        if (fake.target < 0)
                return false;
        fake.n_tasks[fake.target]++;
        if (fake.behaviour[fake.target].task_fills)
                fake_fill(true);
        return !fake.behaviour[fake.target].task_fails;
}

static void assert_all_run(void) {
        for (size_t i = 0; i < FAKE_INSTANCES; i++)
                assert_true(fake.instances[i].is_active && fake.instances[i].revision == fake.target);
}

/* When nothing else runs. */
static bool run_after(void) {
        assert_all_run();
        fake.n_after[fake.target]++;
        fake.ran_after = fake.now;
        return !fake.behaviour[fake.target].after_fails;
}

static bool run_answer(void) {
        assert_all_run();
        fake.n_answers++;
        fake.ran_answer = fake.now;
        assert_true(fs_read(fake.arena, fake.runtime, "rollouts/shop.failure", 4096, &fake.answered) >= 0);
        return !fake.behaviour[fake.target].answer_fails;
}

static bool run_spare(enum bus_verb verb) {
        const struct fake_behaviour *b = fake.target < 0 ? NULL : &fake.behaviour[fake.target];

        if (!b)
                return false;
        if (verb == BUS_RELOAD || (verb == BUS_START && (fake.next.is_active || fake.next.is_coming)))
                return fake.next.is_active;
        stop(&fake.next);
        if (b->spare_fails)
                return false;
        fake.next.is_waiting = b->spare_waits;
        fake.next.is_coming = b->spare_is_slow;
        fake.next.coming = fake.target;
        fake.next.since = fake.now;
        if (b->spare_waits || b->spare_is_slow)
                return false;

        start(&fake.next, fake.target);
        fake.next.dies_at = b->spare_dies ? fake.now + 1000000 : 0;
        return true;
}

/* While it is restarted it does not answer. */
static bool run_instance(struct fake_unit *u) {
        unsigned n;

        stop(u);
        n = count_active();
        if (n < fake.least_active)
                fake.least_active = n;
        if (fake.base < 0 || fake.behaviour[fake.base].instance_fails)
                return false;

        start(u, fake.base);
        return true;
}

int bus_start_job(struct bus *b, enum bus_verb verb, struct str unit, struct bus_job **ret) {
        struct bus_job *job = arena_new(fake.arena, struct bus_job);
        struct fake_unit *u = find_unit(unit);
        bool is_good = true;

        spend();
        if (verb == BUS_STOP && u)
                stop(u);
        else if (str_is(unit, "shop-migrate.service"))
                is_good = run_task();
        else if (verb == BUS_START && str_is(unit, "shop-purge.service"))
                is_good = run_after();
        else if (verb == BUS_START && str_is(unit, "shop-sorry.service"))
                is_good = run_answer();
        else if (u)
                is_good = u == &fake.next ? run_spare(verb) : run_instance(u);

        job->unit = arena_str(fake.arena, unit);
        job->result = is_good ? STR("done") : STR("failed");
        if (u == &fake.next && (u->is_waiting || u->is_coming))
                job->result = (struct str) { 0 };
        *ret = job;
        spend();
        return 0;
}

int bus_look_at_job(struct bus *b, struct bus_job *job) {
        if (str_is_absent(job->result) && !fake.next.is_waiting && !fake.next.is_coming)
                job->result = fake.next.is_active ? STR("done") : STR("canceled");
        return 0;
}

int bus_reload(struct bus *b) {
        spend();
        fake_reload();
        spend();
        return 0;
}

int bus_reset_failed(struct bus *b, struct str unit) {
        return 0;
}

void notify_manager(struct arena *a, struct str lines) {
        fake.status = arena_str(fake.arena, lines);
}

int journal_read(struct arena *a, const struct journal_query *query, struct journal_lines *ret) {
        *ret = (struct journal_lines) { 0 };
        return 0;
}

bool journal_sync(struct arena *a) {
        return true;
}

int journal_read_end(struct arena *a, const struct journal_query *query, struct journal_end *ret) {
        return 0;
}

int journal_send(struct arena *a, const struct journal_field *fields, size_t n) {
        (void) setenv("JOURNAL_STREAM", "0:0", 1);
        for (size_t i = 0; i < n; i++)
                fake.n_failures += strcmp(fields[i].name, "REASON") == 0;
        fake.n_messages++;
        return 0;
}

static void add_container(struct arena *a, struct podman_containers *list, const char *name, const struct fake_unit *u) {
        if (u->revision >= 0)
                *vec_push(a, &list->list) = (struct podman_container) { str_of(name), label_of(u->revision) };
}

int podman_list(struct arena *a, struct str app, bool is_all, struct podman_containers *ret, struct str *ret_problem) {
        spend();
        *ret = (struct podman_containers) { 0 };
        add_container(a, ret, "shop-0", &fake.instances[0]);
        add_container(a, ret, "shop-1", &fake.instances[1]);
        add_container(a, ret, "shop-next", &fake.next);
        return 0;
}

int podman_remove(struct arena *a, struct str name, struct str *ret_problem) {
        return 0;
}

static struct str image_names(struct arena *a, const struct podman_images *images) {
        struct str text = STR("");

        VEC_EACH(image, &images->list)
                text = arena_join(a, text, *image, STR(" "));
        return text;
}

int podman_remove_images(struct arena *a, const struct podman_images *unneeded, const struct podman_images *needed,
                         struct podman_removals *ret, struct str *ret_problem) {
        fake.unneeded = image_names(fake.arena, unneeded);
        fake.needed = image_names(fake.arena, needed);
        return 0;
}

const struct podman_container *podman_find(const struct podman_containers *c, struct str name) {
        VEC_EACH(container, &c->list)
                if (str_eq(container->name, name))
                        return container;

        return NULL;
}
