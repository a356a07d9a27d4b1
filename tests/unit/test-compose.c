/* SPDX-License-Identifier: Apache-2.0 */

/* What is published of an app while a rollout is under way, and which revisions it is put together from. Quadlet is the test program
 * (publishing.h). */

#include "publish/choose.h"
#include "publishing.h"
#include "state/stored.h"

static struct fixture f;

#define UPHELD_1 "[Unit]\nUpholds=shop@0.service\n"
#define UPHELD_2 UPHELD_1 "Upholds=shop@1.service\n"
#define UPHELD_3 UPHELD_2 "Upholds=shop@2.service\n"
#define UPHELD_DB "[Unit]\nUpholds=shop-db.service\n"
#define RECORD "plan - record pyservice-bundle 3|part "

#define NOTHING ((struct str) { 0 })

static int set_up(void **state) {
        (void) state;
        fixture_open(&f);
        assert_int_equal(mkdirat(f.dir, "state", 0755), 0);
        f.publisher.state = fs_open_dir(f.dir, "state");
        f.publisher.state_path = STR("/var/lib/pyservice");
        return 0;
}

static int tear_down(void **state) {
        (void) state;
        close_fd(&f.publisher.state);
        fixture_close(&f);
        return 0;
}

static enum tree_kind kind_of(struct str word) {
        static const char *const words[] = { [TREE_REVISION] = "revision", [TREE_TASK] = "task", [TREE_SCALE] = "scale", [TREE_PLAN] = "plan" };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (str_is(word, words[i]))
                        return (enum tree_kind) i;

        fail();
        return TREE_PLAN;
}

/* "KIND OWNER PATH TEXT" a line; '|' in a text is the end of a line. */
static void tree_lines(struct tree *t, const char *text) {
        struct str rest = str_of(text), line, kind, owner, path;

        while (str_split(&rest, '\n', &line) && line.n > 0) {
                char *copy;

                (void) str_split(&line, ' ', &kind);
                (void) str_split(&line, ' ', &owner);
                assert_true(str_split(&line, ' ', &path));
                copy = (char *) (uintptr_t) arena_str(&f.arena, line).p;
                for (size_t i = 0; i < line.n; i++)
                        copy[i] = copy[i] == '|' ? '\n' : copy[i];
                tree_mark(tree_add(t, arena_str(&f.arena, path), 0644, (struct str) { copy, line.n }), kind_of(kind),
                          str_is(owner, "-") ? NOTHING : arena_str(&f.arena, owner));
        }
        tree_sort(t);
        fixture_facts(t);
}

/* Adds a row to the record of the tree. */
static void add_row(struct tree *t, const char *row) {
        VEC_EACH(file, &t->files)
                if (str_is(file->path, "record"))
                        file->text = arena_join(&f.arena, file->text, str_of(row), STR("\n"));
        fixture_facts(t);
}

static struct tree *tree_of(const char *text) {
        struct tree *t = arena_new(&f.arena, struct tree);

        t->arena = &f.arena;
        tree_lines(t, text);
        return t;
}

/* "PATH=TEXT" a line, but for what is put in any case. */
static const char *text_of(const struct tree *t) {
        struct buf out = buf_in(&f.arena);

        VEC_EACH(file, &t->files) {
                if (str_is(file->path, "manifest") || str_is(file->path, "record") || str_is(file->path, "revision") || str_has_suffix(file->path, STR("90-rollout.conf")))
                        continue;

                buf_put_str(&out, file->path);
                buf_put_char(&out, '=');
                for (size_t i = 0; i < file->text.n; i++)
                        buf_put_char(&out, file->text.p[i] == '\n' ? '|' : file->text.p[i]);
                buf_put_char(&out, '\n');
        }
        return buf_str(&out).p;
}

static const char *find(const struct tree *t, const char *path) {
        const struct tree_file *file = tree_find(t, str_of(path));

        return file ? file->text.p : "(none)";
}

static struct tree composed;

static const char *compose_text(const struct tree *base, const struct tree *file, const struct tree *target, bool is_emptied) {
        compose(&f.arena, &(struct composition) {
                .app = STR("shop"), .base = { STR("bbbbbbbbbbbb"), base }, .target = { STR("cccccccccccc"), target },
                .file = { file ? STR("ffffffffffff") : NOTHING, file }, .is_emptied = is_emptied, .is_stored = true,
        }, &composed);
        return text_of(&composed);
}

/* An app with one service, of a label, an image, a scale. */
static struct tree *usual(const char *label, const char *scale) {
        return tree_of(arena_printf(&f.arena,
                "revision shop quadlet/shop@.container of %s\n"
                "revision - quadlet/shop-%s.image of %s\n"
                "scale - units/shop.target of %s %s\n"
                "scale shop units/shop@.service.d/10-ports.conf %s\n"
                RECORD "service shop %s %s no no -|\n"
                "plan - rollout service shop %s plain|\n", label, label, label, label, scale, scale, scale, label, label).p);
}

