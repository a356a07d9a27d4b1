/* SPDX-License-Identifier: Apache-2.0 */

/* The server of an instance in nginx, which has no command that takes a server out. An instance that is ready
 * has a file with its server's line, which the upstream includes. To drain is to remove that file and to
 * reload nginx: the workers of before take nothing new and end what they have begun. So a drain is over when
 * they no longer take requests and no connection to the instance's port is left. */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "balancer/balancer.h"
#include "balancer/nginx.h"
#include "base/fs.h"
#include "bundle/layout.h"

enum {
        COUNT_MS = 200, /* each walks all connections of the machine */
        N_COUNTS = 5,   /* a client that a retired worker accepted may not have sent its request yet */
        LINE_MAX_BYTES = 256,
};

static int reload(struct balancer_server *s) {
        struct str message;
        int r = nginx_reload(s->arena, s->unit, &message);

        if (r > 0)
                balancer_note(s, arena_join(s->arena, STR("cannot reload nginx: "), message));
        return r < 0 ? r : 0;
}

static int enter(struct balancer_server *s) {
        /* An instance that is down takes its line out itself. By nginx's own count (max_fails), one strange
         * answer of each instance would leave the application without a server for ten seconds. */
        struct str line = arena_join(s->arena, STR("server 127.0.0.1:"), arena_u64(s->arena, s->port),
                                     STR(" max_fails=0;\n"));
        int r = fs_make_dirs(AT_FDCWD, s->path.p, true);

        if (r >= 0)
                r = fs_replace(AT_FDCWD, s->path.p, 0644, line);
        return r < 0 ? r : reload(s);
}

/* The port of the instance, from its file. Not from the unit: if the instance is stopped because the scale
 * was lowered, the unit no longer has the port. */
static uint64_t read_port(struct balancer_server *s) {
        struct str text, word;
        uint64_t port;

        if (fs_read(s->arena, AT_FDCWD, s->path.p, LINE_MAX_BYTES, &text) < 0 ||
            !str_split(&text, ':', &word) || str_is_absent(text))
                return 0;

        text.n = strspn(text.p, "0123456789");
        return str_to_u64(text, UINT16_MAX, &port) ? port : 0;
}

static int drain(struct balancer_server *s) {
        int r;

        s->port = read_port(s);
        if (unlink(s->path.p) < 0)
                return errno == ENOENT ? 0 : -errno;

        r = reload(s);
        return r < 0 ? r : 1;
}

static int leave(struct balancer_server *s) {
        int r = drain(s);

        return r < 0 ? r : 0;
}

static int count(struct balancer_server *s, uint64_t *ret_open) {
        struct arena arena = { 0 };
        int r = nginx_count(&arena, s->port, ret_open);

        arena_done(&arena);
        return r;
}

static void read_state(const struct balancer_view *v, struct str backend, struct str server, struct str unit,
                       struct balancer_state *ret) {
        struct str instance = { unit.p, unit.n - strlen(".service") };
        struct str file = arena_join(v->arena, STR(LAYOUT_SERVERS "/"), instance, STR(".nginx"));

        (void) backend;
        (void) server;
        if (v->runtime < 0)
                return;

        ret->is_out = faccessat(v->runtime, file.p, F_OK, 0) < 0;
        ret->text = ret->is_out ? STR("not in nginx") : STR("in nginx");
}

static struct balancer_settings settings(const struct host *host) {
        const struct host_nginx *n = host->nginx;

        return (struct balancer_settings){ n->unit.text, n->http_port.n, n->https_port.n };
}

const struct balancer balancer_nginx = {
        .name = "nginx",
        .key = "nginx",
        .settings = settings,
        .pending = "nginx.reload",
        .publish = nginx_publish,
        .renew = nginx_renew,
        .enter = enter,
        .drain = drain,
        .count = count,
        .count_ms = COUNT_MS,
        .n_counts = N_COUNTS,
        .leave = leave,
        .state = read_state,
};
