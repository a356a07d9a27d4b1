/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the generator would do, done by the generator itself in a directory of its own: nothing that is
 * published, accepted or running is touched. */

#include <limits.h>
#include <signal.h>

#include "ctl/ctl.h"
#include "ctl/session.h"
#include "publish/bundle.h"

struct trial {
        char path[PATH_MAX]; /* of the directory; "" for none */
        char live[PATH_MAX]; /* /run/pyservice, as the kernel names it; "" where nothing is published */
        struct publisher publisher;
        struct session *session;
        sigset_t signals; /* as they were blocked before; what ends us waits until the directory is gone */
};

/* An empty directory, as on a machine where nothing ever ran. Negative errno. */
int trial_open_fresh(struct ctl *c, struct session *s, struct trial *ret);

/* One that knows what is published, and what is accepted: publisher.bundles then says what would come of a
 * reload. */
int trial_open(struct ctl *c, struct session *s, struct trial *ret);

void trial_close(struct trial *t);

/* Quadlet's program; below a root, the one that a test names. */
const char *trial_quadlet(const struct ctl *c);

/* Generates what the session has loaded, and asks Quadlet and, as root, HAProxy; what they refuse is added
 * to the mistakes. Gives 0, or an exit status after having said why. */
int trial_run(struct ctl *c, struct trial *t);