static void test_all_one(void **state) {
        struct tree *t = usual("one", "2");

        (void) state;
        assert_string_equal(compose_text(t, t, t, false),
                            "quadlet/shop-one.image=of one\nquadlet/shop@.container=of one\nrollout=service shop one plain|\nunits/shop.target=of one 2\n"
                            "units/shop.target.d/50-shop.conf=[Unit]|Upholds=shop@0.service|Upholds=shop@1.service|\nunits/shop@.service.d/10-ports.conf=2\n");
        assert_string_equal(find(&composed, "manifest"), stored_manifest(t).p);
        assert_string_equal(find(&composed, "revision"), "pyservice-revision 1\nruns bbbbbbbbbbbb\nwanted cccccccccccc\nfile ffffffffffff\n");
        assert_string_equal(find(&composed, "units/shop.target.d/90-rollout.conf"), "[Unit]\nUpholds=shop-rollout@cccccccccccc.service\n");
}

/* A new revision: its image comes beside the old one, its scale at once, its container later. */
static void test_new_revision(void **state) {
        struct tree *old = usual("old", "2"), *now = usual("new", "3");

        (void) state;
        assert_string_equal(compose_text(old, now, now, false),
                            "quadlet/shop-new.image=of new\nquadlet/shop-old.image=of old\nquadlet/shop@.container=of old\nrollout=service shop new plain|\n"
                            "units/shop.target=of new 3\nunits/shop.target.d/50-shop.conf=[Unit]|Upholds=shop@0.service|Upholds=shop@1.service|Upholds=shop@2.service|\nunits/shop@.service.d/10-ports.conf=3\n");
        assert_string_equal(find(&composed, "manifest"),
                            "pyservice-manifest 1\nfile revision - 0644 quadlet/shop-old.image\nfile revision shop 0644 quadlet/shop@.container\nfile plan - 0644 record\nfile scale - 0644 units/shop.target\n"
                            "file scale shop 0644 units/shop@.service.d/10-ports.conf\n");
}

/* What the record of a bundle says that is put together: containers of base, scale of the file, spares of target. */
static struct tree *recorded(const char *label, const char *scale, const char *others) {
        return tree_of(arena_printf(&f.arena, "revision shop quadlet/shop@.container of %s\n%s" RECORD "service shop %s %s no yes %s:1|",
                                    label, others, scale, label, label).p);
}

static const char *record_of(const struct tree *base, const struct tree *file, const struct tree *target, bool is_emptied) {
        (void) compose_text(base, file, target, is_emptied);
        return find(&composed, "record");
}

#define HEAD "pyservice-bundle 3\n"

static void test_record(void **state) {
        struct tree *old = recorded("old", "2", ""), *now = recorded("new", "3", "");

        (void) state;
        assert_string_equal(record_of(now, now, now, false), HEAD "part service shop 3 new no yes new:1\n");
        assert_string_equal(record_of(old, now, now, false), HEAD "part service shop 3 old no yes old:1\n");
        assert_string_equal(record_of(old, now, old, false), HEAD "part service shop 3 old no yes old:1\n");
        assert_string_equal(record_of(old, NULL, old, false), HEAD "part service shop 2 old no yes old:1\n");
        assert_string_equal(record_of(old, now, now, true), HEAD "part service shop 0 old no yes old:1\n");
        /* Nothing runs yet; the second one comes before the tasks. */
        assert_string_equal(record_of(NULL, now, now, false), HEAD "part service shop 0 new no yes new:1\n");
        assert_string_equal(record_of(NULL, recorded("new", "3", "plan - rollout early shop|\n"), recorded("new", "3", "plan - rollout early shop|\n"), false),
                            HEAD "part service shop 3 new no yes new:1\n");
        assert_string_equal(find(&composed, "manifest"), "pyservice-manifest 1\nfile plan - 0644 record\n");
}

/* What only one of them has: what is gone from the file runs until the new revision is accepted, what is new waits for that, and
 * tasks are those of the new one. */
static void test_record_of_parts(void **state) {
        struct tree *old = recorded("old", "2", ""), *now = recorded("new", "3", "");

        (void) state;
        tree_lines(old, "revision shop-a quadlet/shop-a.container a\n");
        tree_lines(now, "revision shop-b quadlet/shop-b.container b\n");
        VEC_EACH(file, &old->files)
                if (str_is(file->path, "record"))
                        file->text = STR(HEAD "part sidecar shop-a 1 a no no a:1\npart task shop-t 0 t1 no no t:1\n");
        VEC_EACH(file, &now->files)
                if (str_is(file->path, "record"))
                        file->text = STR(HEAD "part sidecar shop-b 1 b no no b:1\npart task shop-t 0 t2 no no t:2\n");
        fixture_facts(old);
        fixture_facts(now);
        assert_string_equal(record_of(old, now, now, false), HEAD "part sidecar shop-a 1 a no no a:1\npart sidecar shop-b 0 b no no b:1\n"
                            "part task shop-t 0 t2 no no t:2\n");
}

