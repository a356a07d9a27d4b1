/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A machine in a temporary directory: bundles to publish, a generator directory for each run, and a Quadlet.
 *
 * That Quadlet is the test program itself, when it is run as one (fixture_is_quadlet() at the head of main()). It copies files to
 * units, tells of keys as the real one does, and does what a file tells it to:
 *
 *     Bogus=…    an unknown key: that unit is not made          Silent=…   the same without a word
 *     !          no line of a unit: the whole directory is refused
 *     Crash=…    it crashes before it made that one             Warn=…     it makes the unit and warns */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "bundle/plan.h"
#include "bundle/record.h"
#include "publish/bundle.h"
#include "rows.h"

enum { FIXTURE_APPS_MAX = 64 };

struct fixture {
        struct arena arena;
        struct sources sources;
        struct diags ds;
        struct publisher publisher;
        struct bundle bundles[FIXTURE_APPS_MAX];
        size_t n;
        char path[64], quadlet[PATH_MAX];
        int dir;
        struct str out;                 /* name of the last generator directory */
        unsigned n_outs;
};

static inline struct str fixture_read(struct fixture *f, const char *name) {
        struct str text = { 0 };

        return fs_read(&f->arena, f->dir, name, 1 << 20, &text) < 0 ? (struct str) { 0 } : text;
}

/* Is there a line "KEY=" in it? */
static inline bool fixture_has(struct str text, const char *key) {
        return str_find_str(text, str_of(key)) < text.n;
}

/* One file of the input. 1 where it was not to its liking, and said so. */
static inline int fixture_convert(struct arena *a, int in, int out, const char *dir, struct str name) {
        static const char *const suffixes[][2] = {
                { ".container", ".service" }, { ".image", "-image.service" }, { ".network", "-network.service" },
        };
        struct str text = { 0 }, unit = { 0 };

        if (fs_read(a, in, name.p, 1 << 20, &text) < 0)
                _exit(9);
        for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
                if (str_has_suffix(name, str_of(suffixes[i][0])))
                        unit = arena_join(a, (struct str) { name.p, name.n - strlen(suffixes[i][0]) }, str_of(suffixes[i][1]));

        if (fixture_has(text, "Slow="))
                (void) sleep(4);
        if (fixture_has(text, "Crash="))
                (void) raise(SIGKILL);
        if (fixture_has(text, "Warn="))
                (void) fprintf(stderr, "quadlet-generator[1]: Warning: %s specifies the image \"x\" which is short\n", name.p);
        if (fixture_has(text, "Silent="))
                return 1;
        if (fixture_has(text, "Bogus=")) {
                (void) fprintf(stderr, "converting \"%s\": unsupported key 'Bogus' in group 'Container' in %s/%s\n",
                               name.p, dir, name.p);
                return 1;
        }

        text = arena_join(a, STR("# Made\n[Unit]\nSourcePath="), str_of(dir), STR("/"), name, STR("\n"), text);
        return fs_write(out, unit.p, 0644, text) < 0;
}

/* Counts its runs in the file "runs", three directories above its input. */
static inline int fixture_is_quadlet(int argc, char **argv) {
        const char *dir = getenv("QUADLET_UNIT_DIRS");
        struct arena arena = { 0 };
        struct fs_names names;
        int in, out, runs, failed = 0;

        if (argc < 5 || strcmp(argv[1], "-no-kmsg-log") != 0 || !dir)
                return 0;

        in = fs_open_dir(AT_FDCWD, dir);
        out = fs_open_dir(AT_FDCWD, argv[argc - 1]);
        runs = openat(in, "../../../runs", O_WRONLY | O_CREAT | O_APPEND, 0644);
        if (in < 0 || out < 0 || write(runs, "x", 1) != 1 || fs_list(&arena, in, ".", &names) < 0)
                _exit(9);

        VEC_EACH(name, &names.list) {
                struct str text = { 0 };

                if (fs_read(&arena, in, name->p, 1 << 20, &text) >= 0 && text.n > 0 && text.p[0] != '!')
                        continue;
                (void) fprintf(stderr, "quadlet-generator[1]: error loading \"%s/%s\", file contains line 1: “!” which is "
                               "not a key-value pair, group, or comment\n", dir, name->p);
                _exit(1);
        }
        VEC_EACH(name, &names.list)
                failed |= fixture_convert(&arena, in, out, dir, *name);

        _exit(failed);
}

/* How often Quadlet ran so far. */
static inline size_t fixture_runs(struct fixture *f) {
        return fixture_read(f, "runs").n;
}

static inline void fixture_open(struct fixture *f) {
        struct publisher *p = &f->publisher;
        ssize_t n;

        /* A tmpfs like /run, where there is one. */
        *f = (struct fixture) { .path = "/dev/shm/pyservice-test-XXXXXX" };
        if (!mkdtemp(f->path)) {
                (void) snprintf(f->path, sizeof(f->path), "/tmp/pyservice-test-XXXXXX");
                assert_non_null(mkdtemp(f->path));
        }
        f->dir = fs_open_dir(AT_FDCWD, f->path);
        assert_true(f->dir >= 0);
        assert_int_equal(mkdirat(f->dir, "run", 0755), 0);
        n = readlink("/proc/self/exe", f->quadlet, sizeof(f->quadlet) - 1);
        assert_true(n > 0);

        f->ds = (struct diags) { .arena = &f->arena, .sources = &f->sources };
        *p = (struct publisher) { .arena = &f->arena, .ds = &f->ds, .state = -1, .output = -1, .quadlet = f->quadlet };
        p->runtime = fs_open_dir(f->dir, "run");
        p->runtime_path = arena_join(&f->arena, str_of(f->path), STR("/run"));
        assert_true(p->runtime >= 0);
}

