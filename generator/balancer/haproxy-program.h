/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The machine's HAProxy: a service, or a container. Finding it, letting it check a configuration,
 * reloading it. */

#include "app/app.h"

struct haproxy_mount {
        struct str source, destination; /* of the machine, in the container */
};

struct haproxy_program {
        struct arena *arena;
        const struct host_haproxy *settings;
        const char *root; /* "" or a directory; below one nothing is reloaded */

        /* haproxy_find() */
        struct str program; /* haproxy, or podman; absent if it is not installed */
        bool can_check;
        bool is_active;         /* it runs, and has to be reloaded */
        struct str master;      /* the number of its first process, if it runs */
        struct str config;      /* the administrator's part as HAProxy sees it; absent if there is none */
        struct str mounts_text; /* podman's list of the container's mounts; absent if it does not run */
        VEC(struct haproxy_mount) mounts;
};

/* Checks if it is installed and runs. Waits a little while a service is just starting. 0 or negative
 * errno. */
int haproxy_find(struct haproxy_program *b);

/* Takes over the mounts of an earlier haproxy_find(), for a container that does not run now. */
void haproxy_remember(struct haproxy_program *b, struct str mounts_text);

/* Where HAProxy finds the absolute path of the machine. False if its container has no such mount. */
bool haproxy_sees(const struct haproxy_program *b, struct str path, struct str *ret);

/* Makes HAProxy read the administrator's configuration and the `n` directories (as it sees them), without
 * using them. 0, also if its container ended meanwhile, so that nothing was checked; 1 if it refuses them,
 * with its messages; negative errno. */
int haproxy_check(const struct haproxy_program *b, const struct str *directories, size_t n,
                  struct str *ret_message);

/* The alerts among HAProxy's messages, without other lines. */
struct str haproxy_alerts(struct arena *a, struct str text);

/* Reloads it, and waits until it serves with the configuration that it read. 0, also if it ended meanwhile,
 * as its next start reads the files; 1 if that failed, with the message, and HAProxy continues as before;
 * negative errno. systemd does not report a port that is taken, so the proof is a new worker process that
 * stays. */
int haproxy_reload(const struct haproxy_program *b, struct str *ret_message);