/* It failed: the accepted one, with the scale of the file. */
static void test_back(void **state) {
        struct tree *old = usual("old", "2"), *now = usual("new", "3");

        (void) state;
        assert_string_equal(compose_text(old, now, old, false),
                            "quadlet/shop-old.image=of old\nquadlet/shop@.container=of old\nrollout=service shop old plain|\n"
                            "units/shop.target=of new 3\nunits/shop.target.d/50-shop.conf=[Unit]|Upholds=shop@0.service|Upholds=shop@1.service|Upholds=shop@2.service|\nunits/shop@.service.d/10-ports.conf=3\n");
        assert_string_equal(find(&composed, "manifest"),
                            "pyservice-manifest 1\nfile revision - 0644 quadlet/shop-old.image\nfile revision shop 0644 quadlet/shop@.container\nfile plan - 0644 record\nfile plan - 0644 rollout\nfile scale - 0644 units/shop.target\n"
                            "file scale shop 0644 units/shop@.service.d/10-ports.conf\n");
}

static void test_broken_file(void **state) {
        struct tree *old = usual("old", "2");

        (void) state;
        assert_string_equal(compose_text(old, NULL, old, false),
                            "quadlet/shop-old.image=of old\nquadlet/shop@.container=of old\nrollout=service shop old plain|\nunits/shop.target=of old 2\n"
                            "units/shop.target.d/50-shop.conf=[Unit]|Upholds=shop@0.service|Upholds=shop@1.service|\nunits/shop@.service.d/10-ports.conf=2\n");
}

/* What starts before the tasks is upheld before anything is accepted, unless a revision of it is upheld already. */
static void test_early(void **state) {
        struct tree *old = usual("old", "2"), *now;

        (void) state;
        now = tree_of("revision shop quadlet/shop@.container of new\n" RECORD "service shop 3 new no no -|part sidecar shop-db 1 db no no -|\n"
                      "plan - rollout early shop-db|task shop-move.service|service shop new plain|\n"
                      "revision shop-db quadlet/shop-db.container db\n"
                      "scale shop-move units/shop-move.service.d/10-services.conf order\n");
        (void) compose_text(NULL, now, now, false);
        assert_string_equal(find(&composed, "units/shop.target.d/50-shop-db.conf"), UPHELD_DB);
        assert_string_equal(find(&composed, "units/shop-move.service.d/10-services.conf"), "order");
        assert_string_equal(find(&composed, "units/shop.target.d/50-shop.conf"), "(none)");
        assert_string_equal(find(&composed, "manifest"), "pyservice-manifest 1\nfile plan - 0644 record\n");

        (void) compose_text(old, now, now, false);
        assert_string_equal(find(&composed, "units/shop.target.d/50-shop-db.conf"), UPHELD_DB);

        tree_lines(old, "revision shop-db quadlet/shop-db.container old\n");
        add_row(old, "part sidecar shop-db 1 old yes no -");
        (void) compose_text(old, NULL, now, false);
        assert_string_equal(find(&composed, "units/shop.target.d/50-shop-db.conf"), "[Unit]\nUpholds=shop-db-once.target\n");
        assert_string_equal(find(&composed, "quadlet/shop-db.container"), "old");
}

/* Services come and go with acceptance. */
static void test_other_services(void **state) {
        struct tree *old = usual("old", "2"), *now = usual("new", "2");

        (void) state;
        tree_lines(old, "revision shop-gone quadlet/shop-gone@.container x\n"
                   "scale - ports shop 0 1|shop-gone 0 2|\n" /* as an earlier pyservice wrote it */);
        tree_lines(now, "revision shop-come quadlet/shop-come@.container y\n"
                   "scale - ports pyservice-ports 1|port shop 0 1|port shop-come 0 3|\n");
        add_row(old, "part service shop-gone 1 x no no -");
        add_row(now, "part service shop-come 1 y no no -");
        (void) compose_text(old, now, now, false);
        assert_string_equal(find(&composed, "quadlet/shop-gone@.container"), "x");
        assert_string_equal(find(&composed, "units/shop.target.d/50-shop-gone.conf"), "[Unit]\nUpholds=shop-gone@0.service\n");
        assert_string_equal(find(&composed, "quadlet/shop-come@.container"), "y");
        assert_string_equal(find(&composed, "units/shop.target.d/50-shop-come.conf"), "(none)");
        assert_string_equal(find(&composed, "ports"), "pyservice-ports 1\nport shop 0 1\nport shop-come 0 3\nport shop-gone 0 2\n");
}

