/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bundle/layout.h"
#include "publish/parts.h"
#include "publish/quadlet.h"

/* A directory that holds one file which Quadlet can't read is refused as a whole. Which file it is, is
 * found by halving: about 24 rounds for one of 4,096 apps. All generators together have 90 s: LATE_MAX rounds
 * take no more than 60 s of them. */
enum {
        TIMEOUT_MSEC = 30000,
        RETRY_TIMEOUT_MSEC = 15000,
        ROUNDS_MAX = 256,
        LATE_MAX = 3,
};

struct conversion {
        struct publishing *pub;
        struct job **jobs;
        size_t n;
        struct str input, output;      /* names below the staging directory */
        struct conversion_paths paths; /* the same, absolute */
        struct str source_line;        /* how the line begins that names a file of ours */
        struct quadlet_run run;
        bool is_running;
};

/* All files of a job into the one flat directory that Quadlet reads. */
static int link_input(struct publishing *pub, struct job *job, struct str input) {
        VEC_EACH(file, &job->bundle->tree.files) {
                struct path from, to;
                struct str name;

                if (!layout_is_quadlet(file->path, &name))
                        continue;
                if (linkat(pub->staging, path_join(&from, job->bundle->app.text, STR("/"), file->path),
                           pub->staging, path_join(&to, input, STR("/"), name), 0) >= 0)
                        continue;
                if (errno != EEXIST)
                        return -errno;

                give_up(pub, job, DIAG_UNIT_TAKEN, job->bundle->at,
                        arena_printf(pub->p->arena, "another app has a '%.*s' too; rename one of them",
                                     STR_ARG(name)));
                return 0;
        }

        return 0;
}

static int make_directories(struct conversion *c) {
        struct publishing *pub = c->pub;
        struct arena *a = pub->p->arena;

        /* Not the names of a run that was killed, whose Quadlet may still write there. */
        c->input = arena_printf(a, ".in-%d-%u", (int) getpid(), pub->n_rounds);
        c->output = arena_printf(a, ".out-%d-%u", (int) getpid(), pub->n_rounds);
        c->paths.input = arena_join(a, pub->staging_path, STR("/"), c->input);
        c->paths.output = arena_join(a, pub->staging_path, STR("/"), c->output);
        c->source_line = arena_join(a, STR("\nSourcePath="), c->paths.input, STR("/"));
        if (mkdirat(pub->staging, c->input.p, 0755) < 0 || mkdirat(pub->staging, c->output.p, 0755) < 0)
                return -errno;

        return 0;
}

static void fail_all(struct conversion *c, int error) {
        for (size_t i = 0; i < c->n; i++)
                publishing_fail(c->pub, c->jobs[i], error);
}

static int start(struct conversion *c) {
        const struct publisher *p = c->pub->p;
        struct quadlet_job job = { .program = p->quadlet, .is_user = p->is_user };
        int r = make_directories(c);

        if (r < 0)
                return r;

        for (size_t i = 0; i < c->n; i++) {
                r = link_input(c->pub, c->jobs[i], c->input);
                if (r < 0)
                        publishing_fail(c->pub, c->jobs[i], r);
        }

        job.input = c->paths.input;
        job.output = c->paths.output;
        job.timeout_msec = c->pub->n_rounds == 0 ? TIMEOUT_MSEC : RETRY_TIMEOUT_MSEC;
        c->pub->n_rounds++;
        return quadlet_start(&job, &c->run);
}

struct conversion *convert_start(struct publishing *pub) {
        struct conversion *c = arena_new(pub->p->arena, struct conversion);
        int r;

        c->pub = pub;
        c->jobs = arena_array(pub->p->arena, pub->n, struct job *);
        for (size_t i = 0; i < pub->n; i++)
                if (pub->jobs[i].needs_quadlet && !pub->jobs[i].is_given_up)
                        c->jobs[c->n++] = &pub->jobs[i];
        if (c->n == 0)
                return c;

        r = start(c);
        if (r < 0)
                fail_all(c, r);
        else
                c->is_running = true;
        return c;
}

/* Takes the bytes from `at` to `end` out of a file. */
static int cut(int fd, off_t at, off_t end) {
        char piece[16384];

        for (;;) {
                ssize_t n = pread(fd, piece, sizeof(piece), end), written;

                if (n < 0)
                        return -errno;
                if (n == 0)
                        return ftruncate(fd, at) < 0 ? -errno : 0;

                written = pwrite(fd, piece, (size_t) n, at);
                if (written < 0)
                        return -errno;
                at += written;
                end += written;
        }
}

/* Quadlet names the file that it read as the unit's source. That file is removed soon, and systemd requests a
 * reload, for ever, for a unit whose SourcePath= is missing. So this line is removed, and the one of our own
 * files (the definition) counts. */
