/* SPDX-License-Identifier: Apache-2.0 */
#include <glob.h>

#include "publish/quadlet.h"
#include "publishing.h"

#define HEAD "# Units that pyservice-generator upholds.\n\n[Unit]\n"

static struct fixture f;

static int set_up(void **state) {
        (void) state;
        fixture_open(&f);
        return 0;
}

static int tear_down(void **state) {
        (void) state;
        fixture_close(&f);
        return 0;
}

static void assert_out(const char *expected) {
        assert_string_equal(fixture_list(&f, f.out.p, false), expected);
}

static void assert_alive(const char *expected) {
        assert_string_equal(fixture_alive(&f), expected);
}

/* The only diagnostic there is. */
static const struct diag *only_diag(enum diag_id id, const char *owner) {
        assert_int_equal(f.ds.list.n, 1);
        assert_int_equal(f.ds.list.at[0].id, id);
        if (owner)
                assert_true(str_is(f.ds.list.at[0].owner, owner));
        else
                assert_true(str_is_absent(f.ds.list.at[0].owner));
        return &f.ds.list.at[0];
}

static void test_first(void **state) {
        (void) state;
        (void) fixture_usual(&f, "shop", "[Container]\nImage=a\n", "[Unit]\n");
        assert_int_equal(fixture_publish(&f), 0);
        assert_int_equal(f.ds.list.n, 0);
        assert_string_equal(fixture_list(&f, "run", false),
                            "alive.conf\n"
                            "apps/shop/env/shop.env\n"
                            "apps/shop/quadlet/shop@.container\n"
                            "apps/shop/stamp\n"
                            "apps/shop/units/shop.target\n"
                            "apps/shop/units/shop@.service\n"
                            "apps/shop/units/shop@.service.d/10-ports.conf\n");
        assert_out("pyservice.target.d/50-pyservice.conf\nshop.target\nshop@.service\nshop@.service.d/10-ports.conf\n");
        assert_alive(HEAD "Upholds=shop.target\n");
}

/* systemd would want a reload for ever if it looked for the file that Quadlet read. */
static void test_source_path(void **state) {
        (void) state;
        (void) fixture_usual(&f, "shop", "SourcePath=/etc/x\n[Container]\nImage=a\n", "[Unit]\n");
        assert_int_equal(fixture_publish(&f), 0);
        assert_string_equal(fixture_read(&f, "run/apps/shop/units/shop@.service").p,
                            "# Made\n[Unit]\nSourcePath=/etc/x\n[Container]\nImage=a\n");
}

static void test_values_are_not_readable(void **state) {
        struct stat st;

        (void) state;
        (void) fixture_usual(&f, "shop", "[Container]\n", "[Unit]\n");
        assert_int_equal(fixture_publish(&f), 0);
        assert_int_equal(fstatat(f.dir, "run/apps/shop/env/shop.env", &st, 0), 0);
        assert_int_equal(st.st_mode & 0777u, 0600);
}

/* Neither Quadlet runs nor is anything written. */
static void test_unchanged(void **state) {
        struct stat before, after;

        (void) state;
        (void) fixture_usual(&f, "shop", "[Container]\n", "[Unit]\n");
        assert_int_equal(fixture_publish(&f), 0);
        assert_int_equal(fstatat(f.dir, "run/apps/shop", &before, 0), 0);

        fixture_clear(&f);
        (void) fixture_usual(&f, "shop", "[Container]\n", "[Unit]\n");
        assert_int_equal(fixture_publish(&f), 0);
        assert_int_equal(fstatat(f.dir, "run/apps/shop", &after, 0), 0);
        assert_int_equal(before.st_ino, after.st_ino);
        assert_int_equal(fixture_runs(&f), 1);
        assert_out("pyservice.target.d/50-pyservice.conf\nshop.target\nshop@.service\nshop@.service.d/10-ports.conf\n");
}

