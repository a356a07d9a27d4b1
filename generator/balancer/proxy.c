/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "balancer/front.h"
#include "balancer/haproxy-counters.h"
#include "balancer/nginx-sites.h"
#include "balancer/proxy-choose.h"
#include "balancer/proxy-states.h"
#include "base/fs.h"
#include "bundle/layout.h"
#include "load/load.h"

#define MEMORY LAYOUT_STATE "/" LAYOUT_PROXY_MEMORY
#define MOUNTS ".mounts"       /* in MEMORY: of HAProxy's container, when it ran last */
#define LOCK LAYOUT_PROXY_LOCK /* in /run/pyservice */
#define PENDING "proxy.reload" /* there while files were changed and HAProxy was not reloaded since */

enum { MOUNTS_MAX = 1 << 20, LOCK_PAUSE_MS = 20, CERTIFICATE_MAX = 1 << 20 };

/* Everything that one run works with. */
struct work {
        struct proxy_run *proxy;
        struct proxy_state state;
        struct haproxy_program haproxy;
        struct proxy_place place;
        struct front front;
        int lock;
};

static void complain(struct proxy_run *p, struct str text) {
        *vec_push(p->arena, &p->problems) = text;
}

static int fail(struct proxy_run *p, struct str what, int r) {
        p->failed = what;
        return r;
}

/* Reads host.yaml alone. 1 if it has errors, which are printed. */
static int read_host(struct proxy_run *p) {
        struct world *w = p->world;
        struct node *root = NULL;
        struct buf text = buf_in(p->arena);
        uint32_t file;
        int r = world_read(w, w->places.host, &root, &file);

        if (r < 0 && r != -ENOENT)
                return fail(p, w->places.host, r);
        if (r >= 0 && root)
                schema_decode(w->arena, w->ds, &host_schema, root, &w->host);
        if (w->ds->n_errors > 0) {
                diag_print(&text, w->ds, (struct str){ 0 }, 0);
                complain(
                        p,
                        arena_join(p->arena,
                                   STR("HAProxy's files stay as they are, because of errors in host.yaml:\n"),
                                   buf_str(&text)));
                return 1;
        }

        if (!w->host.haproxy)
                w->host.haproxy = arena_new(w->arena, struct host_haproxy);
        if (!w->host.nginx)
                w->host.nginx = arena_new(w->arena, struct host_nginx);
        schema_apply_defaults(w->arena, &host_schema, &w->host);
        return 0;
}

static struct str below(struct proxy_run *p, struct str path) {
        return arena_join(p->arena, str_of(p->root), path);
}

/* 1 if there is no runtime directory: there never was an application. */
static int open_state(struct work *w) {
        struct proxy_run *p = w->proxy;
        struct str runtime = p->world->places.runtime, memory = STR(MEMORY);
        int r;

        w->state.runtime = fs_open_dir(AT_FDCWD, below(p, runtime).p);
        if (w->state.runtime < 0)
                return w->state.runtime == -ENOENT ? 1 : fail(p, runtime, w->state.runtime);

        r = fs_make_dirs(AT_FDCWD, below(p, memory).p, false);
        if (r >= 0)
                r = w->state.memory = fs_open_dir(AT_FDCWD, below(p, memory).p);
        return r < 0 ? fail(p, memory, r) : 0;
}

/* One that is blocked, by a program that has to tidy up before it ends. */
static bool is_told_to_end(void) {
        sigset_t pending;

        return sigpending(&pending) == 0 &&
               (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1 ||
                sigismember(&pending, SIGHUP) == 1);
}

/* Held to the end, so that no two work at a time: also where one only checks, both lay out candidates at
 * the same place. */
