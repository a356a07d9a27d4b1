/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "hooks/environment.h"
#include "rows.h"

struct wish {
        const char *name;
        const char *argument;
        bool is_good;
};

static const struct wish wishes[] = {
        { "wish: a credential", "db=credential:app.db", true },
        { "wish: a file", "pem=file:/etc/sso.pem", true },
        { "wish: a file with an equals sign", "pem=file:/etc/a=b:c", true },
        { "wish: no equals sign", "db", false },
        { "wish: no kind", "db=app.db", false },
        { "wish: a ciphertext", "db=kms:/run/x.kms", true },
        { "wish: a ciphertext or its text", "db=kms-literal:/run/x.kms", true },
        { "wish: Podman's", "db=podman:app-db", true },
        { "wish: an unknown kind", "db=vault:AQIC", false },
        { "wish: a ciphertext that is no file", "db=kms:AQIC", false },
        { "wish: none of Podman's", "db=podman:", false },
        { "wish: no name", "=credential:x", false },
        { "wish: no credential", "db=credential:", false },
        { "wish: a relative path", "db=file:etc/x", false },
        { "wish: a name that leads out", "../db=credential:x", false },
        { "wish: a name like our own file", ".env=credential:x", false },
        { "wish: a credential that leads out", "db=credential:../x", false },
        { "wish: a hidden credential", "db=credential:..", false },
        { "wish: there already", "taken=credential:x", false },
        { "wish: a mode and an owner", "db:0400:999:4294967294=credential:x", true },
        { "wish: a mode and no owner", "db:0400=credential:x", false },
        { "wish: a mode that is none", "db:0800:0:0=credential:x", false },
        { "wish: an owner who means nobody", "db:0400:4294967295:0=credential:x", false },
        { "wish: more than an owner", "db:0400:0:0:0=credential:x", false },
};

static void test_wish(void **state) {
        const struct wish *row = *state;
        struct arena a = { 0 };
        struct environment e = { .arena = &a };

        assert_true(environment_wish(&e, STR("taken=file:/x")));
        assert_int_equal(environment_wish(&e, str_of(row->argument)), row->is_good);
        assert_int_equal(e.wishes.n, row->is_good ? 2 : 1);
        arena_done(&a);
}

/* Secrets of every kind are there: `db` as a credential of the unit, `plain` and `line` in a store, `pem`, `nul`, `empty` and `feed`
 * as files. None of them may be in a message. */
struct scene {
        const char *name;
        const char *wishes;             /* blank-separated */
        const char *template;
        int result;
        const char *variables;          /* content of .env; NULL for none */
        const char *problem;            /* part of the first one */
        const char *podman;             /* content of .env-podman; NULL for none */
};

#define LONG_SECRET 131100