static int drop_source_path(const struct conversion *c, const char *name) {
        CLEANUP(close_fd) int fd = openat(c->pub->staging, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        struct str head, line;
        char text[16384];
        ssize_t n;
        size_t at;

        if (fd < 0)
                return -errno;

        /* It stands in [Unit], which our files begin with. */
        n = pread(fd, text, sizeof(text), 0);
        if (n < 0)
                return -errno;

        head = (struct str){ text, (size_t) n };
        at = str_find_str(head, c->source_line);
        if (at == head.n)
                return 0;

        line = str_from(head, at + 1);
        return cut(fd, (off_t) at, (off_t) (at + 1 + str_find(line, '\n')));
}

/* Moves the unit of one file to its bundle. -ENOENT where Quadlet made none. */
static int move_unit(const struct conversion *c, const struct job *job, struct str unit) {
        struct path from, to;
        int r = drop_source_path(c, path_join(&from, c->output, STR("/"), unit));

        if (r < 0)
                return r;

        (void) path_join(&to, job->bundle->app.text, STR("/" LAYOUT_UNITS "/"), unit);
        return renameat(c->pub->staging, from.text, c->pub->staging, to.text) < 0 ? -errno : 0;
}

/* The units that a job got; a job that lacks some of its units is given up. */
static void collect(const struct conversion *c, struct job *job) {
        struct publishing *pub = c->pub;

        VEC_EACH(file, &job->bundle->tree.files) {
                struct str name, unit;
                int r;

                if (!layout_is_quadlet(file->path, &name))
                        continue;

                unit = stamp_unit_of(pub->p->arena, name);
                r = unit.n > 0 ? move_unit(c, job, unit) : -ENOENT;
                if (r == -ENOENT && !job->is_given_up)
                        refuse(pub, &(struct refusal){ job, name,
                                                       STR("it generated no unit, and reported no reason") });
                if (r < 0 && r != -ENOENT)
                        publishing_fail(pub, job, r);
        }
}

static bool is_any_made(const struct conversion *c) {
        struct fs_names names;

        return fs_list(c->pub->p->arena, c->pub->staging, c->output.p, &names) < 0 || names.list.n > 0;
}

/* The reason if Quadlet printed nothing about one file: how it ended, and its first message. */
static struct str explain(struct arena *a, const struct quadlet_result *result) {
        struct str line = { result->messages.p, str_find(result->messages, '\n') }, end;

        if (result->is_late)
                end = STR("it did not finish");
        else if (WIFSIGNALED(result->status))
                end = arena_printf(a, "it was ended by signal %d", WTERMSIG(result->status));
        else
                end = arena_printf(a, "it ended with exit code %d", WEXITSTATUS(result->status));

        return line.n > 0 ? arena_join(a, end, STR(": "), line) : end;
}

static void convert(struct publishing *pub, struct job **jobs, size_t n);

static void retry(struct conversion *c, const struct quadlet_result *result) {
        struct publishing *pub = c->pub;
        bool is_hopeless = pub->n_rounds >= ROUNDS_MAX || pub->n_late >= LATE_MAX;

        if (c->n > 1 && !is_hopeless) {
                convert(pub, c->jobs, c->n / 2);
                convert(pub, c->jobs + c->n / 2, c->n - c->n / 2);
                return;
        }

        for (size_t i = 0; i < c->n; i++) {
                refuse_named(pub, &c->jobs[i], 1, result->messages, &c->paths);
                if (!c->jobs[i]->is_given_up)
                        refuse(pub, &(struct refusal){ c->jobs[i], { 0 }, explain(pub->p->arena, result) });
        }
}

static void finish(struct conversion *c) {
        struct publishing *pub = c->pub;
        struct quadlet_result result;
        int r = quadlet_finish(pub->p->arena, &c->run, &result);

        if (r < 0) {
                fail_all(c, r);
                return;
        }

        pub->n_late += result.is_late;
        if (!quadlet_is_orderly(&result) || (result.status != 0 && !is_any_made(c))) {
                retry(c, &result);
                return;
        }

        refuse_named(pub, c->jobs, c->n, result.messages, &c->paths);
        for (size_t i = 0; i < c->n; i++)
                collect(c, c->jobs[i]);
}

static void convert(struct publishing *pub, struct job **jobs, size_t n) {
        struct conversion c = { .pub = pub, .jobs = jobs, .n = n };
        int r = start(&c);

        if (r < 0)
                fail_all(&c, r);
        else
                finish(&c);
}

void convert_finish(struct conversion *c) {
        if (c->is_running)
                finish(c);
}