static int take_lock(struct work *w, int runtime) {
        w->lock = openat(runtime, LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (w->lock < 0)
                return fail(w->proxy, STR(LOCK), -errno);

        while (flock(w->lock, LOCK_EX | LOCK_NB) < 0) {
                if (errno != EWOULDBLOCK && errno != EINTR)
                        return fail(w->proxy, STR(LOCK), -errno);
                if (is_told_to_end())
                        return fail(w->proxy, STR("waiting for " LOCK), -EINTR);
                (void) nanosleep(&(struct timespec){ .tv_nsec = LOCK_PAUSE_MS * 1000000L }, NULL);
        }
        return 0;
}

static int find_haproxy(struct work *w) {
        struct proxy_run *p = w->proxy;
        struct str mounts;
        int r = haproxy_find(&w->haproxy);

        if (r < 0)
                return fail(p, STR("finding HAProxy"), r);
        if (!str_is_absent(w->haproxy.mounts_text))
                r = fs_replace(w->state.memory, MOUNTS, 0600, w->haproxy.mounts_text);
        else if (fs_read(p->arena, w->state.memory, MOUNTS, MOUNTS_MAX, &mounts) >= 0)
                haproxy_remember(&w->haproxy, mounts);
        return r < 0 ? fail(p, STR(MEMORY), r) : 0;
}

/* Reports why HAProxy can't check files. */
static void tell_of_haproxy(struct work *w) {
        struct proxy_run *p = w->proxy;
        struct str container = p->world->host.haproxy->container.text;

        if (w->haproxy.can_check)
                return;

        if (str_is_absent(w->haproxy.program) && str_is_absent(container))
                complain(p, STR("HAProxy is not installed, so the applications are not balanced. Its files "
                                "are in place unchecked; install it, or set 'haproxy: {container: NAME}' in "
                                "/etc/pyservice/host.yaml."));
        else if (str_is_absent(w->haproxy.program))
                complain(p, STR("Podman is not installed, so HAProxy's container cannot be reached. "
                                "HAProxy's files are in place unchecked."));
        else
                *vec_push(p->arena, &p->notes) =
                        arena_printf(p->arena,
                                     "HAProxy's container '%.*s' is not running; its files are in place "
                                     "unchecked until it starts",
                                     STR_ARG(container));
}

static int put(struct work *w, const struct proxy_set *set, bool is_dry_run, bool *ret_changed) {
        int r = proxy_place_put(&w->place, set, is_dry_run, ret_changed);

        return r < 0 ? fail(w->proxy, w->place.at, r) : 0;
}

static bool is_pending(const struct work *w) {
        return faccessat(w->state.runtime, PENDING, F_OK, 0) == 0;
}

static int proxy_tell(struct proxy_run *p) {
        int r = p->root[0] == '\0' ? proxy_tell_states(p->arena, p->world->host.haproxy,
                                                       arena_str(p->arena, p->world->places.runtime).p)
                                   : 0;

        return r < 0 ? fail(p, STR("sending HAProxy the state of the servers"), r) : 0;
}

int proxy_states(struct proxy_run *p) {
        int r = read_host(p);

        return r == 0 ? proxy_tell(p) : r < 0 ? r : 0;
}

/* Saves the counters of the worker that the reload replaces. Returns like haproxy_reload(), but has
 * reported an error of its own (negative errno). */
static int replace_worker(struct work *w, struct str *ret_message) {
        struct proxy_run *p = w->proxy;
        struct haproxy_client client = haproxy_client_of(p->arena, p->world->host.haproxy);
        struct haproxy_counters counters = { 0 };
        int r;

        (void) haproxy_count_all(&client, &counters); /* if it does not answer, there is nothing to save */
        r = haproxy_reload(&w->haproxy, ret_message);
        if (r != 0)
                return r < 0 ? fail(p, STR("reloading HAProxy"), r) : r;

        r = haproxy_save_counters(p->arena, w->state.runtime, &counters);
        return r < 0 ? fail(p, STR("saving HAProxy's counters"), r) : 0;
}

/* Reloads HAProxy if it runs; if that fails, the next run tries again. */
static int reload(struct work *w) {
        struct proxy_run *p = w->proxy;
        struct str message;
        int r = 0;

        if (w->haproxy.is_active)
                r = replace_worker(w, &message);
        if (r < 0)
                return r;
        if (r > 0) {
                complain(p, arena_join(p->arena,
                                       STR("HAProxy's files are in place, but it could not be reloaded: "),
                                       message));
                return 0;
        }

        r = proxy_tell(p);
        if (r < 0)
                return r;

        return unlinkat(w->state.runtime, PENDING, 0) < 0 && errno != ENOENT ? fail(p, STR(PENDING), -errno)
                                                                             : 0;
}

static int put_in_place(struct work *w, const struct proxy_set *set) {
        bool changed = false;
        int r = fs_replace(w->state.runtime, PENDING, 0600, STR(""));

        if (r < 0)
                return fail(w->proxy, STR(PENDING), r);

        r = put(w, set, false, &changed);
        if (r < 0)
                return r;
        r = proxy_state_write(&w->state);
        return r < 0 ? fail(w->proxy, STR(MEMORY), r) : 0;
}

static void add_directories(struct work *w, const struct proxy_parts *parts, struct proxy_set *directories) {
        if (!parts)
                return;

        VEC_EACH(part, &parts->list)
                (void) proxy_set_directory(w->proxy->arena, directories, part->directory);
}

/* After the state and HAProxy. */
static void read_front(struct work *w) {
        struct proxy_set directories = { 0 };

        (void) proxy_set_directory(w->proxy->arena, &directories, w->state.directory);
        VEC_EACH(app, &w->state.apps) {
                add_directories(w, app->wanted, &directories);
                add_directories(w, app->in_place, &directories);
        }
        front_read(&w->haproxy, &directories, false, &w->front);
        front_read_nginx(&w->haproxy, w->proxy->world->host.nginx->unit.text, &w->front);
}

static void tell_of_front(struct work *w, const struct proxy_set *set) {
        struct str problem, advice;

        if (proxy_place_lacks_front(&w->place, set, &problem, &advice))
                complain(w->proxy, arena_join(w->proxy->arena, problem, STR("\n"), advice));
}

/* 1 if exactly the wanted files are in place already, else 0; negative errno. */
static int is_done(struct work *w) {
        struct proxy_set set = { 0 };
        struct str problem;
        bool changed = true;
        int r;

        VEC_EACH(c, &w->state.apps)
                if (proxy_candidate_is_changed(c))
                        return 0;

        proxy_state_choose_wanted(&w->state);
        if (!proxy_state_set(&w->state, w->proxy->arena, &set, &problem))
                return 0;

        r = put(w, &set, true, &changed);
        if (r == 0 && !changed)
                tell_of_front(w, &set);
        return r < 0 ? r : !changed;
}

static int work(struct work *w) {
        struct proxy_run *p = w->proxy;
        struct proxy_choice choice = { .arena = p->arena,
                                       .state = &w->state,
                                       .place = &w->place,
                                       .places = &p->world->places,
                                       .root = p->root };
        struct proxy_set set = { 0 };
        int r = is_done(w);

        if (r < 0)
                return r;
        if (r > 0)
                return is_pending(w) ? reload(w) : 0;

        r = proxy_choose(&choice, &set);
        VEC_EACH(problem, &choice.problems)
                complain(p, problem->text);
        if (r < 0)
                return fail(p, w->place.at, r);
        if (r > 0)
                return 0;

        r = put_in_place(w, &set);
        if (r < 0)
                return r;

        tell_of_haproxy(w);
        tell_of_front(w, &set);
        return reload(w);
}

static void close_work(struct work *w) {
        close_fd(&w->lock);
        close_fd(&w->state.memory);
        close_fd(&w->state.runtime);
}

static void start_work(struct work *w, struct proxy_run *p) {
        w->haproxy = (struct haproxy_program){ .arena = p->arena,
                                               .settings = p->world->host.haproxy,
                                               .root = p->root };
        w->place = (struct proxy_place){
                .arena = p->arena, .haproxy = &w->haproxy, .root = p->root, .front = &w->front
        };
        w->state.directory = p->world->host.haproxy->directory.text;
}

int proxy_check(struct proxy_run *p, int runtime, struct proxy_choice *ret) {
        CLEANUP(close_fd) int real = fs_open_dir(AT_FDCWD, below(p, p->world->places.runtime).p);
        CLEANUP(close_work)
        struct work w = { .proxy = p,
                          .state = { .arena = p->arena, .runtime = -1, .memory = -1 },
                          .lock = -1 };
        struct proxy_choice choice = { .arena = p->arena,
                                       .state = &w.state,
                                       .place = &w.place,
                                       .places = &p->world->places,
                                       .root = p->root };
        struct proxy_set set = { 0 };
        int r;

        start_work(&w, p);
        w.state.runtime = fs_open_dir(runtime, ".");
        w.state.memory = fs_open_dir(AT_FDCWD, below(p, STR(MEMORY)).p);
        if (w.state.memory == -ENOENT && fs_make_dirs(runtime, "nothing", false) >= 0)
                w.state.memory = fs_open_dir(runtime, "nothing");
        if (w.state.runtime < 0 || w.state.memory < 0)
                return fail(p, STR(MEMORY), w.state.runtime < 0 ? w.state.runtime : w.state.memory);

        /* Without the directory, no files are in place and no other process installs any. */
        r = real >= 0 ? take_lock(&w, real) : 0;
        if (r < 0)
                return r;

        r = proxy_state_read(&w.state);
        if (r == 0)
                r = haproxy_find(&w.haproxy);
        if (r != 0 || !w.haproxy.can_check)
                return r < 0 ? fail(p, STR("finding HAProxy"), r) : 0;
        read_front(&w);

        /* Files that were not checked stay as they are. */
        VEC_EACH(app, &w.state.apps)
                if (!app->wanted)
                        app->wanted = app->in_place;

        r = proxy_choose(&choice, &set);
        *ret = choice;
        return r < 0 ? fail(p, w.place.at, r) : 0;
}

static int apply_haproxy(struct proxy_run *p) {
        CLEANUP(close_work)
        struct work w = { .proxy = p,
                          .state = { .arena = p->arena, .runtime = -1, .memory = -1 },
                          .lock = -1 };
        int r;

        start_work(&w, p);
        r = open_state(&w);
        if (r == 0)
                r = take_lock(&w, w.state.runtime);
        if (r != 0)
                return r < 0 ? r : 0;

        r = proxy_state_read(&w.state);
        if (r != 0)
                return r < 0 ? fail(p, STR("reading the applications' files for HAProxy"), r) : 0;

        r = find_haproxy(&w);
        if (r < 0)
                return r;

        read_front(&w);
        return work(&w);
}

int proxy_apply(struct proxy_run *p) {
        int r = read_host(p), q;

        if (r != 0)
                return r < 0 ? r : 0;

        r = apply_haproxy(p);
        q = nginx_apply(p);
        return r < 0 ? r : q;
}

/* True if it is one of the installed ones. */
static bool has_certificate(struct work *w, struct str path) {
        struct proxy_set set = { 0 };
        struct str problem;

        VEC_EACH(app, &w->state.apps)
                app->chosen = app->in_place;
        if (!proxy_state_set(&w->state, w->proxy->arena, &set, &problem))
                return false;

        VEC_EACH(d, &set.list)
                VEC_EACH(certificate, &d->certificates)
                        if (str_eq(certificate->path, path))
                                return true;

        return false;
}

/* At run time, or else by a reload: for a directory, and if HAProxy does not know such a file. If HAProxy
 * refuses the certificate, it keeps the old one. */
static int renew(struct work *w) {
        struct proxy_run *p = w->proxy;
        struct haproxy_client client = haproxy_client_of(p->arena, p->world->host.haproxy);
        struct str text, seen, message = STR("");
        int r = fs_read(p->arena, AT_FDCWD, below(p, p->certificate).p, CERTIFICATE_MAX, &text);

        if (r < 0 && r != -EISDIR)
                return fail(p, p->certificate, r);
        if (r == 0 && haproxy_sees(&w->haproxy, p->certificate, &seen) &&
            haproxy_set_certificate(&client, seen, text, &message) == 0)
                return 0;

        r = replace_worker(w, &message);
        if (r < 0)
                return r;
        if (r > 0) {
                complain(p, arena_join(p->arena, STR("HAProxy keeps the previous certificate instead of '"),
                                       p->certificate, STR("': "), message));
                return 0;
        }
        return proxy_tell(p);
}

int proxy_certificate(struct proxy_run *p) {
        CLEANUP(close_work)
        struct work w = {
                .proxy = p,
                .state = { .arena = p->arena, .runtime = -1, .memory = -1 },
                .lock = -1,
        };
        int r = read_host(p);

        if (r != 0)
                return r < 0 ? r : 0;

        start_work(&w, p);
        r = open_state(&w);
        if (r == 0)
                r = take_lock(&w, w.state.runtime);
        if (r == 0)
                r = proxy_state_read(&w.state);
        if (r == 0)
                r = find_haproxy(&w);
        if (r == 0 && w.haproxy.is_active && has_certificate(&w, p->certificate))
                r = renew(&w);
        return r < 0 ? r : nginx_renew(p);
}
