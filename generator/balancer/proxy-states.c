/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/proxy-states.h"

#include <errno.h>

#include "balancer/haproxy-socket.h"
#include "balancer/haproxy-states.h"
#include "base/fs.h"
#include "bundle/layout.h"

enum { STATES_MAX = 4 << 20 };

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
        /* Locked, so that no server is set to ready after its hook has taken it out. */
        CLEANUP(close_fd)
        int lock = haproxy_states_lock(arena_join(a, runtime, STR("/" LAYOUT_SERVERS)).p);
        struct haproxy_client client = haproxy_client_of(a, settings);
        struct fs_names names;
        int r = lock < 0 ? lock : fs_list(a, lock, ".", &names);

        if (r < 0)
                return r == -ENOENT ? 0 : r;

        /* Files that begin with a dot were being written by a process that was killed. */
        VEC_EACH(name, &names.list)
                if (name->p[0] != '.' && r >= 0)
                        r = tell_backend(a, &client, lock, *name);
        return r < 0 ? r : 0;
}

int proxy_tell_states(struct proxy_run *p) {
        int r = p->root[0] == '\0' ? tell_all(p->arena, p->world->host.haproxy, p->world->places.runtime) : 0;

        return r < 0 ? proxy_fail(p, STR("sending HAProxy the state of the servers"), r) : 0;
}
