/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/haproxy-publish.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "balancer/acme.h"
#include "balancer/balancer.h"
#include "balancer/front.h"
#include "balancer/haproxy-counters.h"
#include "balancer/haproxy-states.h"
#include "base/fs.h"
#include "bundle/layout.h"
#include "load/pages.h"

#define MEMORY LAYOUT_STATE "/" LAYOUT_PROXY_MEMORY
#define MOUNTS ".mounts" /* in MEMORY: of HAProxy's container, when it ran last */

enum { MOUNTS_MAX = 1 << 20, CERTIFICATE_MAX = 1 << 20, STATES_MAX = 4 << 20 };

/* Everything that one run works with. */
struct work {
        struct proxy_run *proxy;
        struct proxy_state state;
        struct haproxy_program haproxy;
        struct proxy_place place;
        struct front front;
};

static struct str below(struct proxy_run *p, struct str path) {
        return arena_join(p->arena, str_of(p->root), path);
}

static int find_haproxy(struct work *w) {
        struct proxy_run *p = w->proxy;
        struct str mounts;
        int r = haproxy_find(&w->haproxy);

        if (r < 0)
                return proxy_fail(p, STR("finding HAProxy"), r);
        if (!str_is_absent(w->haproxy.mounts_text))
                r = fs_replace(w->state.memory, MOUNTS, 0600, w->haproxy.mounts_text);
        else if (fs_read(p->arena, w->state.memory, MOUNTS, MOUNTS_MAX, &mounts) >= 0)
                haproxy_remember(&w->haproxy, mounts);
        return r < 0 ? proxy_fail(p, STR(MEMORY), r) : 0;
}

