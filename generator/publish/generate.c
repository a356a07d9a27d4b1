/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/generate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/attempt.h"
#include "app/ports.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "bundle/layout.h"
#include "config.h"
#include "load/load.h"
#include "publish/left-volume.h"
#include "publish/parts.h"
#include "render/render.h"

struct run {
        struct arena arena;
        struct sources sources;
        struct diags ds;
        struct world world;
        struct publisher publisher;
};

/* A machine whose /var is mounted late, or on which nothing was ever accepted. */
static int open_state(struct run *run) {
        int r = fs_open_dir(run->world.root, run->world.places.state.p + 1);

        if (r < 0 && r != -ENOENT)
                return r;

        run->publisher.state = r == -ENOENT ? -1 : r;
        run->publisher.state_path = run->world.places.state;
        return 0;
}

static int open_root(struct run *run, const struct generate *g) {
        int r;

        run->ds = (struct diags){ .arena = &run->arena, .sources = &run->sources };
        run->world = (struct world){ .arena = &run->arena,
                                     .ds = &run->ds,
                                     .sources = &run->sources,
                                     .root = -1,
                                     .attempt = g->attempt };
        run->publisher = (struct publisher){ .arena = &run->arena,
                                             .ds = &run->ds,
                                             .runtime = -1,
                                             .state = -1,
                                             .output = -1,
                                             .quadlet = QUADLET };
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
        return open_state(run);
}

