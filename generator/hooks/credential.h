/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Finding a credential (systemd.exec(5), "CREDENTIALS").
 *
 * A unit's ImportCredential=X looks in the encrypted and the plain stores and at what the machine was given at its
 * start, and puts it below $CREDENTIALS_DIRECTORY. systemd < 254 does not know that key and only warns of it; what is
 * not in that directory is therefore looked for here, in the same places. (LoadCredentialEncrypted= is no way out: it
 * fails the unit, with no word of why, on a plain credential.) */

#include "base/arena.h"

/* As for systemd: a credential is at most 1 MiB. */
#define CREDENTIAL_MAX ((size_t) 1 << 20)

struct credential_places {
        const char *root;               /* prefix of the stores' paths: "", or a directory */
        const char *directory;          /* $CREDENTIALS_DIRECTORY; NULL where it is not set */
        bool is_user;                   /* of a user's manager: there are no stores but that directory */
};

/* Its bytes. 0; -ENOENT where there is none; another negative errno where it could not be read. 1 where it could not be
 * decrypted: *ret is what systemd-creds said then. */
int credential_read(struct arena *a, const struct credential_places *places, struct str name, struct str *ret);

/* What a user should do who does not have it: the places, and the command that makes it. */
struct str credential_advice(struct arena *a, const struct credential_places *places, struct str name);
