/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/haproxy-program.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "balancer/service.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/path.h"
#include "runtime/proc.h"
#include "runtime/spawn.h"

enum {
        CHECK_NO_LISTENER = 2, /* haproxy -c: "no error but will not start (no listener)" */
        WORKER_TRIES = 600,    /* half a minute: a busy machine may stop a process for 15 seconds */
        WORKER_PAUSE_MS = 50,
        WORKER_STAYS_MS = 300,
};

struct arguments {
        VEC(const char *) list;
};

static void add(struct haproxy_program *b, struct arguments *to, struct str word) {
        *vec_push(b->arena, &to->list) = word.p;
}

static bool is_container(const struct haproxy_program *b) {
        return !str_is_absent(b->settings->container.text);
}

static struct str path_below(const struct haproxy_program *b, struct str path) {
        return arena_join(b->arena, str_of(b->root), path);
}

/* Podman performs actions on a container. */
static int run(const struct haproxy_program *b, const char *const *argv, struct spawn_result *ret) {
        return is_container(b) ? spawn_as_root(b->arena, argv, ret) : spawn_run(b->arena, argv, ret);
}

static int find_service(struct haproxy_program *b) {
        struct str config = path_below(b, b->settings->config.text);
        struct bus_unit u;
        int r;

        b->program = spawn_find(b->arena, "haproxy");
        b->can_check = !str_is_absent(b->program);
        if (access(config.p, F_OK) == 0)
                b->config = config;
        if (b->root[0] != '\0')
                return 0;

        r = service_find(b->arena, b->settings->unit.text, &u);
        b->is_active = r > 0;
        if (r > 0)
                b->master = arena_u64(b->arena, u.main_pid);
        return r < 0 ? r : 0;
}

/* Lines "SOURCE\tDESTINATION". */
void haproxy_remember(struct haproxy_program *b, struct str mounts_text) {
        struct str text = mounts_text, line;

        while (str_split(&text, '\n', &line)) {
                size_t tab = str_find(line, '\t');

                if (tab < line.n)
                        *vec_push(b->arena, &b->mounts) =
                                (struct haproxy_mount){ { line.p, tab }, str_from(line, tab + 1) };
        }
}

static int find_container(struct haproxy_program *b) {
        const struct str name = arena_str(b->arena, b->settings->container.text);
        struct spawn_result result;
        struct str seen;
        int r;

        b->program = spawn_find(b->arena, "podman");
        if (str_is_absent(b->program) || b->root[0] != '\0')
                return 0;

        r = run(b,
                (const char *[]){ b->program.p, "container", "inspect", "--format",
                                  "{{println .State.Running .State.Pid}}{{range .Mounts}}{{printf "
                                  "\"%s\\t%s\\n\" .Source .Destination}}{{end}}",
                                  "--", name.p, NULL },
                &result);
        if (r < 0)
                return r;

        /* A container that does not run is often not there either: Quadlet removes it when its unit stops. */
        if (result.status != 0 || !str_has_prefix(result.out, STR("true ")))
                return 0;

        b->is_active = b->can_check = true;
        b->mounts_text = str_from(result.out, strlen("true "));
        (void) str_split(&b->mounts_text, '\n', &b->master);
        haproxy_remember(b, b->mounts_text);
        if (access(path_below(b, b->settings->config.text).p, F_OK) == 0 &&
            haproxy_sees(b, b->settings->config.text, &seen))
                b->config = seen;
        return 0;
}

int haproxy_find(struct haproxy_program *b) {
        return is_container(b) ? find_container(b) : find_service(b);
}

bool haproxy_sees(const struct haproxy_program *b, struct str path, struct str *ret) {
        const struct haproxy_mount *best = NULL;

        if (!is_container(b)) {
                *ret = path_below(b, path);
                return true;
        }

        VEC_EACH(m, &b->mounts)
                if (path_is_within(path, m->source) && (!best || m->source.n > best->source.n))
                        best = m;
        if (!best)
                return false;

        *ret = arena_join(b->arena, best->destination, str_from(path, best->source.n));
        return true;
}

/* The last part of "[ALERT] (123) : config : parsing …". */
struct str haproxy_alerts(struct arena *a, struct str text) {
        struct str line, out = STR("");

        while (str_split(&text, '\n', &line)) {
                size_t start = str_find_str(line, STR(") : "));

                if (!str_has_prefix(line, STR("[ALERT]")) || start == line.n)
                        continue;
                line = str_from(line, start + 4);
                if (str_has_prefix(line, STR("config : ")))
                        line = str_from(line, strlen("config : "));
                if (str_has_prefix(line, STR("Fatal errors")) || str_has_prefix(line, STR("Error(s) found")))
                        continue;
                out = arena_join(a, out, out.n > 0 ? STR("\n") : STR(""), line);
        }

        return out;
}

static struct str parent(struct str path) {
        const char *slash = memrchr(path.p, '/', path.n);

        return (struct str){ path.p, slash ? (size_t) (slash - path.p) : 0 };
}

/* True if the candidates, which are in the same directory, link to the administrator's file. */
static bool is_beside(struct str path, const struct str *directories, size_t n) {
        struct str directory = parent(path);

        if (!str_has_suffix(path, STR(".cfg")))
                return false;

        for (size_t i = 0; i < n; i++)
                if (str_eq(parent(directories[i]), directory))
                        return true;

        return false;
}

