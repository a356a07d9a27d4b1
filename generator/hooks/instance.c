/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/instance.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "hooks/command.h"
#include "hooks/lifecycle.h"
#include "hooks/watch.h"
#include "runtime/conntrack.h"
#include "runtime/http.h"
#include "runtime/netns.h"
#include "runtime/spawn.h"
#include "systemd/notify.h"

enum {
        LOOK_MS = 50,      /* between two checks of the open connections */
        SILENCE_MS = 1000, /* before a worker that did not answer is sent the command again */
        SETTLE_MS = 1000,  /* what has no check counts as ready once it has run this long */
        LOOKS_AT_REST = 2, /* a request may be on its way to the server while its sessions are counted */
};

static void note(struct instance *i, struct str text) {
        *vec_push(i->arena, &i->notes) = text;
}

static bool is_proxied(const struct instance *i) {
        return i->haproxy.server.n > 0;
}

static bool find_main_process(uint64_t *ret) {
        const char *text = getenv("MAINPID");

        return text && str_to_u64(str_of(text), INT32_MAX, ret) && *ret > 0;
}

/* The main process of the unit (conmon, which ends with the container), or -1: systemd does not watch it
 * while this program runs. */
static int open_main_process(void) {
        uint64_t pid;

        return find_main_process(&pid) ? (int) syscall(SYS_pidfd_open, (pid_t) pid, 0) : -1;
}

/* False if the process has ended. */
static bool wait_ms(int process, uint64_t ms) {
        struct pollfd p = { .fd = process, .events = POLLIN };

        return poll(&p, 1, ms > INT32_MAX ? INT32_MAX : (int) ms) <= 0;
}

bool instance_pause(uint64_t ms) {
        CLEANUP(close_fd) int process = open_main_process();

        return wait_ms(process, ms);
}

static struct str ask_podman_for_address(struct instance *i) {
        struct str podman = spawn_find(i->arena, "podman");
        struct str format = arena_join(
                i->arena, STR("{{with index .NetworkSettings.Networks \""), i->network,
                STR("\"}}{{if .IPAddress}}{{.IPAddress}}{{else}}{{.GlobalIPv6Address}}{{end}}{{end}}"));
        struct spawn_result result;
        struct str address;

        if (str_is_absent(podman) ||
            spawn_run(i->arena,
                      (const char *[]){ podman.p, "container", "inspect", "--format", format.p, "--",
                                        i->container.p, NULL },
                      &result) < 0 ||
            result.status != 0)
                return (struct str){ 0 };

        address = arena_str(i->arena, (struct str){ result.out.p, str_find(result.out, '\n') });
        return str_is_made_of(address, "0123456789abcdefABCDEF.:") && address.n > 0 ? address
                                                                                    : (struct str){ 0 };
}

/* The container's address; absent if it has none (yet). */
static struct str find_address(struct instance *i) {
        struct str address;
        uint64_t conmon;

        if (find_main_process(&conmon) && netns_find_address(i->arena, conmon, &address) >= 0)
                return address;
        return ask_podman_for_address(i);
}

/* Probes once; absent if the instance works, else the reason. */
static int check(struct instance *i, struct str *ret_problem) {
        struct http_request *q = &i->request;
        struct http_answer answer;
        int r;

        *ret_problem = (struct str){ 0 };
        if (str_is_absent(q->address))
                q->address = str_is_absent(i->container) ? STR("127.0.0.1") : find_address(i);
        if (str_is_absent(q->address)) {
                *ret_problem =
                        arena_join(i->arena, STR("its container has no address on the network "), i->network);
                return 0;
        }

        r = http_get(i->arena, q, &answer);
        if (r >= 0)
                *ret_problem = probe_judge(i->arena, q, i->codes, &answer);
        return r;
}

/* For `systemctl status`, and for a rollout that waits no longer than its ready_timeout. */
static void tell_status(struct instance *i, struct str problem) {
        struct str asked = probe_describe(i->arena, &i->request);
        struct str text = str_is_absent(problem) ? STR("") : arena_join(i->arena, asked, STR(": "), problem);

        notify_manager(i->arena, arena_join(i->arena, STR("STATUS="), text));
        lifecycle_explain(i, text);
}

static void note_failure(struct instance *i, struct str what, struct str problem) {
        struct str asked = probe_describe(i->arena, &i->request);

        note(i, arena_join(i->arena, what, STR(": "), asked, STR(": "), problem));
}

