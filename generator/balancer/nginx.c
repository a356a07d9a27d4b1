/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/nginx.h"

#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>

#include "balancer/service.h"
#include "base/clock.h"
#include "runtime/proc.h"
#include "runtime/spawn.h"

enum {
        TRIES = 600, /* half a minute: a busy machine may stop a process for 15 seconds */
        PAUSE_MS = 50,
};

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

int nginx_dump(struct arena *a, struct str unit, struct str *ret) {
        struct str program = spawn_find(a, "nginx");
        struct spawn_result result;
        struct bus_unit u;
        int r = str_is_absent(program) ? 0 : service_find(a, unit, &u);

        if (r <= 0)
                return r;

        r = spawn_as_root(a, (const char *[]){ program.p, "-T", "-q", NULL }, &result);
        if (r < 0 || result.status != 0)
                return r < 0 ? r : 0;

        *ret = result.out;
        return 1;
}

/* nginx's workers show in their title that they accept no new connections. */
static bool is_retired(struct arena *a, struct str pid) {
        struct str title;
        int r = proc_read(a, arena_join(a, STR("/proc/"), pid, STR("/cmdline")).p, &title);

        return r < 0 || title.n == 0 || str_find_str(title, STR("shutting down")) < title.n;
}

static bool wait_for_workers(const struct proc_children *before) {
        struct arena arena = { 0 };
        bool are_retired = false;

        for (unsigned i = 0; i < TRIES && !are_retired; i++) {
                if (i > 0)
                        clock_pause(PAUSE_MS);
                are_retired = true;
                VEC_EACH(pid, &before->list)
                        are_retired = are_retired && is_retired(&arena, *pid);
                arena_done(&arena);
        }

        return are_retired;
}

int nginx_reload(struct arena *a, struct str unit, struct str *ret_message) {
        struct proc_children before = { 0 };
        struct bus_unit u;
        int r = service_find(a, unit, &u);

        if (r <= 0)
                return r;

        (void) proc_read_children(a, arena_u64(a, u.main_pid), &before);
        r = service_reload(a, unit, ret_message);
        if (r == 0 && !wait_for_workers(&before)) {
                *ret_message = STR("it keeps the previous configuration; its log shows why");
                return 1;
        }

        return r;
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
