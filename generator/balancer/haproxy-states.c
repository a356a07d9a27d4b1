/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/haproxy-states.h"

#include <errno.h>
#include <fcntl.h>

#include "base/buf.h"
#include "base/fs.h"
#include "bundle/layout.h"

#define VERSION_LINE STR("1\n")

enum {
        STATES_MAX = 4 << 20,
        FIELD_SERVER = 3,
};

static struct str field(struct str line, size_t i) {
        struct str rest = line, word = { 0 };

        for (size_t k = 0; k <= i; k++)
                if (!str_split(&rest, ' ', &word))
                        return (struct str){ 0 };

        return word;
}

static struct str name_of(const struct haproxy_states *s) {
        return str_of(strrchr(s->path, '/') + 1);
}

/* HAProxy reads these of the 25 fields:
 *
 *     srv_op_state     2: it is up
 *     srv_admin_state  4 (SRV_ADMF_CMAINT without SRV_ADMF_FMAINT): disabled by the configuration, enabled
 *                      since. 0 would mean that the configuration did not have `disabled` before, and then
 *                      the configuration wins (seen with 2.6 and 3.0).
 *     srv_uweight, srv_iweight
 *                      1, as in the configuration
 *     srv_check_status, srv_check_result, srv_check_health, srv_check_state
 *                      6 3 4 6: it passed its last check. With 0 0 0 HAProxy 2.6 crashes when the next one
 *                      fails (seen).
 *     srv_port         the port of the instance, even if the configuration has another one by now */
static void put_line(struct buf *b, const struct haproxy_states *s, struct str server, uint64_t port) {
        buf_put_u64(b, s->id);
        buf_put_char(b, ' ');
        buf_put_str(b, name_of(s));
        buf_put_str(b, STR(" 0 "));
        buf_put_str(b, server);
        buf_put_str(b, STR(" - 2 4 1 1 0 6 3 4 6 0 1 0 - "));
        buf_put_u64(b, port);
        buf_put_str(b, STR(" - 0 0 - - 0\n"));
}

struct str haproxy_states_edit(const struct haproxy_states *s, struct str text, struct str server,
                               uint64_t port) {
        struct buf b = buf_in(s->arena);
        struct str rest = text, line;

        buf_put_str(&b, VERSION_LINE);
        (void) str_split(&rest, '\n', &line);
        while (str_split(&rest, '\n', &line)) {
                struct str name = field(line, FIELD_SERVER);

                if (str_is_absent(name) || str_eq(name, server))
                        continue;
                buf_put_str(&b, line);
                buf_put_char(&b, '\n');
        }
        if (port > 0)
                put_line(&b, s, server, port);
        return buf_str(&b);
}

void haproxy_states_parse(struct arena *a, struct str text, struct haproxy_ready *ret) {
        struct str rest = text, line;

        (void) str_split(&rest, '\n', &line);
        while (str_split(&rest, '\n', &line)) {
                struct str name = field(line, FIELD_SERVER);

                if (!str_is_absent(name) && line.p[0] != '#')
                        *vec_push(a, &ret->servers) = arena_str(a, name);
        }
}

int haproxy_states_lock(int directory) {
        return fs_lock(directory, LAYOUT_LOCK);
}

static int put_in(const struct haproxy_states *s, int directory, struct str server, uint64_t port) {
        struct str old = STR(""), new;
        int r = fs_read(s->arena, directory, name_of(s).p, STATES_MAX, &old);

        if (r < 0 && r != -ENOENT)
                return r;

        new = haproxy_states_edit(s, old, server, port);
        return str_eq(old, new) ? 0 : fs_replace(directory, name_of(s).p, 0644, new);
}

int haproxy_states_put(const struct haproxy_states *s, struct str server, uint64_t port) {
        struct str path =
                arena_str(s->arena, (struct str){ s->path, (size_t) (strrchr(s->path, '/') - s->path) });
        CLEANUP(close_fd) int directory = -1;
        CLEANUP(close_fd) int lock = -1;
        int r = fs_make_dirs(AT_FDCWD, s->path, true);

        if (r < 0)
                return r;
        directory = fs_open_dir(AT_FDCWD, path.p);
        if (directory < 0)
                return directory;
        lock = haproxy_states_lock(directory);
        return lock < 0 ? lock : put_in(s, directory, server, port);
}