/* Reports why HAProxy can't check files. */
static void tell_of_haproxy(struct work *w) {
        struct proxy_run *p = w->proxy;
        struct str container = p->world->host.haproxy->container.text;

        if (w->haproxy.can_check)
                return;

        if (str_is_absent(w->haproxy.program) && str_is_absent(container))
                proxy_report(p,
                             STR("HAProxy is not installed, so the applications are not balanced. Its files "
                                 "are in place unchecked; install it, or set 'haproxy: {container: NAME}' in "
                                 "/etc/pyservice/host.yaml."));
        else if (str_is_absent(w->haproxy.program))
                proxy_report(p, STR("Podman is not installed, so HAProxy's container cannot be reached. "
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

        return r < 0 ? proxy_fail(w->proxy, w->place.at, r) : 0;
}

static int tell_backend(struct arena *a, const struct haproxy_client *base, int directory, struct str name) {
        struct haproxy_client client = *base;
        struct haproxy_ready ready = { 0 };
        struct str text;
        int r = fs_read(a, directory, name.p, STATES_MAX, &text);

        if (r < 0)
                return r;

        client.backend = name;
        haproxy_states_parse(a, text, &ready);
        r = haproxy_set_ready(&client, ready.servers.at, ready.servers.n);
        return r < 0 ? r : 0;
}

static int tell_all(struct arena *a, const struct host_haproxy *settings, struct str runtime) {
        CLEANUP(close_fd)
        int directory = fs_open_dir(AT_FDCWD, arena_join(a, runtime, STR("/" LAYOUT_SERVERS)).p);
        /* Locked, so that no server is set to ready after its hook has taken it out. */
        CLEANUP(close_fd) int lock = directory < 0 ? directory : haproxy_states_lock(directory);
        struct haproxy_client client = haproxy_client_of(a, settings);
        struct fs_names names;
        int r = lock < 0 ? lock : fs_list(a, directory, ".", &names);

        if (r < 0)
                return r == -ENOENT ? 0 : r;

        /* Those that begin with a dot are the lock, and files that a killed process was writing. */
        VEC_EACH(name, &names.list)
                if (name->p[0] != '.' && r >= 0)
                        r = tell_backend(a, &client, directory, *name);
        return r < 0 ? r : 0;
}

int haproxy_tell_states(struct proxy_run *p) {
        int r = p->root[0] == '\0' ? tell_all(p->arena, p->world->host.haproxy, p->world->places.runtime) : 0;

        return r < 0 ? proxy_fail(p, STR("sending HAProxy the state of the servers"), r) : 0;
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
                return r < 0 ? proxy_fail(p, STR("reloading HAProxy"), r) : r;

        r = haproxy_save_counters(p->arena, w->state.runtime, &counters);
        return r < 0 ? proxy_fail(p, STR("saving HAProxy's counters"), r) : 0;
}

static int reload(struct work *w) {
        struct str message = { 0 };
        int r = w->haproxy.is_active ? replace_worker(w, &message) : 0;

        if (r == 0)
                r = haproxy_tell_states(w->proxy);
        return proxy_end(w->proxy, &balancer_haproxy, r, message);
}

static int put_in_place(struct work *w, const struct proxy_set *set) {
        bool changed = false;
        int r = proxy_begin(w->proxy, &balancer_haproxy);

        if (r >= 0)
                r = put(w, set, false, &changed);
        if (r < 0)
                return r;
        r = proxy_state_write(&w->state);
        return r < 0 ? proxy_fail(w->proxy, STR(MEMORY), r) : 0;
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
        front_read(&w->haproxy, &directories, &w->proxy->world->host, &w->front);
}

static void tell_of_front(struct work *w, const struct proxy_set *set) {
        struct str problem, advice;

        if (proxy_place_lacks_front(&w->place, set, &problem, &advice))
                proxy_report(w->proxy, arena_join(w->proxy->arena, problem, STR("\n"), advice));
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

static struct proxy_choice choice_of(struct work *w) {
        return (struct proxy_choice){ .arena = w->proxy->arena,
                                      .state = &w->state,
                                      .place = &w->place,
                                      .places = &w->proxy->world->places,
                                      .root = w->proxy->root };
}

static int work(struct work *w) {
        struct proxy_run *p = w->proxy;
        struct proxy_choice choice = choice_of(w);
        struct proxy_set set = { 0 };
        int r = is_done(w);

        if (r < 0)
                return r;
        if (r > 0)
                return proxy_has_begun(p, &balancer_haproxy) ? reload(w) : 0;

        r = proxy_choose(&choice, &set);
        VEC_EACH(problem, &choice.problems)
                proxy_report(p, problem->text);
        if (r < 0)
                return proxy_fail(p, w->place.at, r);
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
        close_fd(&w->state.memory);
}

static void start_work(struct work *w, struct proxy_run *p) {
        *w = (struct work){
                .proxy = p,
                .state = { .arena = p->arena,
                           .runtime = p->runtime,
                           .memory = -1,
                           .directory = p->world->host.haproxy->directory.text },
                .haproxy = { .arena = p->arena, .settings = p->world->host.haproxy, .root = p->root },
                .place = { .arena = p->arena,
                           .haproxy = &w->haproxy,
                           .root = p->root,
                           .front = &w->front,
                           .thumbprint = acme_thumbprint(p->arena, p->root),
                           .host_front = p->world->host.front },
        };
}

/* 1 if no application ever had files for HAProxy. */
static int open_work(struct work *w, struct proxy_run *p) {
        struct str memory = below(p, STR(MEMORY));
        int r;

        start_work(w, p);
        r = fs_make_dirs(AT_FDCWD, memory.p, false);
        if (r >= 0)
                r = w->state.memory = fs_open_dir(AT_FDCWD, memory.p);
        if (r < 0)
                return proxy_fail(p, STR(MEMORY), r);

        r = proxy_state_read(&w->state);
        if (r < 0)
                return proxy_fail(p, STR("reading the applications' files for HAProxy"), r);

        return r > 0 ? r : find_haproxy(w);
}

int haproxy_check_files(struct proxy_run *p, struct proxy_choice *ret) {
        CLEANUP(close_work) struct work w = { .state.memory = -1 };
        CLEANUP(close_fd) int lock = -1;
        CLEANUP(close_fd) int real = fs_open_dir(AT_FDCWD, below(p, p->world->places.runtime).p);
        struct proxy_choice choice;
        struct proxy_set set = { 0 };
        int r;

        start_work(&w, p);
        w.place.is_preview = true;
        choice = choice_of(&w);
        w.state.memory = fs_open_dir(AT_FDCWD, below(p, STR(MEMORY)).p);
        if (w.state.memory == -ENOENT && fs_make_dirs(p->runtime, "nothing", false) >= 0)
                w.state.memory = fs_open_dir(p->runtime, "nothing");
        if (w.state.memory < 0)
                return proxy_fail(p, STR(MEMORY), w.state.memory);

        /* Without the directory, no files are in place and no other process installs any. */
        lock = real >= 0 ? proxy_lock(p, real) : -1;
        if (real >= 0 && lock < 0)
                return lock;

        r = proxy_state_read(&w.state);
        if (r == 0)
                r = haproxy_find(&w.haproxy);
        if (r != 0 || !w.haproxy.can_check)
                return r < 0 ? proxy_fail(p, STR("finding HAProxy"), r) : 0;
        read_front(&w);

        /* Files that were not checked stay as they are. */
        VEC_EACH(app, &w.state.apps)
                if (!app->wanted)
                        app->wanted = app->in_place;

        r = proxy_choose(&choice, &set);
        *ret = choice;
        return r < 0 ? proxy_fail(p, w.place.at, r) : 0;
}

/* A page that cannot be read must not keep the applications from their clients. */
static void read_pages(struct proxy_run *p) {
        size_t n = p->world->ds->list.n;

        pages_read(p->world, p->world->host.haproxy->errors);
        if (p->world->ds->list.n > n)
                proxy_report_errors(p, STR("the frontend sends pages of its own instead:\n"));
}

/* Call it when the state has been read. */
static void read_closed(struct work *w) {
        struct proxy_run *p = w->proxy;
        CLEANUP(close_fd) int state = fs_open_dir(AT_FDCWD, below(p, STR(LAYOUT_STATE)).p);

        VEC_EACH(app, &w->state.apps)
                proxy_closed_add(p->arena, p->runtime, state, app->app, &w->place.closed);
}

int haproxy_publish(struct proxy_run *p) {
        CLEANUP(close_work) struct work w = { .state.memory = -1 };
        int r = open_work(&w, p);

        if (r != 0)
                return r < 0 ? r : 0;

        read_pages(p);
        acme_prepare(p, &w.state);
        w.place.thumbprint = acme_thumbprint(p->arena, p->root);
        read_front(&w);
        read_closed(&w);
        return work(&w);
}

/* The files in place; false if there are none. */
static bool read_set(struct work *w, struct proxy_set *ret) {
        struct str problem;

        VEC_EACH(app, &w->state.apps)
                app->chosen = app->in_place;
        return proxy_state_set(&w->state, w->proxy->arena, ret, &problem);
}

/* True if it is one of the installed ones. */
static bool has_certificate(struct work *w, struct str path) {
        struct proxy_set set = { 0 };

        if (!read_set(w, &set))
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
                return proxy_fail(p, p->certificate, r);
        if (r == 0 && haproxy_sees(&w->haproxy, p->certificate, &seen) &&
            haproxy_set_certificate(&client, seen, text, &message) == 0)
                return 0;

        r = replace_worker(w, &message);
        if (r < 0)
                return r;
        if (r > 0) {
                proxy_report(p,
                             arena_join(p->arena, STR("HAProxy keeps the previous certificate instead of '"),
                                        p->certificate, STR("': "), message));
                return 0;
        }
        return haproxy_tell_states(p);
}

int haproxy_renew(struct proxy_run *p) {
        CLEANUP(close_work) struct work w = { .state.memory = -1 };
        int r = open_work(&w, p);

        if (r == 0 && w.haproxy.is_active && has_certificate(&w, p->certificate))
                r = renew(&w);
        return r < 0 ? r : 0;
}

static int put_closed(struct work *w, const struct proxy_directory *d) {
        struct proxy_run *p = w->proxy;
        struct str text = proxy_closed_map(p->arena, STR(PROXY_MARK), &w->place.closed, d);
        CLEANUP(close_fd) int dir = fs_open_dir(AT_FDCWD, below(p, d->path).p);

        return dir < 0 ? dir : fs_replace(dir, PROXY_CLOSED, 0644, text);
}

static int tell_closed(struct work *w, const struct proxy_directory *d) {
        struct proxy_run *p = w->proxy;
        struct haproxy_client client = haproxy_client_of(p->arena, p->world->host.haproxy);
        struct str path = arena_join(p->arena, d->path, STR("/" PROXY_CLOSED));
        struct proxy_backends backends = { 0 };
        int r = 0;

        if (!proxy_place_sees(&w->place, path, &path))
                return 0;

        proxy_closed_backends(p->arena, d, p->app, &backends);
        VEC_EACH(backend, &backends.list) {
                r = haproxy_set_map(&client, path, *backend, proxy_closed_value(&w->place.closed, p->app));
                if (r < 0)
                        return r;
                p->is_told = p->is_told || r > 0;
        }
        return r;
}

int haproxy_close(struct proxy_run *p) {
        CLEANUP(close_work) struct work w = { .state.memory = -1 };
        struct proxy_set set = { 0 };
        int r = open_work(&w, p);

        if (r != 0 || !read_set(&w, &set))
                return r < 0 ? r : 0;

        read_closed(&w);
        VEC_EACH(d, &set.list) {
                if (d->routes.n == 0)
                        continue;
                r = put_closed(&w, d);
                if (r >= 0 && p->root[0] == '\0')
                        r = tell_closed(&w, d);
                if (r < 0)
                        return proxy_fail(p, d->path, r);
        }
        return 0;
}