/* A change of scale is nothing to Quadlet. */
static void test_scale(void **state) {
        (void) state;
        (void) fixture_usual(&f, "shop", "[Container]\n", "[Unit]\n");
        assert_int_equal(fixture_publish(&f), 0);
        fixture_clear(&f);
        (void) fixture_usual(&f, "shop", "[Container]\n", "[Unit]\nUpholds=shop@1.service\n");
        assert_int_equal(fixture_publish(&f), 0);
        assert_int_equal(fixture_runs(&f), 1);
        assert_string_equal(fixture_read(&f, fixture_join(&f, f.out, STR("/shop.target"))).p,
                            "[Unit]\nUpholds=shop@1.service\n");
        assert_string_equal(fixture_read(&f, fixture_join(&f, f.out, STR("/shop@.service"))).p,
                            "# Made\n[Unit]\n[Container]\n");
}

/* Only what changed is given to it, all in one run. */
static void test_one_run(void **state) {
        (void) state;
        for (unsigned i = 0; i < 20; i++)
                (void) fixture_usual(&f, arena_printf(&f.arena, "app-%02u", i).p, "[Container]\n", "[Unit]\n");
        assert_int_equal(fixture_publish(&f), 0);
        assert_int_equal(fixture_runs(&f), 1);
        assert_int_equal(f.ds.list.n, 0);
}

static void test_refused(void **state) {
        struct origin origins[] = { { STR("Image"), { 0, 0, 5 } }, { STR("Bogus"), { 0, 7, 4 } } };
        const struct diag *d;
        struct bundle *b;

        (void) state;
        b = fixture_usual(&f, "shop", "[Container]\nBogus=1\n", "[Unit]\n");
        tree_sort(&b->tree);
        for (size_t i = 0; i < b->tree.files.n; i++)
                if (str_has_prefix(b->tree.files.at[i].path, STR("quadlet/"))) {
                        b->tree.files.at[i].origins = origins;
                        b->tree.files.at[i].n_origins = 2;
                }
        (void) fixture_usual(&f, "tea", "[Container]\n", "[Unit]\n");
        assert_int_equal(fixture_publish(&f), 0);
        assert_int_equal(fixture_runs(&f), 1);

        d = only_diag(DIAG_QUADLET_REFUSED, "shop");
        assert_string_equal(d->text.p, "Podman's Quadlet rejects 'shop@.container': unsupported key 'Bogus' in group 'Container'");
        assert_int_equal(d->at.off, 7);
        assert_int_equal(f.bundles[0].choice, BUNDLE_NONE);
        assert_int_equal(f.bundles[1].choice, BUNDLE_WANTED);
        assert_out("pyservice.target.d/50-pyservice.conf\ntea.target\ntea@.service\ntea@.service.d/10-ports.conf\n");
        assert_alive(HEAD "Upholds=tea.target\nUpholds=pyservice-config@shop.path\n");
        assert_non_null(strstr(fixture_read(&f, "run/errors/shop").p, "shop.yaml:1:8: error: Podman's Quadlet rejects"));
}

/* What ran goes on running. */
static void test_refused_later(void **state) {
        (void) state;
        (void) fixture_usual(&f, "shop", "[Container]\n", "[Unit]\n");
        assert_int_equal(fixture_publish(&f), 0);
        fixture_clear(&f);
        (void) fixture_usual(&f, "shop", "[Container]\nSilent=1\n", "[Unit]\nUpholds=new\n");
        assert_int_equal(fixture_publish(&f), 0);

        assert_string_equal(only_diag(DIAG_QUADLET_REFUSED, "shop")->text.p,
                            "Podman's Quadlet failed: it ended with exit code 1");
        assert_int_equal(f.bundles[0].choice, BUNDLE_PUBLISHED);
        assert_string_equal(fixture_read(&f, fixture_join(&f, f.out, STR("/shop.target"))).p, "[Unit]\n");
        assert_alive(HEAD "Upholds=shop.target\nUpholds=pyservice-config@shop.path\n");
}

