/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Running Quadlet: one process, its messages caught, and an end to it in any case.
 *
 * It is started and finished in two calls, so that there is time for other work in between. At boot its
 * messages would go to /dev/kmsg; an option makes it write them to its standard error. It gets no more
 * environment than it needs. */

#include <sys/types.h>

#include "base/arena.h"

/* The number of bytes that are kept of its messages; further bytes are read and dropped. */
enum { QUADLET_MESSAGES_MAX = 1 << 20 };

struct quadlet_run {
        pid_t pid;
        int messages;
        uint64_t deadline; /* CLOCK_MONOTONIC, microseconds */
};

struct quadlet_result {
        struct str messages;
        int status;   /* as of waitpid() */
        bool is_late; /* was killed because it took too long */
};

struct quadlet_job {
        const char *program;      /* also its argv[0] */
        struct str input, output; /* directories; absolute paths without ':' */
        bool is_user;
        unsigned timeout_msec;
};

/* Starts it. After 0, quadlet_finish() must be called. */
int quadlet_start(const struct quadlet_job *job, struct quadlet_run *ret);

/* Waits for its end, or ends it at its deadline, with all processes that it started. */
int quadlet_finish(struct arena *a, struct quadlet_run *run, struct quadlet_result *ret);

/* True if it ended by itself, without a signal or a crash. Its exit code is 1 if it refused some files. */
bool quadlet_is_orderly(const struct quadlet_result *result);