static const struct scene scenes[] = {
        { "prepare: nothing", "", NULL, 0, NULL, NULL },
        { "prepare: the unit's credential", "db=credential:app.db", NULL, 0, NULL, NULL },
        { "prepare: a credential of the store", "plain=credential:app.plain", NULL, 0, NULL, NULL },
        { "prepare: a file", "pem=file:/etc/sso.pem", NULL, 0, NULL, NULL },
        { "prepare: a template without secrets", "", "A=1\n", 0, "A=\"1\"\n", NULL },
        { "prepare: an empty template", "db=credential:app.db", "", 0, "", NULL },
        { "prepare: one line feed is dropped", "line=credential:app.line", "A=%{line}\n", 0, "A=\"SECRET-line\n\"\n", NULL },
        { "prepare: composed", "db=credential:app.db pem=file:/etc/sso.pem", "URL=pg://u:%u{db}@h/d\nP=%{pem}%%\n", 0,
          "URL=\"pg://u:SECRET-%22db%22%2F@h/d\"\nP=\"SECRET-one\nSECRET-two%\"\n", NULL },
        { "prepare: a name that systemd ignores", "plain=credential:app.plain", "A=%{plain}\na.b-c=x %{plain} $y\n", 0,
          "A=\"SECRET-plain\"\n", NULL, "a.b-c=x SECRET-plain $y\n" },
        { "prepare: several lines for a name that systemd ignores", "pem=file:/etc/sso.pem", "a.b=%{pem}\n", 1, NULL,
          "cannot pass variable 'a.b': its value has several lines" },
        { "prepare: no such credential", "a=credential:app.none", NULL, 1, NULL,
          "secret 'a' is missing: the credential 'app.none' is neither in /etc/credstore.encrypted nor in /etc/credstore" },
        { "prepare: no such file", "a=file:/etc/none.pem", NULL, 1, NULL, "secret 'a' is missing: there is no file '/etc/none.pem'" },
        { "prepare: a directory", "a=file:/etc", NULL, 1, NULL, "this is not a readable file: '/etc'" },
        { "prepare: an empty file", "a=file:/etc/empty", NULL, 1, NULL, "secret 'a' is empty: the file '/etc/empty' has no content" },
        { "prepare: nothing but a line feed", "a=file:/etc/feed", NULL, 1, NULL, "secret 'a' is empty" },
        { "prepare: one good, one missing", "db=credential:app.db a=credential:app.none", "A=%{db}\n", 1, NULL, "secret 'a' is missing" },
        { "prepare: NUL in a file that is only mounted", "nul=file:/etc/nul", NULL, 0, NULL, NULL },
        { "prepare: NUL in a variable", "nul=file:/etc/nul", "A=%{nul}\n", 1, NULL, "cannot pass variable 'A': its value contains a NUL" },
        { "prepare: too long for a variable", "long=file:/etc/long", "A=%{long}\n", 1, NULL, "its value is longer than 128 KiB" },
        { "prepare: a secret that was not given", "db=credential:app.db", "A=%{other}\n", 1, NULL, "line 1 of the template names a secret" },
        { "prepare: a ciphertext", "k=kms:/etc/good.kms", "A=%{k}\n", 0, "A=\"SECRET-kms\"\n", NULL },
        { "prepare: a ciphertext that fails", "k=kms:/etc/bad.kms db=credential:app.db", "A=%{k}\n", 1, NULL, "cannot decrypt secret 'k': KMS said no" },
        { "prepare: a ciphertext that fails, literally", "k=kms-literal:/etc/bad.kms", "A=%{k}\n", 0, "A=\"AQICbad\"\n", NULL },
        { "prepare: a ciphertext that is taken literally", "k=kms-literal:/etc/good.kms", "A=%{k}\n", 0, "A=\"SECRET-kms\"\n", NULL },
        { "prepare: a text in clear", "k=kms-literal:/etc/clear.kms", "A=%{k}\n", 0, "A=\"SECRET in clear\"\n", NULL },
        { "prepare: a malformed template", "db=credential:app.db", "A=1\nA=%{db\n", 1, NULL, "line 2 of the template is malformed" },
        { "prepare: a template without a name", "db=credential:app.db", "=x\n", 1, NULL, "line 1 of the template is malformed" },
};

struct place {
        char path[32];
        int dir;
        struct arena arena;
        struct environment e;
};

static void put(struct place *p, const char *name, struct str text) {
        assert_int_equal(fs_make_dirs(p->dir, name, true), 0);
        assert_int_equal(fs_write(p->dir, name, 0600, text), 0);
}

static void place_open(struct place *p) {
        char *longest = NULL;

        *p = (struct place) { .path = "/tmp/pyservice-test-XXXXXX" };
        assert_non_null(mkdtemp(p->path));
        p->dir = fs_open_dir(AT_FDCWD, p->path);
        assert_true(p->dir >= 0);
        put(p, "credentials/app.db", STR("SECRET-\"db\"/"));
        put(p, "etc/credstore/app.plain", STR("SECRET-plain"));
        put(p, "etc/credstore/app.line", STR("SECRET-line\n\n"));
        put(p, "etc/sso.pem", STR("SECRET-one\nSECRET-two\n"));
        put(p, "etc/empty", STR(""));
        put(p, "etc/good.kms", STR("AQICgood\n"));
        put(p, "etc/bad.kms", STR("AQICbad\n"));
        put(p, "etc/clear.kms", STR("SECRET in clear\n"));
        put(p, "kms", STR("#!/bin/sh\nread -r text <\"$1\"\n[ \"$text\" = AQICgood ] && printf SECRET-kms && exit\necho 'first line' >&2\necho 'KMS said no' >&2\nexit 1\n"));
        assert_int_equal(fchmodat(p->dir, "kms", 0700, 0), 0);
        put(p, "etc/feed", STR("\n"));
        put(p, "etc/nul", STR("SECRET\0nul"));
        longest = arena_alloc(&p->arena, LONG_SECRET, 1);
        memset(longest, 'x', LONG_SECRET);
        put(p, "etc/long", (struct str) { longest, LONG_SECRET });

        assert_int_equal(fs_make_dirs(p->dir, "run", false), 0);
        p->e = (struct environment) { .arena = &p->arena, .directory = fs_open_dir(p->dir, "run"), .places.root = p->path };
        p->e.kms = arena_join(&p->arena, str_of(p->path), STR("/kms")).p;
        p->e.places.directory = arena_join(&p->arena, str_of(p->path), STR("/credentials")).p;
}