/* Before the first start only what its tasks need. */
static void test_nothing_runs(void **state) {
        struct tree *now = usual("new", "2");

        (void) state;
        tree_lines(now, "task shop-migrate quadlet/shop-migrate.container m\n");
        compose(&f.arena, &(struct composition) { .app = STR("shop"), .target = { STR("cccccccccccc"), now }, .file = { NOTHING, now } }, &composed);
        assert_string_equal(find(&composed, "revision"), "pyservice-revision 1\nwanted cccccccccccc\n");
        assert_string_equal(find(&composed, "manifest"), "pyservice-manifest 1\nfile plan - 0644 record\nfile scale - 0644 units/shop.target\n");
        assert_string_equal(find(&composed, "quadlet/shop-migrate.container"), "m");
        assert_string_equal(find(&composed, "units/shop.target.d/50-shop.conf"), "(none)");
        assert_string_equal(find(&composed, "wanted/quadlet/shop@.container"), "of new");
        assert_string_equal(find(&composed, "wanted/manifest"), stored_manifest(now).p);
}

static void test_tasks(void **state) {
        struct tree *old = usual("old", "2"), *now = usual("new", "2");

        (void) state;
        tree_lines(old, "task shop-migrate quadlet/shop-migrate.container old\ntask shop-gone quadlet/shop-gone.container old\n"
                   "revision shop-was quadlet/shop-was.container sidecar\n");
        tree_lines(now, "task shop-migrate quadlet/shop-migrate.container new\ntask shop-was quadlet/shop-was.container task\n");
        (void) compose_text(old, now, now, false);
        assert_string_equal(find(&composed, "quadlet/shop-migrate.container"), "new");
        assert_string_equal(find(&composed, "quadlet/shop-gone.container"), "(none)");
        assert_string_equal(find(&composed, "quadlet/shop-was.container"), "sidecar");
}

static void add_haproxy(struct tree *t, const char *path, const char *front, const char *servers) {
        struct str rest = str_of(servers), server;

        tree_lines(t, arena_printf(&f.arena, "scale shop haproxy/%s %s %s\n", path, front, servers).p);
        add_row(t, arena_printf(&f.arena, "front shop %s", front).p);
        while (rest.n > 0 && str_split(&rest, '|', &server))
                add_row(t, arena_join(&f.arena, STR("server shop "), server).p);
}

struct reached {
        const char *name, *label, *path, *front, *servers;
        bool is_new;
};

#define SERVER "shop-0 127.0.0.1:1"

/* What HAProxy asks old instances must be what they know. */
static const struct reached reached[] = {
        { "reached: same", "new", "x.cfg", "f", SERVER, true },
        { "reached: more servers", "new", "x.cfg", "f", SERVER "|shop-1 127.0.0.1:2", true },
        { "reached: no server", "new", "x.cfg", "f", "", true },
        { "reached: another check", "new", "x.cfg", "g", SERVER, false },
        { "reached: another address", "new", "x.cfg", "f", "shop-0 shop-0:8000", false },
        { "reached: another file", "new", "y.cfg", "h", SERVER, false },
        { "reached: another check of the same instances", "old", "x.cfg", "g", "", true },
        { "reached: another file of the same instances", "old", "y.cfg", "h", SERVER, true },
};

static void test_reached(void **state) {
        const struct reached *row = *state;
        struct tree *old, *now;
        const char *expected;

        (void) set_up(NULL);
        old = usual("old", "1");
        now = usual(row->label, "2");
        add_haproxy(old, "x.cfg", "f", SERVER);
        add_haproxy(now, row->path, row->front, row->servers);
        (void) compose_text(old, now, now, false);
        expected = row->is_new ? find(now, arena_printf(&f.arena, "haproxy/%s", row->path).p) : find(old, "haproxy/x.cfg");
        assert_string_equal(find(&composed, row->is_new && strcmp(row->path, "y.cfg") == 0 ? "haproxy/y.cfg" : "haproxy/x.cfg"), expected);
        assert_string_equal(find(&composed, row->is_new ? "haproxy/z.cfg" : "haproxy/y.cfg"), "(none)");
        assert_string_equal(find(&composed, "units/shop.target.d/50-shop.conf"), UPHELD_2);
        (void) tear_down(NULL);
}

/* An instance of the old revision that crashes still needs its port. */
static void test_no_ports_more(void **state) {
        struct tree *old = usual("old", "1"), *now = tree_of("revision shop quadlet/shop@.container x\n" RECORD "service shop 0 new no no -|\nplan - rollout service shop new plain|\n");

        (void) state;
        (void) compose_text(old, now, now, false);
        assert_string_equal(find(&composed, "units/shop@.service.d/10-ports.conf"), "1");
        assert_string_equal(find(&composed, "units/shop.target.d/50-shop.conf"), "(none)");
}

