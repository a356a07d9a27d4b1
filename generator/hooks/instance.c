/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/instance.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
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
#include "systemd/readiness.h"

enum { SETTLE_MS = 1000 }; /* what has no check counts as ready once it has run this long */

void instance_note(struct instance *i, struct str text) {
        *vec_push(i->arena, &i->notes) = text;
}

static bool find_main_process(uint64_t *ret) {
        const char *text = getenv("MAINPID");

        return text && str_to_u64(str_of(text), INT32_MAX, ret) && *ret > 0;
}

/* The main process of the unit (conmon, which ends with the container), or -1: systemd does not watch it
 * while this program runs. The descriptor is readable once it ended, also if it ended before this program
 * began, as it may during a reload of systemd. */
static int open_main_process(void) {
        uint64_t pid;
        int fd;

        if (!find_main_process(&pid))
                return -1;

        fd = (int) syscall(SYS_pidfd_open, (pid_t) pid, 0);
        return fd < 0 && errno == ESRCH ? eventfd(1, EFD_CLOEXEC) : fd;
}

bool instance_pause(uint64_t ms) {
        CLEANUP(close_fd) int process = open_main_process();

        return clock_wait(process, ms);
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

        if (!i->has_shared_network && find_main_process(&conmon) &&
            netns_find_address(i->arena, conmon, &address) >= 0)
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

        instance_note(i, arena_join(i->arena, what, STR(": "), asked, STR(": "), problem));
}

/* Probes until the instance works. 1 if it does not. */
static int wait_until_it_works(struct instance *i) {
        CLEANUP(close_fd) int process = open_main_process();
        const uint64_t start = clock_ms(CLOCK_BOOTTIME);
        struct str problem, told = { 0 };

        for (;;) {
                int r = check(i, &problem);
                uint64_t now = clock_ms(CLOCK_BOOTTIME) - start;

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
                        note_failure(i, STR(READINESS_NOT_READY), problem);
                        return 1;
                }
                if (!clock_wait(process, probe_pause(&i->probe, now))) {
                        note_failure(i, STR(READINESS_EXITED), problem);
                        return 1;
                }
        }
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
                instance_note(i, arena_join(i->arena, STR("cannot write "), str_of(i->watch), STR(": "),
                                            str_of(strerror(-r))));
}

/* Runs the action of its balancer, if it has one, and takes over the notes. */
static int with_balancer(struct instance *i, int (*act)(struct balancer_server *s)) {
        int r;

        i->server.port = i->port;
        r = act(&i->server);
        VEC_EACH(text, &i->server.notes)
                instance_note(i, *text);
        return r;
}

/* The instance works without its balancer, so a failure is only reported. */
static int enter_balancer(struct instance *i) {
        CLEANUP(close_fd) int process = open_main_process();
        int r;

        i->server.process = process;
        i->server.address = str_is_absent(i->container) ? (struct str){ 0 } : i->request.address;
        i->server.is_probed = !str_is_absent(i->request.path) && !i->has_own_check;
        r = with_balancer(i, i->server.balancer->enter);
        if (r < 0)
                instance_note(i,
                              arena_join(i->arena, STR("cannot enable its server in "),
                                         str_of(i->server.balancer->name), STR(": "), str_of(strerror(-r))));
        return r > 0;
}

int instance_enter(struct instance *i) {
        int r = 0;

        if (i->port > 0)
                r = wait_until_it_works(i);
        if (r == 0 && i->watch)
                leave_watch(i);
        if (r == 0 && i->server.balancer)
                r = enter_balancer(i);
        return r;
}

/* The port may be published without translation (rootless), and then nothing is known of it. */
static void forget_the_one_before(struct instance *i) {
        int r = conntrack_forget((unsigned) i->port);

        if (r < 0 && r != -EPERM && r != -EOPNOTSUPP && r != -EPROTONOSUPPORT && r != -EINVAL)
                instance_note(i, arena_join(i->arena, STR("cannot forget old connections to port "),
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

static int drain(struct instance *i) {
        return i->server.balancer ? with_balancer(i, balancer_drain) : 0;
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
        lifecycle_note_end(i);
        lifecycle_report_failing(i);
        return i->server.balancer ? with_balancer(i, i->server.balancer->leave) : 0;
}
