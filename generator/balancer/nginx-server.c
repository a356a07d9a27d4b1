/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "balancer/nginx-sites.h"
#include "balancer/nginx.h"
#include "base/fs.h"

enum {
        LOOK_MS = 200,     /* each check walks all connections of the machine */
        LOOKS_AT_REST = 5, /* a client that a retired worker accepted may not have sent its request yet */
        LINE_MAX_BYTES = 256,
};

static int reload(struct nginx_instance *i) {
        struct str message;
        int r = nginx_reload(i->arena, i->unit, &message);

        if (r > 0)
                i->note = arena_join(i->arena, STR("cannot reload nginx: "), message);
        return r < 0 ? r : 0;
}

int nginx_enter(struct nginx_instance *i) {
        /* An instance that is down takes its line out itself. By nginx's own count (max_fails), one strange
         * answer of each instance would leave the application without a server for ten seconds. */
        struct str line = arena_join(i->arena, STR("server 127.0.0.1:"), arena_u64(i->arena, i->port),
                                     STR(" max_fails=0;\n"));
        int r = fs_make_dirs(AT_FDCWD, i->path.p, true);

        if (r >= 0)
                r = fs_replace(AT_FDCWD, i->path.p, 0644, line);
        return r < 0 ? r : reload(i);
}

/* The port of the instance, from its file. Not from the unit: if the instance is stopped because the scale
 * was lowered, the unit no longer has the port. */
static uint64_t read_port(struct nginx_instance *i) {
        struct str text, word;
        uint64_t port;

        if (fs_read(i->arena, AT_FDCWD, i->path.p, LINE_MAX_BYTES, &text) < 0 ||
            !str_split(&text, ':', &word) || str_is_absent(text))
                return 0;

        text.n = strspn(text.p, "0123456789");
        return str_to_u64(text, UINT16_MAX, &port) ? port : 0;
}

/* 1 if it was in. */
static int leave(struct nginx_instance *i) {
        int r;

        i->port = read_port(i);
        if (unlink(i->path.p) < 0)
                return errno == ENOENT ? 0 : -errno;

        r = reload(i);
        return r < 0 ? r : 1;
}

int nginx_leave(struct nginx_instance *i) {
        int r = leave(i);

        return r < 0 ? r : 0;
}

/* Without counting the time in which the workers retired, which is the machine's and not the requests'. */
static int wait_until_at_rest(struct nginx_instance *i) {
        const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
        unsigned looks = 0;
        uint64_t open;

        for (uint64_t waited = 0;; waited += LOOK_MS) {
                struct arena arena = { 0 };
                int r = nginx_count(&arena, i->port, &open);

                arena_done(&arena);
                if (r < 0)
                        return r;
                looks = open == 0 ? looks + 1 : 0;
                if (looks == LOOKS_AT_REST)
                        return 0;
                if (waited >= i->drain)
                        break;
                (void) nanosleep(&pause, NULL);
        }

        if (open > 0)
                i->note = arena_join(i->arena, arena_u64(i->arena, open), STR(" requests still open after "),
                                     arena_u64(i->arena, i->drain / 1000), STR(" s; stopping anyway"));
        return 0;
}

int nginx_drain(struct nginx_instance *i) {
        int r = leave(i);

        return r > 0 ? wait_until_at_rest(i) : r;
}