/* Probes until the instance works. 1 if it does not. */
static int wait_until_it_works(struct instance *i) {
        CLEANUP(close_fd) int process = open_main_process();
        const uint64_t start = clock_usec(CLOCK_BOOTTIME) / 1000;
        struct str problem, told = { 0 };

        for (;;) {
                int r = check(i, &problem);
                uint64_t now = clock_usec(CLOCK_BOOTTIME) / 1000 - start;

                if (r < 0)
                        return r;
                if (!str_eq(problem, told))
                        tell_status(i, problem);
                told = problem;
                if (str_is_absent(problem))
                        return 0;
                /* The definition sets no limit for the start: systemd's TimeoutStartSec= is the limit
                 * then. */
                if (!str_is_absent(i->request.path) && probe_failed(&i->probe, now)) {
                        note_failure(i, STR("not ready"), problem);
                        return 1;
                }
                if (!wait_ms(process, probe_pause(&i->probe, now))) {
                        note_failure(i, STR("exited before it was ready"), problem);
                        return 1;
                }
        }
}

/* Always before the commands to the workers: a worker that starts in between has read the file. */
static int write_state(struct instance *i, bool is_ready) {
        int r = i->states.path ? haproxy_states_put(&i->states, i->haproxy.server, is_ready ? i->port : 0)
                               : 0;

        if (r < 0)
                note(i, arena_join(i->arena, STR("cannot write "), str_of(i->states.path), STR(": "),
                                   str_of(strerror(-r))));
        return r;
}

/* As haproxy_set_state(). */
static int tell_once(const struct instance *i) {
        /* Absent: HAProxy keeps the address that it has. */
        struct str address = str_is_absent(i->container) ? (struct str){ 0 } : i->request.address;
        int r = i->states.path ? haproxy_set_port(&i->haproxy, i->port) : 0;

        if (r >= 0 && !str_is_absent(i->request.path) && !i->has_own_check)
                r = haproxy_set_up(&i->haproxy, address);
        return r < 0 ? r : haproxy_set_state(&i->haproxy, STR("ready"));
}

/* An HAProxy that runs and does not answer would leave the server out for good, one instance after the other.
 * So the start lasts until it answers, or until systemd's time limit. Then it gets the command once more,
 * since the unanswered ones may arrive late, in any order. 1 if the instance ended meanwhile. */
static int tell_until_answered(struct instance *i) {
        CLEANUP(close_fd) int process = open_main_process();
        bool was_silent = false;

        for (;;) {
                int r = tell_once(i);
                bool is_silent = r == -ETIMEDOUT || r == -EAGAIN;

                if (!is_silent && !was_silent)
                        return r < 0 ? r : 0;
                if (is_silent != was_silent)
                        notify_manager(i->arena,
                                       is_silent ? STR("STATUS=waiting for HAProxy, which does not answer")
                                                 : STR("STATUS="));
                was_silent = is_silent;
                if (!wait_ms(process, SILENCE_MS)) {
                        note(i, STR("exited while HAProxy did not answer"));
                        return 1;
                }
        }
}

/* The instance works without HAProxy, so a failure is only reported. */
static int tell_ready(struct instance *i) {
        int r;

        (void) write_state(i, true);
        r = tell_until_answered(i);
        if (r < 0)
                note(i, arena_join(i->arena, STR("cannot enable its server in HAProxy: "),
                                   str_of(strerror(-r))));
        return r > 0;
}

/* So that its probes continue. */
static void leave_watch(struct instance *i) {
        struct watched w = {
                .invocation = str_of(getenv("INVOCATION_ID")),
                .request = i->request,
                .codes = i->codes,
                .interval = i->probe.interval,
                .retries = i->probe.retries,
        };
        int r = watch_write(i->arena, i->watch, &w);

        if (r < 0)
                note(i, arena_join(i->arena, STR("cannot write "), str_of(i->watch), STR(": "),
                                   str_of(strerror(-r))));
}

/* Runs the command for nginx, and reports its errors. */
static int with_nginx(struct instance *i, int (*work)(struct nginx_instance *n)) {
        int r;

        i->nginx.arena = i->arena;
        i->nginx.port = i->port;
        i->nginx.drain = i->drain;
        r = work(&i->nginx);
        if (!str_is_absent(i->nginx.note))
                note(i, i->nginx.note);
        return r;
}

static void enter_nginx(struct instance *i) {
        int r = with_nginx(i, nginx_enter);

        if (r < 0)
                note(i,
                     arena_join(i->arena, STR("cannot enable its server in nginx: "), str_of(strerror(-r))));
}

