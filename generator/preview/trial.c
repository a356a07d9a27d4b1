/* SPDX-License-Identifier: Apache-2.0 */
#include "preview/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "balancer/haproxy-publish.h"
#include "base/fs.h"
#include "bundle/layout.h"
#include "config.h"
#include "ctl/session.h"
#include "publish/generate.h"
#include "publish/path.h"

enum { ALIVE_MAX = 4 << 20 };

const char *trial_quadlet(const struct ctl *c) {
        const char *own = strcmp(c->root, "/") != 0 ? secure_getenv("PYSERVICE_QUADLET") : NULL;

        return own ? own : QUADLET;
}

void trial_close(struct trial *t) {
        close_fd(&t->publisher.output);
        close_fd(&t->publisher.runtime);
        close_fd(&t->publisher.state);
        if (t->path[0] == '\0')
                return;

        (void) fs_remove_tree(AT_FDCWD, t->path);
        t->path[0] = '\0';
        (void) sigprocmask(SIG_SETMASK, &t->signals, NULL);
}

static void block_signals(struct trial *t) {
        sigset_t blocked;

        (void) sigemptyset(&blocked);
        (void) sigaddset(&blocked, SIGINT);
        (void) sigaddset(&blocked, SIGTERM);
        (void) sigaddset(&blocked, SIGHUP);
        (void) sigprocmask(SIG_BLOCK, &blocked, &t->signals);
}

static int open_directory(struct ctl *c, struct session *s, const char *parent, struct trial *t) {
        int r = snprintf(t->path, sizeof(t->path), "%s/.pyservice-trial-XXXXXX", parent);

        t->session = s;
        t->publisher = (struct publisher){
                .arena = &c->arena,
                .ds = &s->ds,
                .runtime = -1,
                .state = -1,
                .output = -1,
                .quadlet = trial_quadlet(c),
                .runtime_path = s->world.places.runtime,
                .state_path = s->world.places.state,
                .is_user = s->world.places.is_user,
        };
        r = r < 0 || (size_t) r >= sizeof(t->path) ? -ENAMETOOLONG : 0;
        block_signals(t);
        if (r < 0 || !mkdtemp(t->path)) {
                r = r < 0 ? r : -errno;
                t->path[0] = '\0';
                (void) sigprocmask(SIG_SETMASK, &t->signals, NULL);
                return r;
        }

        r = t->publisher.runtime = fs_open_dir(AT_FDCWD, t->path);
        if (r < 0)
                return r;

        /* One directory for both: units of the trial go nowhere. */
        if (mkdirat(t->publisher.runtime, "output", 0700) < 0)
                return -errno;
        r = t->publisher.output = fs_open_dir(t->publisher.runtime, "output");
        return r < 0 ? r : 0;
}

int trial_open_fresh(struct ctl *c, struct session *s, struct trial *ret) {
        *ret = (struct trial){ 0 };
        return open_directory(c, s, "/tmp", ret);
}

/* Beside the published files, since units are linked from there; /tmp if nothing is published. */
static const char *find_parent(struct ctl *c, struct session *s, struct trial *t) {
        struct str runtime = arena_join(&c->arena, str_of(c->root), s->world.places.runtime);
        size_t n;

        if (!realpath(runtime.p, t->live)) {
                t->live[0] = '\0';
                return "/tmp";
        }

        n = strlen(t->live);
        while (n > 1 && t->live[n - 1] != '/')
                n--;
        return arena_str(&c->arena, (struct str){ t->live, n > 1 ? n - 1 : n }).p;
}

/* Each bundle as a link to the one that is published: one that changes takes the place of its link. */
static int link_bundles(struct ctl *c, struct trial *t) {
        CLEANUP(close_fd) int live = fs_open_dir(AT_FDCWD, t->live);
        struct fs_names names = { 0 };
        int r = live < 0 ? live : fs_list(&c->arena, live, LAYOUT_APPS, &names);

        if (r < 0)
                return r == -ENOENT ? 0 : r;

        r = fs_make_dirs(t->publisher.runtime, LAYOUT_APPS, false);
        VEC_EACH(name, &names.list) {
                struct path path, target;

                (void) path_join(&path, STR(LAYOUT_APPS "/"), *name);
                if (r >= 0 && symlinkat(path_join(&target, str_of(t->live), STR("/" LAYOUT_APPS "/"), *name),
                                        t->publisher.runtime, path.text) < 0)
                        r = -errno;
        }
        return r;
}