static void test_errors_go_away(void **state) {
        struct stat st;

        (void) state;
        (void) fixture_usual(&f, "shop", "[Container]\nBogus=1\n", "[Unit]\n");
        assert_int_equal(fixture_publish(&f), 0);
        assert_int_equal(fstatat(f.dir, "run/errors/shop", &st, 0), 0);
        assert_int_equal(st.st_mode & 0777u, 0600);
        fixture_clear(&f);
        (void) fixture_usual(&f, "shop", "[Container]\n", "[Unit]\n");
        assert_int_equal(fixture_publish(&f), 0);
        assert_int_equal(fstatat(f.dir, "run/errors/shop", &st, 0), -1);
        assert_alive(HEAD "Upholds=shop.target\n");
}

static void test_errors_of_nobody(void **state) {
        (void) state;
        (void) diag_add(&f.ds, DIAG_BAD_FILE_NAME, NOWHERE, "'Shop.yaml' is no name");
        assert_int_equal(fixture_publish(&f), 0);
        assert_alive(HEAD "Upholds=pyservice-config@HOST.path\n");
        assert_string_equal(fixture_read(&f, "run/errors/HOST").p, "error: 'Shop.yaml' is no name [bad-file-name]\n");
}

static void test_warnings_are_no_errors(void **state) {
        (void) state;
        (void) fixture_usual(&f, "shop", "[Container]\nWarn=1\n", "[Unit]\n");
        f.ds.owner = STR("shop");
        (void) diag_add(&f.ds, DIAG_READABLE_SECRET, NOWHERE, "readable");
        assert_int_equal(fixture_publish(&f), 0);
        assert_alive(HEAD "Upholds=shop.target\n");
}

struct spoiler {
        const char *name, *line, *message;
        size_t runs_max;
};

/* One file that Quadlet can't bear must not take the other apps along. */
static const struct spoiler spoilers[] = {
        { "spoiler: syntax", "!\n", "Podman's Quadlet rejects 'app-07@.container': file contains line 1: “!” which is not a key-value pair, group, or comment", 12 },
        { "spoiler: crash", "Crash=1\n", "Podman's Quadlet failed: it was ended by signal 9", 12 },
        { "spoiler: key", "Bogus=1\n", "Podman's Quadlet rejects 'app-07@.container': unsupported key 'Bogus' in group 'Container'", 1 },
        { "spoiler: silence", "Silent=1\n", "Podman's Quadlet rejects 'app-07@.container': it generated no unit, and reported no reason", 1 },
};

static void test_spoiler(void **state) {
        const struct spoiler *s = *state;

        fixture_open(&f);
        for (unsigned i = 0; i < 20; i++)
                (void) fixture_usual(&f, arena_printf(&f.arena, "app-%02u", i).p, i == 7 ? s->line : "[Container]\n", "[Unit]\n");
        assert_int_equal(fixture_publish(&f), 0);
        assert_true(fixture_runs(&f) <= s->runs_max);
        assert_string_equal(only_diag(DIAG_QUADLET_REFUSED, "app-07")->text.p, s->message);
        for (unsigned i = 0; i < 20; i++)
                assert_int_equal(f.bundles[i].choice, i == 7 ? BUNDLE_NONE : BUNDLE_WANTED);
        fixture_close(&f);
}

/* An application whose Quadlet run is too slow is not refused because of another one's syntax. */
static void test_slow_beside_refused(void **state) {
        (void) state;
        (void) fixture_usual(&f, "bad", "!\n", "[Unit]\n");
        (void) fixture_usual(&f, "slow", "[Container]\nSlow=1\n", "[Unit]\n");
        assert_int_equal(fixture_publish(&f), 0);
        assert_non_null(only_diag(DIAG_QUADLET_REFUSED, "bad"));
        assert_int_equal(f.bundles[1].choice, BUNDLE_WANTED);
}