int instance_enter(struct instance *i) {
        int r = 0;

        if (i->port > 0)
                r = wait_until_it_works(i);
        if (r == 0 && i->watch)
                leave_watch(i);
        if (r == 0 && is_proxied(i))
                r = tell_ready(i);
        if (r == 0 && i->nginx.path.n > 0)
                enter_nginx(i);

        return r;
}

/* The port may be published without translation (rootless), and then nothing is known of it. */
static void forget_the_one_before(struct instance *i) {
        int r = conntrack_forget((unsigned) i->port);

        if (r < 0 && r != -EPERM && r != -EOPNOTSUPP && r != -EPROTONOSUPPORT && r != -EINVAL)
                note(i, arena_join(i->arena, STR("cannot forget old connections to port "),
                                   arena_u64(i->arena, i->port), STR(": "), str_of(strerror(-r))));
}

static bool is_checked(const struct instance *i) {
        return i->has_health || i->port > 0 || str_is_absent(i->name);
}

int instance_ready(struct instance *i) {
        int r = 0;

        lifecycle_stop_when_told(i);
        lifecycle_note_start(i);
        if (!i->is_user && i->port > 0 && (str_is_absent(i->container) || i->is_published))
                forget_the_one_before(i);

        if (i->command)
                r = command_after_start(i);
        if (r == 0 && i->has_health)
                r = lifecycle_await_health(i);
        if (r == 0)
                r = instance_enter(i);
        /* systemd judges by its exit status; one that ended well need not be ready. */
        if (r == 0 && !is_checked(i) && !instance_pause(SETTLE_MS))
                return 0;
        if (r == 0)
                lifecycle_note_ready(i);
        return r;
}

/* Takes the server out of every worker (a reload forgets that it was) and counts what is open. */
static int look(const struct instance *i, uint64_t *ret_open) {
        struct arena arena = { 0 };
        struct haproxy_client client = i->haproxy;
        struct haproxy_answer answer = { 0 };
        int r;

        client.arena = &arena;
        r = haproxy_set_state(&client, STR("drain"));
        if (r > 0)
                r = haproxy_count(&client, &answer);
        arena_done(&arena);

        *ret_open = answer.n_sessions;
        return r;
}

static int wait_until_at_rest(struct instance *i) {
        const uint64_t start = clock_usec(CLOCK_BOOTTIME) / 1000;
        unsigned looks = 0;

        for (uint64_t open;;) {
                int r = look(i, &open);

                if (r < 0)
                        return r;
                looks = open == 0 ? looks + 1 : 0;
                if (looks == LOOKS_AT_REST)
                        return 0;
                if (clock_usec(CLOCK_BOOTTIME) / 1000 - start >= i->drain) {
                        if (open > 0)
                                note(i, arena_join(i->arena, arena_u64(i->arena, open),
                                                   STR(" requests still open after "),
                                                   arena_u64(i->arena, i->drain / 1000),
                                                   STR(" s; stopping anyway")));
                        return 0;
                }
                (void) wait_ms(-1, LOOK_MS);
        }
}

static int drain(struct instance *i) {
        int written, r;

        if (i->nginx.path.n > 0)
                return with_nginx(i, nginx_drain);
        if (!is_proxied(i))
                return 0;

        written = write_state(i, false);
        r = haproxy_set_state(&i->haproxy, STR("drain"));
        if (r <= 0)
                return r < 0 ? r : written;

        r = wait_until_at_rest(i);
        /* A drained server still gets the requests of clients that stick to it. */
        return r < 0 ? r : instance_leave(i);
}

int instance_before(struct instance *i) {
        i->name = arena_join(i->arena, i->name, STR(COMMAND_BEFORE_START_SUFFIX));
        lifecycle_stop_when_told(i);
        return command_before_start(i);
}

int instance_drain(struct instance *i) {
        int r = drain(i);
        uint64_t pid;

        /* A container that has ended by itself can run no command. */
        if (i->command && find_main_process(&pid))
                command_before_stop(i);
        return r;
}

int instance_leave(struct instance *i) {
        int written, r;

        lifecycle_note_end(i);

        if (i->nginx.path.n > 0)
                return with_nginx(i, nginx_leave);
        if (!is_proxied(i))
                return 0;

        written = write_state(i, false);
        r = haproxy_set_state(&i->haproxy, STR("maint"));
        return r < 0 ? r : written;
}