static void close_run(struct run *run) {
        close_fd(&run->world.root);
        close_fd(&run->publisher.runtime);
        close_fd(&run->publisher.state);
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

/* NULL if it is broken. */
static const struct tree *render_definition(struct world *w, struct definition *d,
                                            const struct ports *ports) {
        struct tree *tree = arena_new(w->arena, struct tree);
        size_t errors = w->ds->n_errors;

        if (!d->app || d->is_broken)
                return NULL;

        attempt_begin(w, d->path);
        w->ds->owner = d->name.text;
        render_app(w->arena, w, d->app, ports, tree);
        attempt_end(w);
        d->is_broken = w->ds->n_errors > errors;
        return d->is_broken ? NULL : tree;
}

/* True if it was published with settings of the machine that are unreadable now. It then stays as it is: with
 * half a host.yaml it would lose its network, and HAProxy its files. An app that was never published has
 * nothing to lose. */
static bool is_held_back(const struct world *w, const struct publisher *p, const struct definition *d) {
        return w->is_host_broken && bundle_is_published(p, d->name);
}

/* Its state is read before it is rendered: it has the images behind its tags. */
static void read_state(const struct world *w, const struct publisher *p, const struct definition *d,
                       struct bundle_state *ret) {
        ret->error = state_read(w->arena, p->state, d->name.text, &ret->state);
        if (!d->app)
                return;

        d->app->pins.at = arena_array(w->arena, ret->state.images.n, struct image_pin);
        VEC_EACH(image, &ret->state.images)
                d->app->pins.at[d->app->pins.n++] = (struct image_pin){ image->reference, image->pinned };
}

static int compare_bundles(const void *name, const void *bundle) {
        return str_cmp(*(const struct str *) name, ((const struct bundle *) bundle)->app.text);
}

/* A removed app that comes back is a new one: its earlier accepted revision must be forgotten. */
static int mark_gone(const struct world *w, const struct publisher *p, const struct bundle *bundles,
                     size_t n) {
        struct fs_names names = { 0 };
        int r = p->state < 0 ? 0 : fs_list(w->arena, p->state, ".", &names);

        VEC_EACH(name, &names.list) {
                struct state state;
                bool is_kept;

                if (name->p[0] == '.' ||
                    (n > 0 && bsearch(name, bundles, n, sizeof(struct bundle), compare_bundles)))
                        continue;
                is_kept =
                        state_read(w->arena, p->state, *name, &state) >= 0 && !str_is_absent(state.accepted);
                if ((is_kept || withhold_is_lasting(p, *name)) && r >= 0)
                        r = bundle_mark_unkept(p, *name);
        }

        return r;
}

/* The first run since the machine started? */
static bool is_first_run(const struct world *w, const struct publisher *p) {
        struct fs_names names = { 0 };

        return fs_list(w->arena, p->runtime, LAYOUT_APPS, &names) < 0 || names.list.n == 0;
}

/* The ports that instances had before the machine was stopped: the ports of an app whose file is broken now
 * are in no definition, and HAProxy's settings for another revision are still valid. */
static void read_ports(struct world *w, const struct publisher *p, struct str app,
                       const struct bundle_state *state) {
        struct held_ports held = { .app = app };
        struct str path;

        if (str_is_absent(state->state.accepted))
                return;

        path = layout_bundle_file(w->arena, app, state->state.accepted, STR(LAYOUT_PORTS));
        if (fs_read(w->arena, p->state, path.p, BUF_MAX, &held.text) >= 0)
                *vec_push(w->arena, &w->held_ports) = held;
}

static struct bundle_state *read_states(struct world *w, const struct publisher *p) {
        struct bundle_state *states = arena_array(w->arena, w->definitions.n, struct bundle_state);
        bool is_first = p->state >= 0 && is_first_run(w, p);

        for (size_t i = 0; i < w->definitions.n; i++) {
                const struct definition *d = &w->definitions.at[i];

                if (str_is_absent(d->name.text))
                        continue;

                read_state(w, p, d, &states[i]);
                if (is_first)
                        read_ports(w, p, d->name.text, &states[i]);
        }

        return states;
}

/* Without a state: what is published continues as it is, and nothing else begins. */
static int publish_held(const struct world *w, struct publisher *p) {
        struct bundle *bundles = arena_array(w->arena, w->definitions.n, struct bundle);
        const struct bundle_state unknown = { 0 };
        size_t n = 0;

        for (size_t i = 0; i < w->definitions.n; i++) {
                bundles[n].app = w->definitions.at[i].name;
                if (!str_is_absent(bundles[n].app.text))
                        bundle_choose(p, &bundles[n++], NULL, &unknown);
        }

        return publish_all(p, bundles, n);
}

int generate_publish(struct world *w, struct publisher *p) {
        struct bundle *bundles = arena_array(w->arena, w->definitions.n + 1, struct bundle);
        const struct bundle_state *states;
        struct ports ports = { 0 };
        size_t n = 0;
        int r, q, stopped;

        p->notify = notify_settings(p, w);
        if (p->awaits_state)
                return publish_held(w, p);

        stopped = withhold_begin(p);
        states = read_states(w, p);
        r = ports_assign(w, p->runtime, &ports);
        if (r < 0)
                return r;

        for (size_t i = 0; i < w->definitions.n; i++) {
                struct definition *d = &w->definitions.at[i];
                const struct tree *file;

                if (str_is_absent(d->name.text))
                        continue;

                bundles[n].app = d->name;
                bundles[n].at = d->root ? d->root->at : d->name.at;
                file = render_definition(w, d, &ports);
                bundle_choose(p, &bundles[n], is_held_back(w, p, d) ? NULL : file, &states[i]);
                n++;
        }

        p->bundles = bundles;
        p->n_bundles = n;
        r = publish_all(p, bundles, n);
        r = r < 0 ? r : stopped;
        q = withhold_forget(p, bundles, n);
        r = r < 0 ? r : q;
        q = mark_gone(w, p, bundles, n);
        return r < 0 ? r : q;
}

static void report(struct run *run) {
        struct buf text = buf_in(&run->arena);

        if (run->ds.list.n == 0)
                return;

        diag_sort(&run->ds);
        if (log_is_person()) {
                diag_print(&text, &run->ds, (struct str){ NULL, 0 },
                           log_is_colored(STDERR_FILENO) ? DIAG_COLOR : 0);
                (void) fwrite(text.p, 1, text.n, stderr);
                return;
        }

        diag_print(&text, &run->ds, (struct str){ NULL, 0 }, DIAG_BRIEF);
        log_kernel(run->ds.n_errors > 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, buf_str(&text));
}

static void report_failure(struct run *run, const char *what, int r) {
        struct str text = arena_printf(&run->arena, "cannot %s: %s", what, strerror(-r));

        if (log_is_person())
                (void) fprintf(stderr, "pyservice-generator: %s\n", text.p);
        else
                log_kernel(LOG_LEVEL_ERROR, text);
}

/* Leaves a mark if /var may not be mounted yet. Until it is, the accepted revisions are unknown. Published
 * bundles (/run survives a soft reboot) stay nevertheless. */
static int await_state(struct run *run, const struct generate *g) {
        struct publisher *p = &run->publisher;

        p->awaits_state = g->may_wait && p->state < 0 && run->world.definitions.n > 0;
        if (p->awaits_state)
                return fs_replace(p->runtime, LAYOUT_WITHOUT_STATE, 0644, STR(""));

        return unlinkat(p->runtime, LAYOUT_WITHOUT_STATE, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int generate_run(const struct generate *g) {
        CLEANUP(close_run) struct run run = { 0 };
        int r = open_root(&run, g);

        run.world.now = clock_usec(CLOCK_REALTIME);
        if (r >= 0)
                r = world_load(&run.world);
        run.publisher.awaits_files = run.world.n_waiting > 0;
        if (r >= 0)
                left_volumes_check(&run.world);
        if (r >= 0)
                r = await_state(&run, g);
        if (r >= 0)
                r = make_haproxy_directory(&run);
        if (r >= 0)
                r = generate_publish(&run.world, &run.publisher);

        report(&run);
        if (run.publisher.notify_error < 0)
                report_failure(&run, "prepare messages about events ('notify' in host.yaml)",
                               run.publisher.notify_error);
        if (r < 0) {
                attempt_end(&run.world);
                report_failure(&run, "generate units", r);
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
