/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shared by changes of drop-ins and definitions, and by new definitions: they are checked before they are
 * written. */

#include <sys/stat.h>

#include "change/change.h"
#include "ctl/session.h"

/* A file as it is and as it would be. */
struct changed_file {
        struct str app, path;     /* as seen from the root */
        struct str before, after; /* absent: it is not there */
        mode_t mode;
        const struct stat *as; /* whose owner and group it keeps; NULL for one that is not there yet */
        bool is_runtime;
        bool is_new; /* what is there by now is never replaced */
};

struct changing {
        struct ctl *ctl;
        struct changes *changes;
        struct session before; /* the definitions as they are */
        VEC(struct changed_file) files;
};

/* One that changes at a time, until *ret is closed. Returns 0 or an exit status. */
int change_lock(struct ctl *c, int *ret);

/* Puts the files in their places. Returns 0 or an exit status. */
int change_write(struct changing *ch);

/* Checks all definitions with the files. Returns 0, or an exit status after reporting the errors. */
int change_check(struct changing *ch);
