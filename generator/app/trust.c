/* SPDX-License-Identifier: Apache-2.0 */
#include "app/trust.h"

#include <unistd.h>

/* Who else may not write. */
static mode_t forbidden(const struct world *w, const struct stat *st) {
        uid_t user = geteuid();

        return w->places.is_user && user != 0 && st->st_uid == user && st->st_gid == user ? S_IWOTH
                                                                                          : S_IWGRP | S_IWOTH;
}

bool trust_is_given(const struct world *w, const struct stat *st) {
        uid_t owner = w->places.is_user ? geteuid() : 0;

        if (w->trusts_all)
                return true;

        return (st->st_uid == owner || st->st_uid == 0) && (st->st_mode & forbidden(w, st)) == 0;
}

void trust_complain(struct world *w, uint32_t file, struct str path, const struct stat *st) {
        const char *who = w->places.is_user ? "yours" : "root's";
        struct span at = { file, 0, 0 };

        if (st->st_mode & forbidden(w, st))
                (void) diag_add(w->ds, DIAG_UNSAFE_PERMISSIONS, at,
                                "'%.*s' is writable by others (mode %04o), and it decides what runs; run "
                                "'chmod go-w %.*s'",
                                STR_ARG(path), (unsigned) (st->st_mode & 07777), STR_ARG(path));
        else
                (void) diag_add(
                        w->ds, DIAG_UNSAFE_PERMISSIONS, at,
                        "'%.*s' is not %s but belongs to user %u, and it decides what runs; change its owner",
                        STR_ARG(path), who, (unsigned) st->st_uid);
}