static struct tree *spared(const char *label) {
        return tree_of(arena_printf(&f.arena,
                "revision shop quadlet/shop@.container of %s\n"
                "scale shop units/shop@next.service.d/50-next.conf of %s\n"
                "plan - rollout service shop %s spare|service shop-mail %s plain|\n", label, label, label, label).p);
}

static void test_spare(void **state) {
        struct tree *old = spared("old"), *now = spared("new");
        static const char drop_in[] = "[Unit]\nPartOf=shop-rollout@cccccccccccc.service\nAfter=shop-rollout@cccccccccccc.service\n";

        (void) state;
        (void) compose_text(old, now, now, false);
        assert_string_equal(find(&composed, "quadlet/shop@.container"), "of old");
        assert_string_equal(find(&composed, "quadlet/shop@next.container"), "of new");
        assert_string_equal(find(&composed, "units/shop@next.service.d/50-next.conf"), "of new");
        assert_string_equal(find(&composed, "units/shop@next.service.d/60-rollout.conf"), drop_in);
        assert_string_equal(find(&composed, "manifest"), "pyservice-manifest 1\nfile revision shop 0644 quadlet/shop@.container\n");

        /* After it was accepted it still runs, and goes with its rollout. */
        (void) compose_text(now, now, now, false);
        assert_string_equal(find(&composed, "quadlet/shop@next.container"), "(none)");
        assert_string_equal(find(&composed, "units/shop@next.service.d/60-rollout.conf"), drop_in);
        (void) compose_text(now, NULL, now, false);
        assert_string_equal(find(&composed, "units/shop@next.service.d/50-next.conf"), "of new");
        assert_string_equal(find(&composed, "manifest"), stored_manifest(now).p);
}

/* Strategy recreate: services stop, sidecars stay. */
static void test_emptied(void **state) {
        struct tree *old = usual("old", "2"), *now = usual("new", "2");

        (void) state;
        tree_lines(old, "revision shop-db quadlet/shop-db.container x\n");
        tree_lines(now, "revision shop-db quadlet/shop-db.container x\n");
        add_row(old, "part sidecar shop-db 1 x no no -");
        add_row(now, "part sidecar shop-db 1 x no no -");
        (void) compose_text(old, now, now, true);
        assert_string_equal(find(&composed, "units/shop.target.d/50-shop.conf"), "(none)");
        assert_string_equal(find(&composed, "units/shop.target.d/50-shop-db.conf"), UPHELD_DB);
}

static void test_choose(void **state) {
        struct state s = { 0 };
        struct revision target = { STR("a"), usual("a", "1") };

        (void) state;
        assert_true(str_is_absent(choose_target(&s, choose_wish(&s, NOTHING, true))));
        assert_true(str_is(choose_target(&s, choose_wish(&s, STR("a"), false)), "a"));
        assert_true(str_is(choose_base(&s, &target), "a"));
        tree_lines((struct tree *) (uintptr_t) target.tree, "plan - x x\n");
        target.tree = tree_of("plan - rollout strategy rolling|task shop-migrate.service|\n");
        assert_true(str_is_absent(choose_base(&s, &target)));

        s.accepted = STR("b");
        assert_true(str_is(choose_base(&s, &target), "b"));
        assert_true(str_is(choose_target(&s, STR("a")), "a"));
        assert_true(str_is(choose_target(&s, NOTHING), "b"));
        state_add_failure(&f.arena, &s, (struct state_failure) { STR("a"), STR("x"), 1 });
        assert_true(str_is(choose_target(&s, STR("a")), "b"));

        /* An undo holds until the file says something else. */
        s.pinned = STR("c");
        s.pinned_over = STR("a");
        assert_true(str_is(choose_wish(&s, STR("a"), false), "c"));
        assert_true(str_is(choose_wish(&s, STR("d"), false), "d"));
        assert_true(str_is(choose_wish(&s, STR("d"), true), "c"));
        s.pinned_over = NOTHING;
        assert_true(str_is(choose_wish(&s, STR("a"), false), "a"));
        assert_true(str_is(choose_wish(&s, NOTHING, true), "c"));
        state_add_failure(&f.arena, &s, (struct state_failure) { STR("c"), STR("x"), 1 });
        assert_true(str_is(choose_target(&s, STR("c")), "b"));
}

/* A run of the generator for the one app. */
static struct bundle *publish(const struct tree *file) {
        struct bundle_state s = { 0 };
        struct bundle *b;

        fixture_clear(&f);
        b = fixture_app(&f, "shop", true);
        b->app.at = b->at;
        s.error = state_read(&f.arena, f.publisher.state, STR("shop"), &s.state);
        bundle_choose(&f.publisher, b, file, &s);
        assert_int_equal(fixture_publish(&f), 0);
        return b;
}

