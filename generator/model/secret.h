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

/* True if a variable of this name seems to be a secret: PASSWORD, API_KEY, TOKEN … */
bool secret_is_likely(struct str name);

/* Searches for a credential: 0 with its place; -ENOENT; another negative errno. */
struct credential_place;
int secret_find(struct ctl *c, struct str credential, struct credential_place *ret);

/* Its value now, absent if there is none yet. One in clear is refused, since it would take precedence over
 * the new one. Returns 0 or an exit status. */
int secret_read(struct ctl *c, struct str credential, struct str *ret);

/* Checks that there is none in clear. Returns 0 or an exit status. */
int secret_check(struct ctl *c, struct str credential);

/* Encrypts a value and stores it. Returns 0 or an exit status. */
int secret_write(struct ctl *c, struct str credential, struct str value);

/* Takes it out of the store. Returns 0 or an exit status. */
int secret_remove(struct ctl *c, struct str credential);

/* Lets the user edit `value` in memory. Returns 0 or an exit status. */
int secret_edit_text(struct ctl *c, struct str name, struct str value, struct str *ret);

/* From standard input: all of it, or, from a terminal, what is typed. Returns 0 or an exit status. */
int secret_ask(struct ctl *c, struct str name, struct str *ret);