static void test_without_quadlet(void **state) {
        (void) state;
        (void) fixture_usual(&f, "shop", "[Container]\n", "[Unit]\n");
        assert_int_equal(fixture_publish(&f), 0);
        fixture_clear(&f);
        (void) fixture_usual(&f, "shop", "[Container]\nImage=new\n", "[Unit]\n");
        (void) fixture_usual(&f, "tea", "[Container]\n", "[Unit]\n");
        f.publisher.quadlet = "/nonexistent/quadlet";
        f.ds.owner = STR("tea");        /* the last one of which something was said */
        assert_int_equal(fixture_publish(&f), 0);

        (void) only_diag(DIAG_QUADLET_REFUSED, NULL);
        assert_int_equal(f.bundles[0].choice, BUNDLE_PUBLISHED);
        assert_int_equal(f.bundles[1].choice, BUNDLE_NONE);
        assert_alive(HEAD "Upholds=shop.target\nUpholds=pyservice-config@HOST.path\n");
        assert_out("pyservice.target.d/50-pyservice.conf\nshop.target\nshop@.service\nshop@.service.d/10-ports.conf\n");
}

/* A definition that does not decode. */
static void test_broken(void **state) {
        (void) state;
        (void) fixture_usual(&f, "shop", "[Container]\n", "[Unit]\n");
        assert_int_equal(fixture_publish(&f), 0);
        fixture_clear(&f);
        assert_int_equal(fixture_app(&f, "shop", false)->choice, BUNDLE_PUBLISHED);
        assert_int_equal(fixture_app(&f, "tea", false)->choice, BUNDLE_NONE);
        assert_int_equal(fixture_publish(&f), 0);
        assert_alive(HEAD "Upholds=shop.target\n");
        assert_out("pyservice.target.d/50-pyservice.conf\nshop.target\nshop@.service\nshop@.service.d/10-ports.conf\n");
}

/* A unit that is gone stays loaded, with its drop-ins; a drop-in of one that is there does not. */
static void test_retired(void **state) {
        struct bundle *b;

        (void) state;
        b = fixture_usual(&f, "shop", "[Container]\n", "[Unit]\n");
        (void) fixture_file(&f, b, "quadlet/shop-mail@.container", "[Container]\n");
        (void) fixture_file(&f, b, "units/shop-mail@.service.d/10-ports.conf", "[Service]\n");
        (void) fixture_file(&f, b, "units/shop@.service.d/20-more.conf", "[Service]\n");
        (void) fixture_file(&f, b, "units/shop@3.service.d/20-more.conf", "[Service]\n");
        assert_int_equal(fixture_publish(&f), 0);

        for (unsigned i = 0; i < 2; i++) {
                fixture_clear(&f);
                (void) fixture_usual(&f, "shop", i == 0 ? "[Container]\n" : "[Container]\nImage=b\n", "[Unit]\n");
                assert_int_equal(fixture_publish(&f), 0);
                assert_out("pyservice.target.d/50-pyservice.conf\n"
                           "shop-mail@.service\nshop-mail@.service.d/10-ports.conf\n"
                           "shop.target\nshop@.service\nshop@.service.d/10-ports.conf\n");
                assert_non_null(strstr(fixture_read(&f, "run/apps/shop/stamp").p, "retired/shop-mail@.service.d/10-ports.conf\n"));
        }

        fixture_clear(&f);
        b = fixture_usual(&f, "shop", "[Container]\n", "[Unit]\n");
        (void) fixture_file(&f, b, "quadlet/shop-mail@.container", "[Container]\nImage=c\n");
        assert_int_equal(fixture_publish(&f), 0);
        assert_null(strstr(fixture_read(&f, "run/apps/shop/stamp").p, "retired/"));
        assert_string_equal(fixture_read(&f, fixture_join(&f, f.out, STR("/shop-mail@.service"))).p,
                            "# Made\n[Unit]\n[Container]\nImage=c\n");
}