static void place_close(struct place *p) {
        close_fd(&p->e.directory);
        close_fd(&p->dir);
        assert_int_equal(fs_remove_tree(AT_FDCWD, p->path), 0);
        arena_done(&p->arena);
}

static void check_files(struct place *p, const struct scene *scene) {
        struct fs_names names;
        struct fs_file file;

        assert_int_equal(fs_list(&p->arena, p->e.directory, ".", &names), 0);
        assert_int_equal(names.list.n, scene->result == 0 ? p->e.wishes.n + (scene->variables != NULL) + (scene->podman != NULL) : 0);
        VEC_EACH(name, &names.list) {
                assert_int_equal(fs_read_file(&p->arena, p->e.directory, name->p, SIZE_MAX / 2, &file), 0);
                assert_int_equal(file.stat.st_mode & 07777, str_has_prefix(*name, STR(ENVIRONMENT_FILE)) ? 0600 : 0444);
                if (str_is(*name, ENVIRONMENT_FILE))
                        assert_string_equal(file.text.p, scene->variables);
                if (str_is(*name, ENVIRONMENT_PODMAN_FILE))
                        assert_string_equal(file.text.p, scene->podman);
        }
}

static void test_prepare(void **state) {
        const struct scene *scene = *state;
        struct str rest = str_of(scene->wishes), wish;
        struct place p;

        place_open(&p);
        while (str_split(&rest, ' ', &wish))
                if (wish.n > 0)
                        assert_true(environment_wish(&p.e, wish));

        assert_int_equal(environment_prepare(&p.e, str_of(scene->template)), scene->result);
        assert_int_equal(p.e.problems.n > 0, scene->problem != NULL);
        if (scene->problem && !strstr(p.e.problems.at[0].p, scene->problem))
                assert_string_equal(p.e.problems.at[0].p, scene->problem);
        VEC_EACH(problem, &p.e.problems)
                assert_null(strstr(problem->p, "SECRET"));
        check_files(&p, scene);
        place_close(&p);
}

/* The user is told of all that is missing, not of the first. */
static void test_all_problems(void **state) {
        struct place p;

        (void) state;
        place_open(&p);
        assert_true(environment_wish(&p.e, STR("a=credential:none")));
        assert_true(environment_wish(&p.e, STR("b=file:/none")));
        assert_true(environment_wish(&p.e, STR("c=file:/etc/empty")));
        assert_int_equal(environment_prepare(&p.e, (struct str) { 0 }), 1);
        assert_int_equal(p.e.problems.n, 3);
        place_close(&p);
}

/* What was read is wiped, whatever became of it. */
static void test_wiped(void **state) {
        struct place p;

        (void) state;
        place_open(&p);
        assert_true(environment_wish(&p.e, STR("pem=file:/etc/sso.pem")));
        assert_int_equal(environment_prepare(&p.e, STR("A=%{pem}\n")), 0);
        assert_int_equal(p.e.wishes.at[0].content.p[0], 0);
        place_close(&p);
}

/* A second start finds the files of the first. */
static void test_again(void **state) {
        struct place p;

        (void) state;
        place_open(&p);
        assert_true(environment_wish(&p.e, STR("pem=file:/etc/sso.pem")));
        assert_int_equal(environment_prepare(&p.e, STR("A=%{pem}\n")), 0);
        assert_int_equal(environment_prepare(&p.e, STR("A=%{pem}\n")), 0);
        place_close(&p);
}

static void test_user_advice(void **state) {
        struct credential_places places = { .root = "", .is_user = true };
        struct arena a = { 0 };

        (void) state;
        assert_non_null(strstr(credential_advice(&a, &places, STR("x")).p,
                               "systemd-creds --user encrypt --name=x - ~/.config/credstore.encrypted/x"));
        arena_done(&a);
}

int main(void) {
        static struct rows rows;

        rows_add(&rows, test_wish, wishes);
        rows_add(&rows, test_prepare, scenes);
        rows_add_one(&rows, test_all_problems);
        rows_add_one(&rows, test_wiped);
        rows_add_one(&rows, test_again);
        rows_add_one(&rows, test_user_advice);
        return rows_run(&rows, "environment");
}