/* The files that the generator reads, and may write. */
static int copy_file(struct ctl *c, struct trial *t, const char *name) {
        CLEANUP(close_fd) int live = fs_open_dir(AT_FDCWD, t->live);
        struct str text;
        int r = live < 0 ? live : fs_read(&c->arena, live, name, ALIVE_MAX, &text);

        return r == -ENOENT ? 0 : r < 0 ? r : fs_write(t->publisher.runtime, name, 0644, text);
}

static int copy_stopped(struct ctl *c, struct trial *t) {
        CLEANUP(close_fd) int live = fs_open_dir(AT_FDCWD, t->live);
        struct fs_names names = { 0 };
        int r = live < 0 ? live : fs_list(&c->arena, live, LAYOUT_STOPPED, &names);

        if (r < 0)
                return r == -ENOENT ? 0 : r;

        r = fs_make_dirs(t->publisher.runtime, LAYOUT_STOPPED, false);
        VEC_EACH(name, &names.list)
                if (r >= 0)
                        r = copy_file(c, t, arena_join(&c->arena, STR(LAYOUT_STOPPED "/"), *name).p);
        return r;
}

static int take_live(struct ctl *c, struct trial *t) {
        int r = link_bundles(c, t);

        if (r >= 0)
                r = copy_file(c, t, "alive.conf");
        return r < 0 ? r : copy_stopped(c, t);
}

int trial_open(struct ctl *c, struct session *s, struct trial *ret) {
        int r;

        *ret = (struct trial){ 0 };
        r = open_directory(c, s, find_parent(c, s, ret), ret);
        if (r >= 0 && ret->live[0] != '\0')
                r = take_live(c, ret);
        if (r < 0)
                return r;

        ret->publisher.foresees = true;
        r = fs_open_dir(s->world.root, s->world.places.state.p + 1);
        ret->publisher.state = r < 0 ? -1 : r;
        return r == -ENOENT || r >= 0 ? 0 : r;
}

/* The part of a definition that HAProxy's configuration comes from. */
static struct span proxy_span(const struct session *s, struct str app) {
        const struct definition *d = session_find(s, app);
        const struct node *proxy = d && d->root ? node_get(d->root, "proxy") : NULL;

        return proxy ? proxy->at : d ? d->name.at : NOWHERE;
}

static int ask_haproxy(struct ctl *c, struct trial *t) {
        struct session *s = t->session;
        struct proxy_run run = { .arena = &c->arena,
                                 .world = &s->world,
                                 .root = strcmp(c->root, "/") == 0 ? "" : c->root,
                                 .runtime = t->publisher.runtime };
        struct proxy_choice choice = { 0 };
        int r = haproxy_check_files(&run, &choice);

        if (r < 0)
                return ctl_fail(arena_str(&c->arena, run.failed).p, r);

        VEC_EACH(problem, &choice.problems) {
                struct str rest = problem->message, line;

                s->ds.owner = problem->app;
                while (str_split(&rest, '\n', &line))
                        if (line.n > 0)
                                (void) diag_add(&s->ds, DIAG_HAPROXY_REFUSED, proxy_span(s, problem->app),
                                                "HAProxy rejects the resulting configuration: %.*s",
                                                STR_ARG(line));
        }
        return 0;
}

/* True if there is an app with files for HAProxy. */
static bool has_balanced(const struct trial *t) {
        struct stat st;

        return fstatat(t->publisher.runtime, "proxy", &st, 0) == 0 && st.st_size > 0;
}

int trial_run(struct ctl *c, struct trial *t) {
        int r = generate_publish(&t->session->world, &t->publisher);

        if (r < 0)
                return ctl_fail("cannot generate", r);

        /* Candidates lie beside the real files, where only root may write. */
        return geteuid() == 0 && has_balanced(t) ? ask_haproxy(c, t) : 0;
}
