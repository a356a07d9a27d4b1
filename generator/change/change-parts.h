/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What changes of drop-ins, of definitions and new definitions share: they are checked as they would be,
 * then written. */

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

/* Fills `files`: what all changes make of the drop-ins. Gives 0 or an exit status. */
int change_edit(struct changing *ch);

/* One that changes at a time, until *ret is closed. Gives 0 or an exit status. */
int change_lock(struct ctl *c, int *ret);

/* Puts the files in their places. Gives 0 or an exit status. */
int change_write(struct changing *ch);

/* Checks all definitions with the files. Gives 0, or an exit status after having shown the mistakes. */
int change_check(struct changing *ch);