static inline void fixture_close(struct fixture *f) {
        close_fd(&f->publisher.runtime);
        close_fd(&f->publisher.output);
        close_fd(&f->dir);
        assert_int_equal(fs_remove_tree(AT_FDCWD, f->path), 0);
        arena_done(&f->arena);
}

/* Forgets the definitions, but not what is published. */
static inline void fixture_clear(struct fixture *f) {
        f->n = 0;
        f->sources = (struct sources) { 0 };
        f->ds = (struct diags) { .arena = &f->arena, .sources = &f->sources };
}

/* A definition without files; `wanted`: it decoded. Its only line is "image: NAME". */
static inline struct bundle *fixture_app(struct fixture *f, const char *name, bool is_wanted) {
        struct bundle *b = &f->bundles[f->n++];
        struct str text = arena_join(&f->arena, STR("image: "), str_of(name), STR("\n"));
        struct str path = arena_join(&f->arena, STR("/etc/pyservice.d/"), str_of(name), STR(".yaml"));
        uint32_t file = source_add(&f->arena, &f->sources, path, text);

        assert_true(f->n <= FIXTURE_APPS_MAX);
        *b = (struct bundle) { .app.text = str_of(name), .at = { file, 0, (uint32_t) text.n - 1 }, .tree.arena = &f->arena };
        b->choice = is_wanted ? BUNDLE_WANTED : bundle_is_published(&f->publisher, b->app) ? BUNDLE_PUBLISHED : BUNDLE_NONE;
        return b;
}

static inline struct tree_file *fixture_file(struct fixture *f, struct bundle *b, const char *path, const char *text) {
        return tree_add(&b->tree, arena_str(&f->arena, str_of(path)), 0644, arena_str(&f->arena, str_of(text)));
}

/* A usual app: a template from `container`, a target and a drop-in with `scale`, a file with values. */
static inline struct bundle *fixture_usual(struct fixture *f, const char *name, const char *container, const char *scale) {
        struct bundle *b = fixture_app(f, name, true);
        struct str app = str_of(name);

        (void) fixture_file(f, b, arena_join(&f->arena, STR("quadlet/"), app, STR("@.container")).p, container);
        (void) fixture_file(f, b, arena_join(&f->arena, STR("units/"), app, STR(".target")).p, scale);
        (void) fixture_file(f, b, arena_join(&f->arena, STR("units/"), app, STR("@.service.d/10-ports.conf")).p, scale);
        fixture_file(f, b, arena_join(&f->arena, STR("env/"), app, STR(".env")).p, "SECRET=x\n")->is_private = true;
        return b;
}

/* A run into a new generator directory, as systemd gives one. */
static inline void fixture_new_output(struct fixture *f) {
        f->out = arena_printf(&f->arena, "out-%u", f->n_outs++);
        assert_int_equal(mkdirat(f->dir, f->out.p, 0755), 0);
        close_fd(&f->publisher.output);
        f->publisher.output = fs_open_dir(f->dir, f->out.p);
        assert_true(f->publisher.output >= 0);
}

static inline int fixture_publish(struct fixture *f) {
        fixture_new_output(f);
        for (size_t i = 0; i < f->n; i++)
                tree_sort(&f->bundles[i].tree);
        return publish_all(&f->publisher, f->bundles, f->n);
}

static inline void fixture_walk(struct fixture *f, struct buf *out, struct str path, bool has_texts) {
        struct fs_names names = { 0 };
        struct str text;
        struct stat st;

        assert_int_equal(fs_list(&f->arena, f->dir, path.p, &names), 0);
        VEC_EACH(name, &names.list) {
                struct str below = arena_join(&f->arena, path, STR("/"), *name);

                assert_int_equal(fstatat(f->dir, below.p, &st, AT_SYMLINK_NOFOLLOW), 0);
                if (S_ISDIR(st.st_mode)) {
                        fixture_walk(f, out, below, has_texts);
                        continue;
                }
                text = fixture_read(f, below.p);
                buf_put_str(out, str_from(below, str_find(below, '/') + 1));
                if (has_texts)
                        buf_put_str(out, arena_printf(&f->arena, " %o\n%.*s", st.st_mode & 07777u, STR_ARG(text)));
                buf_put_char(out, '\n');
        }
}

/* All files below a directory, one a line; with `has_texts` also their modes and texts. */
static inline const char *fixture_list(struct fixture *f, const char *path, bool has_texts) {
        struct buf out = buf_in(&f->arena);

        fixture_walk(f, &out, str_of(path), has_texts);
        return buf_str(&out).p;
}

static inline const char *fixture_alive(struct fixture *f) {
        return fixture_read(f, arena_join(&f->arena, f->out, STR("/pyservice.target.d/50-pyservice.conf")).p).p;
}

#define fixture_join(f, ...) arena_join(&(f)->arena, __VA_ARGS__).p

/* What the files `record` and `rollout` of a tree hold, as the renderer and stored_read() leave it. */
static inline void fixture_facts(struct tree *t) {
        const struct tree_file *record = tree_find(t, STR("record")), *plan = tree_find(t, STR("rollout"));

        if (record) {
                t->record = arena_new(t->arena, struct record);
                assert_int_equal(record_parse(t->arena, record->text, t->record), 0);
        }
        if (plan) {
                t->plan = arena_new(t->arena, struct plan);
                assert_int_equal(plan_parse(t->arena, plan->text, t->plan), 0);
        }
}
