/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reads facts about processes and sockets from /proc. */

#include "base/arena.h"
#include "base/vec.h"

/* A file of the kernel's, which reports no size. 0; negative errno. */
int proc_read(struct arena *a, const char *path, struct str *ret);

/* The numbers of the processes that a process started and that have not ended. 0; negative errno: -ENOENT
 * also where the kernel lacks CONFIG_PROC_CHILDREN. */
struct proc_children {
        VEC(struct str) list;
};
int proc_read_children(struct arena *a, struct str pid, struct proc_children *ret);

/* A TCP socket that listens. */
struct proc_listener {
        uint64_t port, inode;
        bool is_any, is_loopback; /* for all addresses of the machine; for 127.0.0.1 */
        struct str pid, process;  /* the owner; absent if this user may not know */
        struct str unit;          /* "haproxy.service", that the process is in; absent for none, too */
};

struct proc_listeners {
        VEC(struct proc_listener) list;
};

/* All of the network that this program is in. 0; negative errno. */
int proc_read_listeners(struct arena *a, struct proc_listeners *ret);

/* Those of a file of /proc/net; pure. */
void proc_parse_listeners(struct arena *a, struct str text, struct proc_listeners *ret);

/* The service, or else the scope, in the text of /proc/PID/cgroup; absent for none. Pure. */
struct str proc_unit_of(struct str cgroup);