/* Without a definition an app is linked, so that it can stop, but not upheld; it comes back with its definition. */
static void test_removed_app(void **state) {
        (void) state;
        (void) fixture_usual(&f, "shop", "[Container]\n", "[Unit]\n");
        assert_int_equal(fixture_publish(&f), 0);
        fixture_clear(&f);
        assert_int_equal(fixture_publish(&f), 0);
        assert_out("pyservice.target.d/50-pyservice.conf\nshop.target\nshop@.service\nshop@.service.d/10-ports.conf\n"
                   "shop@.service.d/90-gone.conf\n");
        assert_alive("# Units that pyservice-generator upholds.\n");

        (void) fixture_usual(&f, "shop", "[Container]\n", "[Unit]\n");
        assert_int_equal(fixture_publish(&f), 0);
        assert_alive(HEAD "Upholds=shop.target\n");
        assert_int_equal(fixture_runs(&f), 1);
}

/* A living app has its units before one that is gone. */
static void test_name_moves(void **state) {
        struct bundle *b;

        (void) state;
        b = fixture_usual(&f, "a", "[Container]\n", "[Unit]\n");
        (void) fixture_file(&f, b, "units/shared.service", "of a\n");
        (void) fixture_file(&f, b, "units/shared.service.d/10-of-a.conf", "of a\n");
        assert_int_equal(fixture_publish(&f), 0);
        fixture_clear(&f);
        b = fixture_usual(&f, "b", "[Container]\n", "[Unit]\n");
        (void) fixture_file(&f, b, "units/shared.service", "of b\n");
        (void) fixture_file(&f, b, "units/shared.service.d/10-of-b.conf", "of b\n");
        assert_int_equal(fixture_publish(&f), 0);
        assert_string_equal(fixture_read(&f, fixture_join(&f, f.out, STR("/shared.service"))).p, "of b\n");

        /* And nothing of the other's is laid over it, not even where the generator died in between. */
        for (unsigned i = 0; i < 2; i++) {
                assert_out("a.target\na@.service\na@.service.d/10-ports.conf\na@.service.d/90-gone.conf\nb.target\nb@.service\nb@.service.d/10-ports.conf\n"
                           "pyservice.target.d/50-pyservice.conf\nshared.service\nshared.service.d/10-of-b.conf\n");
                assert_int_equal(unlinkat(f.publisher.output, "shared.service.d/10-of-b.conf", 0), 0);
                assert_int_equal(publish_existing(&f.publisher), 0);
        }
}

static void add_proxied(const char *text) {
        struct bundle *b = fixture_usual(&f, "shop", "[Container]\n", "[Unit]\n");

        (void) fixture_file(&f, b, "haproxy/run/pyservice/haproxy/10-shop.cfg", text);
}

static void test_proxy(void **state) {
        const char *first, *second, *third;

        (void) state;
        add_proxied("backend shop\n");
        assert_int_equal(fixture_publish(&f), 0);
        first = fixture_alive(&f);
        assert_non_null(strstr(first, "Upholds=pyservice-proxy@"));
        assert_string_equal(fixture_read(&f, "run/proxy").p, "shop\n");

        fixture_clear(&f);
        add_proxied("backend shop\n");
        assert_int_equal(fixture_publish(&f), 0);
        assert_string_equal(fixture_alive(&f), first);

        fixture_clear(&f);
        add_proxied("backend shop # changed\n");
        assert_int_equal(fixture_publish(&f), 0);
        second = fixture_alive(&f);
        assert_string_not_equal(second, first);

        /* Its files must go, so a unit must run. */
        fixture_clear(&f);
        assert_int_equal(fixture_publish(&f), 0);
        third = fixture_alive(&f);
        assert_non_null(strstr(third, ".timer\n"));
        assert_string_not_equal(third, second);
        assert_string_equal(fixture_read(&f, "run/proxy").p, "");
}

/* The machine's HAProxy is not the user's. */
static void test_proxy_of_user(void **state) {
        (void) state;
        f.publisher.is_user = true;
        add_proxied("backend shop\n");
        assert_int_equal(fixture_publish(&f), 0);
        assert_alive(HEAD "Upholds=shop.target\n");
}

