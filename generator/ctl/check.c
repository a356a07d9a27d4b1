/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl check: all mistakes at once, those that only Quadlet or HAProxy see too.
 *
 * Everything is generated as by the generator, into a directory of its own that is removed again. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/ports.h"
#include "base/fs.h"
#include "config.h"
#include "ctl/check-schedule.h"
#include "ctl/ctl.h"
#include "hooks/proxy.h"
#include "publish/generate.h"
#include "render/render.h"

struct trial {
        char path[sizeof("/tmp/pyservice-check-XXXXXX")];
        struct publisher publisher;
};

static int trial_open(struct trial *t, struct ctl *c, struct session *s) {
        int dir;

        *t = (struct trial) { .path = "/tmp/pyservice-check-XXXXXX",
                              .publisher = { .arena = &c->arena, .ds = &s->ds, .runtime = -1, .state = -1, .output = -1 } };
        if (!mkdtemp(t->path))
                return -errno;

        dir = fs_open_dir(AT_FDCWD, t->path);
        if (dir < 0)
                return dir;

        /* One directory for both: units of the trial go nowhere. */
        if (mkdirat(dir, "output", 0700) < 0) {
                close_fd(&dir);
                return -errno;
        }
        t->publisher.runtime = dir;
        t->publisher.output = fs_open_dir(dir, "output");
        t->publisher.runtime_path = s->world.places.runtime;
        t->publisher.is_user = s->world.places.is_user;
        return t->publisher.output < 0 ? t->publisher.output : 0;
}

static void trial_close(struct trial *t) {
        close_fd(&t->publisher.output);
        close_fd(&t->publisher.runtime);
        if (t->path[0] != '\0')
                (void) fs_remove_tree(AT_FDCWD, t->path);
}

/* Podman's, or one that a test names. */
static const char *find_quadlet(const struct ctl *c) {
        const char *own = strcmp(c->root, "/") != 0 ? secure_getenv("PYSERVICE_QUADLET") : NULL;
        const char *quadlet = own ? own : QUADLET;

        return access(quadlet, X_OK) == 0 ? quadlet : NULL;
}

/* The part of a definition that HAProxy's configuration comes from. */
static struct span proxy_span(struct session *s, struct str app) {
        VEC_EACH(d, &s->world.definitions) {
                const struct node *proxy = d->root ? node_get(d->root, "proxy") : NULL;

                if (str_eq(d->name.text, app))
                        return proxy ? proxy->at : d->name.at;
        }

        return NOWHERE;
}

static int check_with_haproxy(struct ctl *c, struct session *s, struct trial *t) {
        struct proxy_run run = { .arena = &c->arena, .world = &s->world, .root = strcmp(c->root, "/") == 0 ? "" : c->root };
        struct proxy_choice choice = { 0 };
        int r = proxy_check(&run, t->publisher.runtime, &choice);

        if (r < 0)
                return ctl_fail(arena_str(&c->arena, run.failed).p, r);

        VEC_EACH(problem, &choice.problems) {
                struct str rest = problem->message, line;

                s->ds.owner = problem->app;
                while (str_split(&rest, '\n', &line))
                        if (line.n > 0)
                                (void) diag_add(&s->ds, DIAG_HAPROXY_REFUSED, proxy_span(s, problem->app), "HAProxy refuses what comes of this: %.*s", STR_ARG(line));
        }
        return 0;
}

static int check_with_quadlet(struct ctl *c, struct session *s, const char *quadlet) {
        CLEANUP(trial_close) struct trial trial = { 0 };
        int r = trial_open(&trial, c, s);

        if (r < 0)
                return ctl_fail("cannot make a directory for the check", r);

        trial.publisher.quadlet = quadlet;
        r = generate_publish(&s->world, &trial.publisher);
        if (r < 0)
                return ctl_fail("cannot generate", r);

        /* Candidates lie beside the real files, where only root may write. */
        return geteuid() == 0 ? check_with_haproxy(c, s, &trial) : 0;
}

/* Rendering finds mistakes too. */
static int check_without_quadlet(struct ctl *c, struct session *s) {
        struct ports ports = { 0 };
        int r = ports_assign(&s->world, -1, &ports);

        if (r < 0)
                return ctl_fail("cannot assign ports", r);

        VEC_EACH(d, &s->world.definitions) {
                struct tree tree = { .arena = &c->arena };

                s->ds.owner = d->name.text;
                if (d->app && !d->is_broken)
                        render_app(&c->arena, &s->world, d->app, &ports, &tree);
        }
        return 0;
}

int ctl_check(struct ctl *c) {
        CLEANUP(session_close) struct session s = { .world.root = -1 };
        const char *quadlet = find_quadlet(c);
        int r = session_open(c, &s);

        if (r != 0)
                return r;

        check_schedules(&s);
        r = quadlet ? check_with_quadlet(c, &s, quadlet) : check_without_quadlet(c, &s);
        if (r != 0)
                return r;

        return session_report(c, &s);
}