static const char *published(const char *path) {
        const char *text = fixture_read(&f, fixture_join(&f, STR("run/apps/shop/"), str_of(path))).p;

        return text ? text : "(none)";
}

static void accept_tree(const struct tree *t, struct state *s) {
        s->accepted = stored_revision(t);
        assert_int_equal(stored_save(f.publisher.state, STR("shop"), s->accepted, t), 0);
        assert_int_equal(state_write(&f.arena, f.publisher.state, STR("shop"), s), 0);
}

static void assert_revision(const struct tree *runs, const struct tree *wanted, const struct tree *file) {
        assert_string_equal(published("revision"), fixture_join(&f, STR("pyservice-revision 1\nruns "), stored_revision(runs), STR("\nwanted "), stored_revision(wanted),
                                                                file ? STR("\nfile ") : STR(""), file ? stored_revision(file) : STR(""), STR("\n")));
}

static bool is_unkept(void) {
        bool is_there = faccessat(f.dir, "run/unkept/shop", F_OK, 0) >= 0;

        (void) unlinkat(f.dir, "run/unkept/shop", 0);
        return is_there;
}

/* From an edit to its acceptance. */
static void test_rollout(void **state) {
        struct tree *one = usual("one", "1"), *two = usual("two", "1");
        struct state s = { 0 };

        (void) state;
        (void) publish(one);
        assert_revision(one, one, one);
        assert_false(is_unkept());
        accept_tree(one, &s);
        (void) publish(one);
        assert_int_equal(fixture_runs(&f), 1);

        (void) publish(two);
        assert_revision(one, two, two);
        assert_string_equal(published("quadlet/shop@.container"), "of one");
        assert_string_equal(published("wanted/quadlet/shop@.container"), "of two");
        assert_int_equal(f.ds.list.n, 0);

        accept_tree(two, &s);
        (void) publish(two);
        assert_revision(two, two, two);
        assert_string_equal(published("quadlet/shop@.container"), "of two");
        assert_string_equal(published("wanted/manifest"), "(none)");
}

static void test_failed(void **state) {
        struct tree *one = usual("one", "1"), *two = usual("two", "1");
        struct state s = { 0 };

        (void) state;
        state_add_failure(&f.arena, &s, (struct state_failure) { stored_revision(two), STR("it never answered"), 1 });
        accept_tree(one, &s);
        (void) publish(two);
        assert_revision(one, one, two);
        assert_int_equal(f.ds.list.n, 1);
        assert_int_equal(f.ds.list.at[0].id, DIAG_ROLLOUT_FAILED);
        assert_non_null(strstr(f.ds.list.at[0].text.p, " was tried and failed: it never answered; "));
        assert_non_null(strstr(fixture_alive(&f), "Upholds=shop.target\nUpholds=pyservice-config@shop.path\n"));
}

/* The file breaks while services are stopped for strategy recreate: they come back all the same. */
static void test_emptied_and_broken(void **state) {
        struct tree *one = usual("one", "2"), *two = usual("two", "2");
        struct state s = { 0 };

        (void) state;
        accept_tree(one, &s);
        (void) publish(two);
        s.emptied = stored_revision(two);
        assert_int_equal(state_write(&f.arena, f.publisher.state, STR("shop"), &s), 0);
        (void) publish(two);
        assert_string_equal(published("units/shop.target.d/50-shop.conf"), "(none)");
        assert_true(str_has_suffix(str_of(published("revision")), STR("\nemptied\n")));
        (void) publish(NULL);
        assert_string_equal(published("units/shop.target.d/50-shop.conf"), "(none)");
        s.emptied = NOTHING;
        accept_tree(two, &s);
        (void) publish(NULL);
        assert_revision(two, two, NULL);
        assert_string_equal(published("units/shop.target.d/50-shop.conf"), UPHELD_2);
}

/* What is accepted already comes back with strategy recreate, after another one failed, whatever the file says by then. */
static void test_emptied_to_go_back(void **state) {
        struct tree *one = usual("one", "2"), *two = usual("two", "2");
        const struct tree *const files[] = { two, one, NULL };
        struct state s = { 0 };

        (void) state;
        state_add_failure(&f.arena, &s, (struct state_failure) { stored_revision(two), STR("it never answered"), 1 });
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                s.emptied = NOTHING;
                accept_tree(one, &s);
                (void) publish(files[i]);
                assert_string_equal(published("units/shop.target.d/50-shop.conf"), UPHELD_2);
                s.emptied = stored_revision(one);
                accept_tree(one, &s);
                (void) publish(files[i]);
                assert_string_equal(published("units/shop.target.d/50-shop.conf"), "(none)");
                assert_string_equal(published("quadlet/shop@.container"), "of one");
                assert_true(str_has_suffix(str_of(published("revision")), STR("\nemptied\n")));
                s.emptied = NOTHING;
                accept_tree(one, &s);
                (void) publish(files[i]);
                assert_revision(one, one, files[i]);
                assert_string_equal(published("units/shop.target.d/50-shop.conf"), UPHELD_2);
        }
}

