/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/generate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/ports.h"
#include "base/fs.h"
#include "base/log.h"
#include "config.h"
#include "render/render.h"

struct run {
        struct arena arena;
        struct sources sources;
        struct diags ds;
        struct world world;
        struct publisher publisher;
};

static int open_root(struct run *run, const struct generate *g) {
        int r;

        run->ds = (struct diags) { .arena = &run->arena, .sources = &run->sources };
        run->world = (struct world) { .arena = &run->arena, .ds = &run->ds, .sources = &run->sources, .root = -1 };
        run->publisher = (struct publisher) { .arena = &run->arena, .ds = &run->ds, .runtime = -1, .output = -1, .quadlet = QUADLET };
        if (g->home)
                places_user(&run->arena, str_of(g->home), str_of(g->user_runtime), &run->world.places);
        else
                places_system(&run->world.places);

        r = fs_open_dir(AT_FDCWD, g->root);
        if (r < 0)
                return r;
        run->world.root = r;

        r = fs_make_dirs(run->world.root, run->world.places.runtime.p + 1, false);
        if (r < 0)
                return r;

        r = fs_open_dir(run->world.root, run->world.places.runtime.p + 1);
        if (r < 0)
                return r;
        run->publisher.runtime = r;
        run->publisher.runtime_path = run->world.places.runtime;
        run->publisher.is_user = run->world.places.is_user;

        /* For tests: a Quadlet of their own, never on the real system. */
        if (strcmp(g->root, "/") != 0 && secure_getenv("PYSERVICE_QUADLET"))
                run->publisher.quadlet = secure_getenv("PYSERVICE_QUADLET");

        r = fs_open_dir(AT_FDCWD, g->output);
        if (r < 0)
                return r;
        run->publisher.output = r;
        return 0;
}

static void close_run(struct run *run) {
        close_fd(&run->world.root);
        close_fd(&run->publisher.runtime);
        close_fd(&run->publisher.output);
        arena_done(&run->arena);
}

/* HAProxy fails at boot when a directory that it is to read is missing. */
static int make_haproxy_directory(const struct run *run) {
        struct str directory = run->world.host.haproxy->directory.text;

        if (run->world.places.is_user || !str_has_prefix(directory, run->world.places.runtime))
                return 0;

        return fs_make_dirs(run->world.root, directory.p + 1, false);
}

static void render_definition(struct world *w, struct definition *d, const struct ports *ports, struct tree *ret) {
        size_t errors = w->ds->n_errors;

        w->ds->owner = d->name.text;
        render_app(w->arena, w, d->app, ports, ret);
        d->is_broken = w->ds->n_errors > errors;
}

/* Has it been published, with settings of the machine that are not to be had now? It stays as it is then: made of half
 * a host.yaml it would lose its network, and HAProxy its files. What was never published has nothing to lose. */
static bool is_held_back(const struct world *w, const struct publisher *p, const struct definition *d) {
        return w->is_host_broken && bundle_choose(p, d->name, false) == BUNDLE_PUBLISHED;
}

int generate_publish(struct world *w, struct publisher *p) {
        struct bundle *bundles = arena_array(w->arena, w->definitions.n + 1, struct bundle);
        struct ports ports = { 0 };
        size_t n = 0;
        int r = ports_assign(w, p->runtime, &ports);

        if (r < 0)
                return r;

        VEC_EACH(d, &w->definitions) {
                struct bundle *b = &bundles[n];

                if (str_is_absent(d->name.text))
                        continue;

                n++;
                b->app = d->name;
                b->at = d->root ? d->root->at : d->name.at;
                b->tree.arena = w->arena;
                if (d->app && !d->is_broken)
                        render_definition(w, d, &ports, &b->tree);
                b->choice = bundle_choose(p, d->name, d->app && !d->is_broken && !is_held_back(w, p, d));
        }

        return publish_all(p, bundles, n);
}

static void report(struct run *run) {
        struct buf text = buf_in(&run->arena);

        if (run->ds.list.n == 0)
                return;

        diag_sort(&run->ds);
        if (log_is_person()) {
                diag_print(&text, &run->ds, (struct str) { NULL, 0 }, log_is_colored(STDERR_FILENO) ? DIAG_COLOR : 0);
                (void) fwrite(text.p, 1, text.n, stderr);
                return;
        }

        diag_print(&text, &run->ds, (struct str) { NULL, 0 }, DIAG_BRIEF);
        log_kernel(run->ds.n_errors > 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, buf_str(&text));
}

static void report_failure(struct run *run, int r) {
        struct str text = arena_printf(&run->arena, "cannot generate units: %s", strerror(-r));

        if (log_is_person())
                (void) fprintf(stderr, "pyservice-generator: %s\n", text.p);
        else
                log_kernel(LOG_LEVEL_ERROR, text);
}

int generate_run(const struct generate *g) {
        CLEANUP(close_run) struct run run = { 0 };
        int r = open_root(&run, g);

        if (r >= 0)
                r = world_load(&run.world);
        if (r >= 0)
                r = make_haproxy_directory(&run);
        if (r >= 0)
                r = generate_publish(&run.world, &run.publisher);

        report(&run);
        if (r < 0) {
                report_failure(&run, r);
                return EXIT_SYSTEM;
        }

        return run.ds.n_errors > 0;
}

int generate_fallback(const struct generate *g) {
        CLEANUP(close_run) struct run run = { 0 };
        int r = open_root(&run, g);

        if (r < 0)
                return r;

        return publish_existing(&run.publisher);
}
