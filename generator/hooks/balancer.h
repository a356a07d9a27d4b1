/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The machine's HAProxy: a service, or a container. Finding it, letting it check a configuration,
 * reloading it. */

#include "app/app.h"

struct balancer_mount {
        struct str source, destination; /* of the machine, in the container */
};

struct balancer {
        struct arena *arena;
        const struct host_haproxy *settings;
        const char *root; /* "" or a directory; below one nothing is reloaded */

        /* balancer_find() */
        struct str program; /* haproxy, or podman; absent where it is not installed */
        bool can_check;
        bool is_active;         /* it runs, and has to be reloaded */
        struct str config;      /* the administrator's part as HAProxy sees it; absent where there is none */
        struct str mounts_text; /* what podman said of the container's mounts; absent where it does not run */
        VEC(struct balancer_mount) mounts;
};

/* Looks whether it is there and runs. Waits a little while a service is just starting. 0 or negative
 * errno. */
int balancer_find(struct balancer *b);

/* Takes over the mounts of an earlier balancer_find(), for a container that does not run now. */
void balancer_remember(struct balancer *b, struct str mounts_text);

/* Where HAProxy finds the absolute path of the machine. False where its container has no such mount. */
bool balancer_sees(const struct balancer *b, struct str path, struct str *ret);

/* The process number of HAProxy's first process, the master; "" where it is not known. */
struct str balancer_master(const struct balancer *b);

/* Lets HAProxy read the administrator's configuration and the `n` directories (as it sees them), without
 * using them. 0; 1 where it refuses them, with its messages; negative errno. */
int balancer_check(const struct balancer *b, const struct str *directories, size_t n,
                   struct str *ret_message);

/* HAProxy's messages without what is nobody's business: the alerts alone. */
struct str balancer_alerts(struct arena *a, struct str text);

/* Reloads it, and waits until it serves by what it read. 0; 1 where that failed, with the message, and
 * HAProxy goes on as before; negative errno. systemctl says nothing of a port that is taken, so the proof
 * is a new worker process that stays. */
int balancer_reload(const struct balancer *b, struct str *ret_message);