/* What is kept is what acts at once, and only when it changed. */
static void test_unkept(void **state) {
        struct state s = { 0 };

        (void) state;
        accept_tree(usual("one", "1"), &s);
        (void) publish(usual("one", "1"));
        assert_true(is_unkept());
        (void) publish(usual("one", "1"));
        assert_false(is_unkept());
        (void) publish(usual("two", "1"));
        assert_true(is_unkept());               /* the target's text */
        (void) publish(usual("two", "2"));
        assert_true(is_unkept());
        (void) publish(usual("two", "2"));
        assert_false(is_unkept());
}

/* An error in the file stops nothing, whatever is under way. */
static void test_broken(void **state) {
        struct tree *one = usual("one", "1"), *two = usual("two", "3");
        struct state s = { 0 };

        (void) state;
        assert_int_equal(publish(NULL)->choice, BUNDLE_NONE);
        accept_tree(one, &s);
        assert_int_equal(publish(NULL)->choice, BUNDLE_WANTED);         /* the machine was started with it */
        assert_revision(one, one, NULL);
        assert_string_equal(published("units/shop.target.d/50-shop.conf"), UPHELD_1);

        (void) publish(two);
        assert_int_equal(publish(NULL)->choice, BUNDLE_PUBLISHED);
        assert_revision(one, two, two);

        /* The rollout goes on. */
        accept_tree(two, &s);
        assert_int_equal(publish(NULL)->choice, BUNDLE_WANTED);
        assert_revision(two, two, NULL);

        /* An undo works, and leaves the scale. */
        s.pinned = stored_revision(one);
        assert_int_equal(state_write(&f.arena, f.publisher.state, STR("shop"), &s), 0);
        (void) publish(NULL);
        assert_revision(two, one, NULL);
        assert_string_equal(published("units/shop.target.d/50-shop.conf"), UPHELD_3);
        assert_string_equal(published("wanted/manifest"), "(none)");
        assert_int_equal(f.ds.list.n, 0);
}

/* It failed while the file was broken. */
static void test_broken_and_failed(void **state) {
        struct tree *one = usual("one", "1"), *two = usual("two", "3");
        struct state s = { 0 };

        (void) state;
        accept_tree(one, &s);
        (void) publish(two);
        state_add_failure(&f.arena, &s, (struct state_failure) { stored_revision(two), STR("no"), 1 });
        assert_int_equal(state_write(&f.arena, f.publisher.state, STR("shop"), &s), 0);
        (void) publish(NULL);
        assert_revision(one, one, NULL);
        assert_string_equal(published("units/shop.target.d/50-shop.conf"), UPHELD_3);
}

static void test_undo(void **state) {
        struct tree *one = usual("one", "1"), *two = usual("two", "1"), *three = usual("three", "1");
        struct state s = { 0 };

        (void) state;
        accept_tree(one, &s);
        s.pinned = stored_revision(one);
        s.pinned_over = stored_revision(two);
        accept_tree(two, &s);
        (void) publish(two);
        assert_revision(two, one, two);
        assert_string_equal(published("rollout"), "service shop one plain\n");
        (void) publish(three);
        assert_revision(two, three, three);
}

static void spoil(const char *path, const char *text) {
        int r = fs_replace(f.publisher.state, path, 0600, str_of(text));

        assert_int_equal(r, 0);
}

/* What can't be read loses no app. */
static void test_spoilt_state(void **state) {
        struct tree *one = usual("one", "1"), *two = usual("two", "1");
        struct state s = { 0 };

        (void) state;
        accept_tree(one, &s);
        spoil("shop/state", "nonsense\n");
        assert_int_equal(publish(NULL)->choice, BUNDLE_NONE);
        assert_int_equal(publish(one)->choice, BUNDLE_WANTED);
        assert_revision(one, one, one);
        assert_int_equal(publish(two)->choice, BUNDLE_PUBLISHED);
        assert_revision(one, one, one);
        assert_int_equal(f.ds.list.n, 1);
        assert_int_equal(f.ds.list.at[0].id, DIAG_BAD_STATE);
        assert_non_null(strstr(f.ds.list.at[0].text.p, "'/var/lib/pyservice/shop/state' cannot be used: it is damaged"));
}

