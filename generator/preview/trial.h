/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A run of the generator in a directory of its own: it changes nothing that is published, accepted or
 * running. */

#include <limits.h>
#include <signal.h>

#include "ctl/ctl.h"
#include "ctl/session.h"
#include "publish/bundle.h"

struct trial {
        char path[PATH_MAX]; /* of the directory; "" for none */
        char live[PATH_MAX]; /* /run/pyservice, as the kernel names it; "" if nothing is published */
        struct publisher publisher;
        struct session *session;
        sigset_t signals; /* as they were blocked before; what ends us waits until the directory is gone */
};

/* An empty directory, as on a machine without any earlier run. Negative errno. */
int trial_open_fresh(struct ctl *c, struct session *s, struct trial *ret);

/* A directory with the published and the accepted bundles: publisher.bundles then has the result of a
 * reload. */
int trial_open(struct ctl *c, struct session *s, struct trial *ret);

void trial_close(struct trial *t);

/* Quadlet's program; below a root, the one that a test names. */
const char *trial_quadlet(const struct ctl *c);

/* Generates the bundles of the session's definitions, and checks them with Quadlet and, as root, with
 * HAProxy, which may add errors. Returns 0, or an exit status after reporting why. */
int trial_run(struct ctl *c, struct trial *t);