static void test_existing(void **state) {
        const char *before;

        (void) state;
        (void) fixture_usual(&f, "gone", "[Container]\n", "[Unit]\n");
        assert_int_equal(fixture_publish(&f), 0);
        fixture_clear(&f);
        (void) fixture_usual(&f, "shop", "[Container]\n", "[Unit]\n");
        assert_int_equal(fixture_publish(&f), 0);
        before = fixture_list(&f, f.out.p, true);

        fixture_new_output(&f);
        assert_int_equal(publish_existing(&f.publisher), 0);
        assert_string_equal(fixture_list(&f, f.out.p, true), before);
}

static void test_existing_of_nothing(void **state) {
        (void) state;
        fixture_new_output(&f);
        assert_int_equal(publish_existing(&f.publisher), 0);
        assert_out("");
}

/* What a run that was killed left behind. */
static void test_leftovers(void **state) {
        (void) state;
        assert_int_equal(fs_make_dirs(f.dir, "run/.staging/shop/units", false), 0);
        assert_int_equal(fs_make_dirs(f.dir, "run/.staging/.in-0", false), 0);
        assert_int_equal(fs_write(f.dir, "run/.staging/.in-0/other.container", 0644, STR("!\n")), 0);
        (void) fixture_usual(&f, "shop", "[Container]\n", "[Unit]\n");
        assert_int_equal(fixture_publish(&f), 0);
        assert_int_equal(f.ds.list.n, 0);
        assert_int_equal(faccessat(f.dir, "run/.staging", F_OK, 0), -1);
}

/* A generator directory on another file system: links by name. */
static void test_other_file_system(void **state) {
        char path[] = "/tmp/pyservice-test-XXXXXX", target[PATH_MAX];
        struct stat here, there;
        ssize_t n;

        (void) state;
        if (!mkdtemp(path))
                skip();

        close_fd(&f.publisher.output);
        f.publisher.output = fs_open_dir(AT_FDCWD, path);
        (void) fixture_usual(&f, "shop", "[Container]\n", "[Unit]\n");
        tree_sort(&f.bundles[0].tree);
        assert_int_equal(publish_all(&f.publisher, f.bundles, f.n), 0);

        assert_int_equal(fstat(f.dir, &here), 0);
        assert_int_equal(fstat(f.publisher.output, &there), 0);
        n = readlinkat(f.publisher.output, "shop@.service.d/10-ports.conf", target, sizeof(target));
        assert_int_equal(fs_remove_tree(AT_FDCWD, path), 0);
        if (here.st_dev == there.st_dev)
                skip();
        assert_true(n > 0);
        assert_true(str_is((struct str) { target, (size_t) n },
                           fixture_join(&f, str_of(f.path), STR("/run/apps/shop/units/shop@.service.d/10-ports.conf"))));
}

enum { ENOUGH_MSEC = 200000 };

static bool is_user;

/* A shell script for Quadlet. A busy machine may take seconds to start it: only a test of a late run has a short limit. */
static void run_script(const char *script, unsigned timeout_msec, struct quadlet_result *ret) {
        struct quadlet_job job = { .timeout_msec = timeout_msec, .is_user = is_user };
        struct quadlet_run run;
        struct str path = arena_join(&f.arena, str_of(f.path), STR("/script"));

        (void) unlinkat(f.dir, "script", 0);
        assert_int_equal(fs_write(f.dir, "script", 0755, arena_join(&f.arena, STR("#!/bin/sh\n"), str_of(script))), 0);
        job.program = path.p;
        job.input = job.output = str_of(f.path);
        assert_int_equal(quadlet_start(&job, &run), 0);
        assert_int_equal(quadlet_finish(&f.arena, &run, ret), 0);
}

struct ending {
        const char *name, *script;
        bool is_late, is_orderly;
        const char *messages;
};

