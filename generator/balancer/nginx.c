/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/nginx.h"

#include <arpa/inet.h>
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/vec.h"
#include "runtime/proc.h"
#include "runtime/spawn.h"

enum {
        TRIES = 200, /* ten seconds in all */
        PAUSE_MS = 50,
};

struct pids {
        VEC(struct str) list;
};

static void pause_a_little(void) {
        const struct timespec t = { .tv_nsec = PAUSE_MS * 1000000L };

        (void) nanosleep(&t, NULL);
}

int nginx_check(struct arena *a, struct str *ret_message) {
        struct str program = spawn_find(a, "nginx");
        struct spawn_result result;
        int r;

        if (str_is_absent(program))
                return -ENOENT;

        r = spawn_as_root(a, (const char *[]){ program.p, "-t", "-q", NULL }, &result);
        if (r < 0 || result.status == 0)
                return r;

        *ret_message = arena_join(a, str_trim(result.err), str_trim(result.out));
        return 1;
}

/* One line of `systemctl show`. */
static int ask(struct arena *a, struct str systemctl, const char *property, struct str unit,
               struct str *ret) {
        struct str option = arena_join(a, STR("--property="), str_of(property));
        struct spawn_result result;
        int r = spawn_run(a, (const char *[]){ systemctl.p, "show", option.p, "--value", "--", unit.p, NULL },
                          &result);

        if (r < 0)
                return r;

        *ret = result.out;
        ret->n = str_find(*ret, '\n');
        return 0;
}

/* One that is starting may have read its files already, and can't be reloaded yet. */
static int is_active(struct arena *a, struct str systemctl, struct str unit) {
        struct str state = STR("");

        for (unsigned i = 0; i < TRIES; i++) {
                int r = ask(a, systemctl, "ActiveState", unit, &state);

                if (r < 0)
                        return r;
                if (!str_is(state, "activating"))
                        break;
                pause_a_little();
        }

        return str_is(state, "active") || str_is(state, "reloading");
}

int nginx_dump(struct arena *a, struct str unit, struct str *ret) {
        struct str systemctl = spawn_find(a, "systemctl"), program = spawn_find(a, "nginx");
        struct spawn_result result;
        int r;

        if (str_is_absent(systemctl) || str_is_absent(program))
                return 0;

        r = is_active(a, systemctl, arena_str(a, unit));
        if (r <= 0)
                return r;
        r = spawn_as_root(a, (const char *[]){ program.p, "-T", "-q", NULL }, &result);
        if (r < 0 || result.status != 0)
                return r < 0 ? r : 0;

        *ret = result.out;
        return 1;
}

/* Nothing if the kernel does not report it. */
static void read_workers(struct arena *a, struct str master, struct pids *ret) {
        struct str path = arena_join(a, STR("/proc/"), master, STR("/task/"), master, STR("/children")), text,
                   pid;

        if (master.n == 0 || proc_read(a, path.p, &text) < 0)
                return;

        while (str_split(&text, ' ', &pid))
                if (pid.n > 0)
                        *vec_push(a, &ret->list) = pid;
}

/* nginx's workers show in their title that they accept no new connections. */
static bool is_retired(struct arena *a, struct str pid) {
        struct str title;
        int r = proc_read(a, arena_join(a, STR("/proc/"), pid, STR("/cmdline")).p, &title);

        return r < 0 || title.n == 0 || str_find_str(title, STR("shutting down")) < title.n;
}

static bool wait_for_workers(const struct pids *before) {
        struct arena arena = { 0 };
        bool are_retired = false;

        for (unsigned i = 0; i < TRIES && !are_retired; i++) {
                if (i > 0)
                        pause_a_little();
                are_retired = true;
                VEC_EACH(pid, &before->list)
                        are_retired = are_retired && is_retired(&arena, *pid);
                arena_done(&arena);
        }

        return are_retired;
}

int nginx_reload(struct arena *a, struct str unit, struct str *ret_message) {
        struct str systemctl = spawn_find(a, "systemctl"), master, name = arena_str(a, unit);
        struct pids before = { 0 };
        struct spawn_result result;
        int r;

        if (str_is_absent(systemctl))
                return 0;

        r = is_active(a, systemctl, name);
        if (r <= 0)
                return r;
        r = ask(a, systemctl, "MainPID", name, &master);
        if (r < 0)
                return r;
        read_workers(a, master, &before);

        /* Without ordering: nginx's unit comes after the unit that this program may be run by, and would
         * wait for its end. */
        r = spawn_run(a,
                      (const char *[]){ systemctl.p, "--job-mode=ignore-dependencies", "reload", "--", name.p,
                                        NULL },
                      &result);
        if (r < 0)
                return r;
        if (result.status != 0) {
                *ret_message = arena_join(a, str_trim(result.err), str_trim(result.out));
                return 1;
        }
        if (!wait_for_workers(&before)) {
                *ret_message = STR("it keeps the previous configuration; its log shows why");
                return 1;
        }

        return 0;
}

/* "  0: 0100007F:8CA0 0100007F:46B5 01 …" */
static bool is_open(struct str line, struct str remote) {
        struct str word, rest = str_trim(line);

        for (unsigned i = 0; i < 3; i++)
                if (!str_split(&rest, ' ', &word))
                        return false;

        return str_eq(word, remote) && str_has_prefix(rest, STR("01 "));
}

int nginx_count(struct arena *a, uint64_t port, uint64_t *ret_open) {
        struct str remote = arena_printf(a, "%08X:%04X", htonl(INADDR_LOOPBACK), (unsigned) port), text, line;
        uint64_t n = 0;
        int r = proc_read(a, "/proc/self/net/tcp", &text);

        if (r < 0)
                return r;

        while (str_split(&text, '\n', &line))
                n += is_open(line, remote);
        *ret_open = n;
        return 0;
}
