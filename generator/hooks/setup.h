/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Creates what an app needs on the machine before it starts: its user, directories and files.
 *
 * systemd-sysusers and systemd-tmpfiles make them from files of the bundle, with their own checks of what
 * is in the way (links, and directories of others). What is no text of the definition lies in
 * $RUNTIME_DIRECTORY as one file each, and tmpfiles takes it as a credential: pyservice-environment wrote
 * the secrets, copies of the machine's files are added here.
 *
 * Each start of an instance comes here. As long as everything is as it was, nothing is written: no
 * instance that runs finds a file half written. A mark (a hash) in /run says what was written last; so
 * going back to an earlier revision writes its files again. */

#include "base/vec.h"

struct setup_copy {
        struct str name; /* in $RUNTIME_DIRECTORY */
        struct str path; /* of the machine's file, absolute */
};

struct setup {
        struct arena *arena;
        const char *directory;           /* $RUNTIME_DIRECTORY; NULL where there is none */
        const char *sysusers, *tmpfiles; /* files; sysusers may be NULL */
        const char *marks;               /* /run/pyservice/setup */
        struct str app;                  /* the mark's name */
        struct str owner;                /* "USER:GROUP", looked up; absent for none */
        /* the file among the marks that is there when all is: PYSERVICE_USER=UID:GID, where there is an
         * owner */
        struct str ready;
        VEC(struct setup_copy) copies;
        VEC(const char *) paths;  /* in directories of the owner's: he must not have put links there */
        VEC(const char *) mounts; /* what Podman mounts: the directories on the way must be root's */
        VEC(struct str) problems; /* for the user */
};

/* Takes an argument "NAME=PATH". False where it is none. */
bool setup_wish(struct setup *s, struct str argument);

/* 0; 1 with the reason in `problems` if the user can fix it; negative errno. After a failure `ready` does
 * not exist. */
int setup_run(struct setup *s);

/* Is it? 0 or 1, likewise. What starts asks this, and is restarted after a while where it is not: if it
 * required the set-up's unit, systemd would try that again at once, for ever. */
int setup_check(struct setup *s);
