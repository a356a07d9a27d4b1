/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pyservicectl secret: the credentials that an app's definition names, in systemd's credential stores.
 * Values are in memory only: on pipes to and from systemd-creds, never in an argv, and for an editor in a
 * directory of ours in tmpfs. */

#include "ctl/ctl.h"
#include "ctl/session.h"

/* A secret of the definition, once for each source that it has. */
struct secret_use {
        struct str name;
        const struct secret *from;
        uint64_t scale; /* of the services that use it, the largest */
        VEC(const struct container *) users;
};

struct secret_uses {
        struct session session;
        struct app *app;
        VEC(struct secret_use) list;
};

/* Looks for a credential: 0 with where it is; -ENOENT; another negative errno. */
struct credential_place;
int secret_find(struct ctl *c, struct str credential, struct credential_place *ret);

/* Its value now, absent where there is none yet. One in clear is refused, since it counts before the one
 * that would be written. Gives 0 or an exit status. */
int secret_read(struct ctl *c, struct str credential, struct str *ret);

/* Is there none in clear? Gives 0 or an exit status. */
int secret_check(struct ctl *c, struct str credential);

/* Encrypts a value and stores it. Gives 0 or an exit status. */
int secret_write(struct ctl *c, struct str credential, struct str value);

/* Takes it out of the store. Gives 0 or an exit status. */
int secret_remove(struct ctl *c, struct str credential);

/* Has the user edit `value` in memory. Gives 0 or an exit status. */
int secret_edit_text(struct ctl *c, struct str name, struct str value, struct str *ret);

/* From standard input: all of it, or, from a terminal, what is typed. Gives 0 or an exit status. */
int secret_ask(struct ctl *c, struct str name, struct str *ret);