static const struct ending endings[] = {
        { "ending: good", "exit 0\n", false, true, "" },
        { "ending: refusal", "echo no >&2; exit 1\n", false, true, "no\n" },
        { "ending: odd exit code", "exit 2\n", false, false, "" },
        { "ending: signal", "kill -9 $$\n", false, false, "" },
        { "ending: sleeps", "echo well >&2; sleep 60\n", true, false, NULL },
        { "ending: leaves a child that sleeps", "sleep 60 &\n", true, false, NULL },
        { "ending: sleeps without a word", "exec 2>&-; sleep 60\n", true, false, "" },
        { "ending: ignores signals", "trap '' TERM INT HUP; sleep 60; sleep 60\n", true, false, NULL },
        { "ending: arguments", "[ \"$1\" = -no-kmsg-log ] && [ \"$2\" = \"$QUADLET_UNIT_DIRS\" ] && [ \"$4\" = \"$2\" ] && [ $# = 4 ] || exit 3\n",
          false, true, "" },
        { "ending: environment", "[ -z \"$LEAKED\" ] || exit 3\n", false, true, "" },
};

static void test_ending(void **state) {
        const struct ending *e = *state;
        struct quadlet_result result;

        fixture_open(&f);
        assert_int_equal(setenv("LEAKED", "1", 1), 0);
        run_script(e->script, e->is_late ? 2000 : ENOUGH_MSEC, &result);
        assert_int_equal(result.is_late, e->is_late);
        assert_int_equal(quadlet_is_orderly(&result), e->is_orderly);
        if (e->messages)
                assert_true(str_is(result.messages, e->messages));
        fixture_close(&f);
}

/* A user's Quadlet looks into a few variables. */
static void test_user(void **state) {
        struct quadlet_result result;

        (void) state;
        assert_int_equal(setenv("XDG_RUNTIME_DIR", "/run/user/5", 1), 0);
        is_user = true;
        run_script("[ \"$2\" = -user ] && [ \"$XDG_RUNTIME_DIR\" = /run/user/5 ] || exit 3\n", ENOUGH_MSEC, &result);
        is_user = false;
        assert_true(quadlet_is_orderly(&result));
        run_script("[ \"$2\" != -user ] && [ -z \"$XDG_RUNTIME_DIR\" ] || exit 3\n", ENOUGH_MSEC, &result);
        assert_true(quadlet_is_orderly(&result));
}

/* Much more than a pipe holds, and more than is kept. */
static void test_many_messages(void **state) {
        struct quadlet_result result;

        (void) state;
        run_script("i=0; while [ $i -lt 1200 ]; do echo \"$i 0123456789 0123456789 0123456789 0123456789 0123456789\"; "
                   "i=$((i+1)); done >&2; exit 1\n", ENOUGH_MSEC, &result);
        assert_true(quadlet_is_orderly(&result));
        assert_true(result.messages.n <= QUADLET_MESSAGES_MAX);
}

/* Podman's own, where there is one that runs here. */
static bool find_quadlet(char *path) {
        static const char *const patterns[] = {
                "/usr/lib/systemd/system-generators/podman-system-generator", "/usr/libexec/podman/quadlet",
                "/var/cache/pyservice-lab/*/usr/libexec/podman/quadlet",
        };
        bool is_found = false;
        glob_t found;

        for (size_t i = 0; i < ARRAY_SIZE(patterns) && !is_found; i++) {
                if (glob(patterns[i], 0, NULL, &found) != 0)
                        continue;

                (void) snprintf(path, PATH_MAX, "%s", found.gl_pathv[0]);
                is_found = access(path, X_OK) == 0;
                globfree(&found);
        }

        return is_found;
}