static void test_missing_bundle(void **state) {
        struct tree *one = usual("one", "1"), *two = usual("two", "1"), *three = usual("three", "1");
        struct state s = { 0 };

        (void) state;
        accept_tree(one, &s);
        (void) publish(one);
        assert_int_equal(fs_remove_tree(f.publisher.state, "shop/bundles"), 0);

        /* It is still to be had from what is published. */
        (void) publish(two);
        assert_int_equal(f.ds.list.n, 0);
        assert_revision(one, two, two);
        (void) publish(three);
        assert_revision(one, three, three);
        assert_string_equal(published("quadlet/shop@.container"), "of one");

        /* But not after a reboot. */
        assert_int_equal(fs_remove_tree(f.dir, "run/apps"), 0);
        (void) publish(three);
        assert_revision(three, three, three);
        assert_int_equal(f.ds.list.at[0].id, DIAG_BAD_STATE);
}

/* Quadlet refuses what the file says, and nothing is published: the accepted one runs. */
static void test_refused(void **state) {
        struct tree *one = usual("one", "1"), *two = usual("two", "1");
        struct state s = { 0 };

        (void) state;
        tree_lines(two, "revision - quadlet/bad.image Bogus=1\n");
        accept_tree(one, &s);
        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(publish(two)->choice, i == 0 ? BUNDLE_WANTED : BUNDLE_PUBLISHED);
                assert_revision(one, one, NULL);
                assert_int_equal(f.ds.list.n, 1);
                assert_int_equal(f.ds.list.at[0].id, DIAG_QUADLET_REFUSED);
                assert_non_null(strstr(fixture_alive(&f), "Upholds=shop.target\n"));
        }
}

/* The spare's unit goes out of use and comes back. While it may still run it is an instance of the template, which then says the
 * same, and bound to its rollout; and it can stop where its service is gone. */
static void test_spare_units(void **state) {
        struct tree *one = spared("one"), *two = spared("two"), *three = spared("three");
        const char *unit, *drop_in;
        struct state s = { 0 };

        (void) state;
        accept_tree(one, &s);
        (void) publish(two);
        accept_tree(two, &s);
        (void) publish(two);
        assert_null(fixture_read(&f, fixture_join(&f, f.out, STR("/shop@next.service"))).p);
        unit = fixture_read(&f, fixture_join(&f, f.out, STR("/shop@.service"))).p;
        assert_non_null(strstr(unit, "of two"));
        drop_in = fixture_read(&f, fixture_join(&f, f.out, STR("/shop@next.service.d/60-rollout.conf"))).p;
        assert_non_null(strstr(drop_in, stored_revision(two).p));

        (void) publish(three);
        unit = fixture_read(&f, fixture_join(&f, f.out, STR("/shop@next.service"))).p;
        assert_non_null(strstr(unit, "of three"));

        s.accepted = NOTHING;
        assert_int_equal(state_write(&f.arena, f.publisher.state, STR("shop"), &s), 0);
        (void) publish(tree_of("scale - units/shop.target x\nplan - rollout strategy rolling|\n"));
        assert_non_null(strstr(published("stamp"), "retired/shop@.service\n"));
        assert_non_null(strstr(published("stamp"), "retired/shop@next.service\n"));
        assert_non_null(strstr(published("stamp"), "retired/shop@next.service.d/60-rollout.conf\n"));
}

static void add(struct rows *rows, const char *name, CMUnitTestFunction function) {
        rows->tests[rows->n++] = (struct CMUnitTest) { name, function, set_up, tear_down, NULL };
}

int main(int argc, char **argv) {
        static struct rows rows;

        if (fixture_is_quadlet(argc, argv))
                return 1;

        (void) umask(0022);
        add(&rows, "all one", test_all_one);
        add(&rows, "new revision", test_new_revision);
        add(&rows, "record", test_record);
        add(&rows, "record of parts", test_record_of_parts);
        add(&rows, "back", test_back);
        add(&rows, "broken file", test_broken_file);
        add(&rows, "early parts", test_early);
        add(&rows, "other services", test_other_services);
        add(&rows, "nothing runs", test_nothing_runs);
        add(&rows, "tasks", test_tasks);
        add(&rows, "no ports more", test_no_ports_more);
        add(&rows, "spare", test_spare);
        add(&rows, "emptied", test_emptied);
        add(&rows, "choose", test_choose);
        add(&rows, "rollout", test_rollout);
        add(&rows, "failed", test_failed);
        add(&rows, "emptied and broken", test_emptied_and_broken);
        add(&rows, "emptied to go back", test_emptied_to_go_back);
        add(&rows, "unkept", test_unkept);
        add(&rows, "broken", test_broken);
        add(&rows, "broken and failed", test_broken_and_failed);
        add(&rows, "undo", test_undo);
        add(&rows, "spoilt state", test_spoilt_state);
        add(&rows, "missing bundle", test_missing_bundle);
        add(&rows, "refused", test_refused);
        add(&rows, "spare units", test_spare_units);
        rows_add(&rows, test_reached, reached);
        return rows_run(&rows, "compose");
}
