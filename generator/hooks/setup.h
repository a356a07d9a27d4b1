/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Creates what an app needs on the machine before it starts: its user, directories and files.
 *
 * systemd-sysusers and systemd-tmpfiles make them from files of the bundle, with their own checks of existing
 * paths (links, and directories of others). Contents that are not in the definition are in $RUNTIME_DIRECTORY
 * as one file each, and tmpfiles takes them as credentials: pyservice-environment wrote the secrets, copies
 * of the machine's files are added here.
 *
 * Each start of an instance runs this. As long as nothing has changed, nothing is written, so that a running
 * instance never finds an incomplete file. A mark (a hash) in /run records the last write; so going back to
 * an earlier revision writes its files again. */

#include "base/vec.h"

struct setup_copy {
        struct str name; /* in the directory of the secrets */
        struct str path; /* of the machine's file, absolute */
};

struct setup {
        struct arena *arena;
        /* The directory of the secrets in files: $RUNTIME_DIRECTORY, or that of the unit that decrypts them;
         * NULL if there are none. */
        const char *directory;
        const char *sysusers, *tmpfiles; /* files; sysusers may be NULL */
        const char *marks;               /* /run/pyservice/setup */
        struct str app;                  /* the mark's name */
        struct str owner;                /* "USER:GROUP", looked up; absent for none */
        /* the file among the marks that exists after a complete setup: PYSERVICE_USER=UID:GID, if there is an
         * owner */
        struct str ready;
        VEC(struct setup_copy) copies;
        VEC(const char *) paths;  /* in directories of the owner's: he must not have put links there */
        VEC(const char *) mounts; /* what Podman mounts: the directories on the way must be root's */
        VEC(struct str) problems; /* for the user */
};

/* Takes an argument "NAME=PATH". False if it is not one. */
bool setup_wish(struct setup *s, struct str argument);

/* 0; 1 with the reason in `problems` if the user can fix it; negative errno. After a failure `ready` does
 * not exist. */
int setup_run(struct setup *s);

/* 0 if the setup is complete; 1 with the reason in `problems` if it is not; negative errno. Units that start
 * check this, and are restarted after a while if it is not: if they required the setup's unit, systemd would
 * try that again at once, for ever. */
int setup_check(struct setup *s);