static void test_real_quadlet(void **state) {
        static char path[PATH_MAX];
        struct bundle *b;
        struct str unit;

        (void) state;
        if (!find_quadlet(path))
                skip();

        f.publisher.quadlet = path;
        b = fixture_usual(&f, "shop", "[Unit]\nSourcePath=/etc/x\n[Container]\nImage=localhost/x:1\n", "[Unit]\n");
        (void) fixture_file(&f, b, "quadlet/shop.image", "[Image]\nImage=localhost/x:1\n");
        (void) fixture_file(&f, b, "quadlet/shop.network", "[Network]\nSubnet=10.1.0.0/24\n");
        (void) fixture_file(&f, b, "quadlet/shop-db.volume", "[Volume]\n");
        (void) fixture_file(&f, b, "quadlet/shop-job.container", "[Container]\nImage=shop.image\n");
        (void) fixture_usual(&f, "tea", "[Container]\nImage=localhost/x:1\nBogus=1\n", "[Unit]\n");
        assert_int_equal(fixture_publish(&f), 0);

        assert_out("pyservice.target.d/50-pyservice.conf\nshop-db-volume.service\nshop-image.service\nshop-job.service\n"
                   "shop-network.service\nshop.target\nshop@.service\nshop@.service.d/10-ports.conf\n");
        unit = fixture_read(&f, fixture_join(&f, f.out, STR("/shop@.service")));
        assert_non_null(strstr(unit.p, "\nSourcePath=/etc/x\n"));
        assert_null(strstr(unit.p, ".staging"));
        assert_non_null(strstr(unit.p, "\nExecStart="));
        assert_string_equal(only_diag(DIAG_QUADLET_REFUSED, "tea")->text.p,
                            "Podman's Quadlet rejects 'tea@.container': unsupported key 'Bogus' in group 'Container'");
}

/* It refuses a whole directory for one line. */
static void test_real_quadlet_syntax(void **state) {
        static char path[PATH_MAX];

        (void) state;
        if (!find_quadlet(path))
                skip();

        f.publisher.quadlet = path;
        for (unsigned i = 0; i < 20; i++)
                (void) fixture_usual(&f, arena_printf(&f.arena, "app-%02u", i).p,
                                     i == 7 ? "nonsense\n" : "[Container]\nImage=localhost/x:1\n", "[Unit]\n");
        assert_int_equal(fixture_publish(&f), 0);
        assert_non_null(strstr(only_diag(DIAG_QUADLET_REFUSED, "app-07")->text.p, "nonsense"));
        for (unsigned i = 0; i < 20; i++)
                assert_int_equal(f.bundles[i].choice, i == 7 ? BUNDLE_NONE : BUNDLE_WANTED);
}

#define ONE(test) \
        ((rows)->tests[(rows)->n++] = (struct CMUnitTest) cmocka_unit_test_setup_teardown(test, set_up, tear_down))

static void add_tests(struct rows *rows) {
        ONE(test_first);
        ONE(test_source_path);
        ONE(test_values_are_not_readable);
        ONE(test_unchanged);
        ONE(test_scale);
        ONE(test_one_run);
        ONE(test_refused);
        ONE(test_refused_later);
        ONE(test_errors_go_away);
        ONE(test_errors_of_nobody);
        ONE(test_warnings_are_no_errors);
        ONE(test_slow_beside_refused);
        ONE(test_without_quadlet);
        ONE(test_broken);
        ONE(test_retired);
        ONE(test_removed_app);
        ONE(test_name_moves);
        ONE(test_proxy);
        ONE(test_proxy_of_user);
        ONE(test_existing);
        ONE(test_existing_of_nothing);
        ONE(test_leftovers);
        ONE(test_other_file_system);
        ONE(test_many_messages);
        ONE(test_user);
        ONE(test_real_quadlet);
        ONE(test_real_quadlet_syntax);
}

int main(int argc, char **argv) {
        static struct rows rows;

        if (fixture_is_quadlet(argc, argv))
                return 1;

        add_tests(&rows);
        rows_add(&rows, test_spoiler, spoilers);
        rows_add(&rows, test_ending, endings);
        return rows_run(&rows, "publish");
}
