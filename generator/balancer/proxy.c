/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include "balancer/balancer.h"
#include "balancer/haproxy-publish.h"
#include "base/clock.h"
#include "base/fs.h"
#include "bundle/layout.h"
#include "load/load.h"

#define LOCK LAYOUT_PROXY_LOCK

enum { LOCK_PAUSE_MS = 20 };

void proxy_report(struct proxy_run *p, struct str text) {
        *vec_push(p->arena, &p->problems) = text;
}

int proxy_fail(struct proxy_run *p, struct str what, int r) {
        if (str_is_absent(p->failed))
                p->failed = what;
        return r;
}

/* One that is blocked, by a program that has to tidy up before it ends. */
static bool is_told_to_end(void) {
        sigset_t pending;

        return sigpending(&pending) == 0 &&
               (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1 ||
                sigismember(&pending, SIGHUP) == 1);
}

int proxy_lock(struct proxy_run *p, int runtime) {
        int lock = openat(runtime, LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), r = 0;

        if (lock < 0)
                return proxy_fail(p, STR(LOCK), -errno);

        while (r == 0 && flock(lock, LOCK_EX | LOCK_NB) < 0) {
                if (errno != EWOULDBLOCK && errno != EINTR)
                        r = proxy_fail(p, STR(LOCK), -errno);
                else if (is_told_to_end())
                        r = proxy_fail(p, STR("waiting for " LOCK), -EINTR);
                else
                        clock_pause(LOCK_PAUSE_MS);
        }
        if (r == 0)
                return lock;

        close_fd(&lock);
        return r;
}

int proxy_begin(struct proxy_run *p, const struct balancer *b) {
        int r = fs_replace(p->runtime, b->pending, 0600, STR(""));

        return r < 0 ? proxy_fail(p, str_of(b->pending), r) : 0;
}

bool proxy_has_begun(const struct proxy_run *p, const struct balancer *b) {
        return faccessat(p->runtime, b->pending, F_OK, 0) == 0;
}

int proxy_end(struct proxy_run *p, const struct balancer *b, int r, struct str message) {
        if (r > 0)
                proxy_report(p, arena_join(p->arena, str_of(b->name),
                                           STR("'s files are in place, but it could not be reloaded: "),
                                           message));
        else if (r == 0 && unlinkat(p->runtime, b->pending, 0) < 0 && errno != ENOENT)
                return proxy_fail(p, str_of(b->pending), -errno);

        return r < 0 ? proxy_fail(p, arena_join(p->arena, STR("reloading "), str_of(b->name)), r) : 0;
}

void proxy_report_errors(struct proxy_run *p, struct str heading) {
        struct buf text = buf_in(p->arena);

        diag_print(&text, p->world->ds, (struct str){ 0 }, 0);
        proxy_report(p, arena_join(p->arena, heading, buf_str(&text)));
}

int proxy_read_host(struct proxy_run *p) {
        struct world *w = p->world;
        struct node *root = NULL;
        int r = world_read_host(w, &root);

        if (r < 0)
                return proxy_fail(p, w->places.host, r);
        if (w->ds->n_errors > 0) {
                proxy_report_errors(
                        p, STR("HAProxy's files stay as they are, because of errors in host.yaml:\n"));
                return 1;
        }

        return 0;
}

static int publish(const struct balancer *b, struct proxy_run *p) {
        return b->publish(p);
}

static int renew(const struct balancer *b, struct proxy_run *p) {
        return b->renew(p);
}

static int close_app(const struct balancer *b, struct proxy_run *p) {
        return b->close ? b->close(p) : 0;
}

static int with_each(struct proxy_run *p, int (*work)(const struct balancer *b, struct proxy_run *p)) {
        struct str path = arena_join(p->arena, str_of(p->root), p->world->places.runtime);
        CLEANUP(close_fd) int runtime = -1;
        CLEANUP(close_fd) int lock = -1;
        int r = proxy_read_host(p), error = 0;

        if (r != 0)
                return r < 0 ? r : 0;

        runtime = fs_open_dir(AT_FDCWD, path.p);
        if (runtime < 0) /* if it does not exist, there never was an application */
                return runtime == -ENOENT ? 0 : proxy_fail(p, path, runtime);
        lock = proxy_lock(p, runtime);
        if (lock < 0)
                return lock;

        p->runtime = runtime;
        for (size_t i = 0; i < ARRAY_SIZE(balancers); i++) {
                r = work(balancers[i], p);
                error = error < 0 ? error : r;
        }
        return error;
}

int proxy_apply(struct proxy_run *p) {
        return with_each(p, publish);
}

int proxy_certificate(struct proxy_run *p) {
        return with_each(p, renew);
}

int proxy_close(struct proxy_run *p) {
        return with_each(p, close_app);
}

int proxy_states(struct proxy_run *p) {
        int r = proxy_read_host(p);

        return r == 0 ? haproxy_tell_states(p) : r < 0 ? r : 0;
}