/* True if it ended after haproxy_find(), for example because each of its starts fails; another may run. */
static bool has_ended(const struct haproxy_program *b) {
        struct haproxy_program now = { .arena = b->arena, .settings = b->settings, .root = b->root };

        return haproxy_find(&now) >= 0 && !str_eq(now.master, b->master);
}

int haproxy_check(const struct haproxy_program *b, const struct str *directories, size_t n,
                  struct str *ret_message) {
        struct haproxy_program mine = *b;
        bool has_config = !str_is_absent(b->config) && !is_beside(b->config, directories, n);
        struct arguments argv = { 0 };
        struct spawn_result result;
        int r;

        if (!has_config && n == 0)
                return 0;

        add(&mine, &argv, b->program);
        if (is_container(b)) {
                add(&mine, &argv, STR("exec"));
                add(&mine, &argv, arena_str(b->arena, b->settings->container.text));
                add(&mine, &argv, STR("haproxy"));
        }
        add(&mine, &argv, STR("-c"));
        if (has_config) {
                add(&mine, &argv, STR("-f"));
                add(&mine, &argv, arena_str(b->arena, b->config));
        }
        for (size_t i = 0; i < n; i++) {
                add(&mine, &argv, STR("-f"));
                add(&mine, &argv, arena_str(b->arena, directories[i]));
        }
        add(&mine, &argv, (struct str){ 0 });

        r = run(b, argv.list.at, &result);
        if (r < 0 || result.status == 0 || result.status == CHECK_NO_LISTENER)
                return r;
        if (is_container(b) && has_ended(b)) /* a command in a container ends with it */
                return 0;

        *ret_message = haproxy_alerts(b->arena, arena_join(b->arena, result.err, STR("\n"), result.out));
        if (ret_message->n == 0)
                *ret_message = arena_join(b->arena, str_trim(result.err), str_trim(result.out));
        return 1;
}

/* The name as libc wants it. */
static const char *name_of(const struct haproxy_program *b) {
        return arena_str(b->arena, is_container(b) ? b->settings->container.text : b->settings->unit.text).p;
}

/* A program's output, empty if it failed: only for details of a message. */
static struct str ask(const struct haproxy_program *b, const char *const *argv) {
        struct spawn_result result;

        if (!argv[0] || run(b, argv, &result) < 0 || result.status != 0)
                return STR("");

        return arena_join(b->arena, result.out, STR("\n"), result.err);
}

/* False if the kernel does not report it. */
static bool read_workers(const struct haproxy_program *b, struct proc_children *ret) {
        return b->master.n > 0 && proc_read_children(b->arena, b->master, ret) >= 0;
}

/* True if there is a new worker. */
static bool has_new_worker(const struct haproxy_program *b, const struct proc_children *before) {
        struct proc_children now = { 0 };

        (void) read_workers(b, &now);
        VEC_EACH(pid, &now.list)
                if (!VEC_HAS(&before->list, *pid))
                        return true;

        return false;
}

/* One that can't bind its ports is gone as soon as it came, or never comes. */
static bool wait_for_worker(const struct haproxy_program *b, const struct proc_children *before) {
        struct arena arena = { 0 };
        struct haproxy_program mine = *b;
        bool is_there = false;

        mine.arena = &arena;
        for (unsigned i = 0; i < WORKER_TRIES && !is_there; i++) {
                is_there = has_new_worker(&mine, before);
                clock_pause(is_there ? WORKER_STAYS_MS : WORKER_PAUSE_MS);
                is_there = is_there && has_new_worker(&mine, before);
                arena_done(&arena);
        }

        return is_there;
}

/* HAProxy's own message, since systemd and podman do not report it. */
static struct str explain(const struct haproxy_program *b, time_t since) {
        const char *journal_since = arena_printf(b->arena, "--since=@%lld", (long long) since).p;
        const char *logs_since = arena_printf(b->arena, "--since=%lld", (long long) since).p;
        const char *by_service[] = { spawn_find(b->arena, "journalctl").p,
                                     "--quiet",
                                     "--no-pager",
                                     "--output=cat",
                                     journal_since,
                                     "--unit",
                                     name_of(b),
                                     NULL };
        const char *by_container[] = { b->program.p, "logs", logs_since, "--", name_of(b), NULL };
        struct str alerts = haproxy_alerts(b->arena, ask(b, is_container(b) ? by_container : by_service));

        return arena_join(b->arena,
                          STR("it accepted its configuration, but could not activate it and keeps "
                              "the previous one; often another program has one of its ports"),
                          alerts.n > 0 ? STR(":\n") : STR(""), alerts);
}

/* The message is podman's. */
static int reload_container(const struct haproxy_program *b, struct str *ret_message) {
        struct spawn_result result;
        int r = run(b, (const char *[]){ b->program.p, "kill", "--signal=USR2", "--", name_of(b), NULL },
                    &result);

        if (r < 0 || result.status == 0)
                return r;

        *ret_message = arena_join(b->arena, str_trim(result.err), str_trim(result.out));
        return 1;
}

int haproxy_reload(const struct haproxy_program *b, struct str *ret_message) {
        struct proc_children before = { 0 };
        bool can_prove = read_workers(b, &before);
        time_t start = time(NULL);
        int r = is_container(b) ? reload_container(b, ret_message)
                                : service_reload(b->arena, b->settings->unit.text, ret_message);

        if (r == 0 && can_prove && !wait_for_worker(b, &before)) {
                *ret_message = explain(b, start);
                r = 1;
        }

        return r != 0 && has_ended(b) ? 0 : r;
}
