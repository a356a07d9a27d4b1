/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Finding a credential (systemd.exec(5), "CREDENTIALS").
 *
 * The search covers the plain and the encrypted stores and the credentials that the machine got at boot, as
 * with a unit's ImportCredential=X. Units of the machine have no such line, since systemd fails the unit if a
 * credential can't be decrypted, without its name (LoadCredentialEncrypted= also if it is missing or plain),
 * and systemd < 254 knows no ImportCredential=. A user's units have it, as only the user's manager can
 * decrypt the credentials in its stores. */

#include "base/arena.h"

/* The maximum size of a credential, as in systemd: 1 MiB. */
#define CREDENTIAL_MAX ((size_t) 1 << 20)

struct credential_places {
        const char *root;      /* prefix of the stores' paths: "", or a directory */
        const char *directory; /* $CREDENTIALS_DIRECTORY; NULL if it is not set */
        bool is_user;          /* of a user's manager: there are no stores but that directory */
};

/* Where one lies in the stores. */
struct credential_place {
        struct str path;
        bool is_encrypted;
};

/* 0; -ENOENT if no store has it; another negative errno. `root`: prefix of the stores' paths. */
int credential_find(struct arena *a, const char *root, struct str name, struct credential_place *ret);

/* Decrypts a credential with systemd-creds. 0; 1 if it cannot be decrypted: *ret is then the message of
 * systemd-creds. */
int credential_decrypt(struct arena *a, const struct credential_places *places, struct str name,
                       struct str path, struct str *ret);

/* Its bytes. 0; -ENOENT if there is none; another negative errno if it could not be read. 1 if it could not
 * be decrypted: *ret is then the message of systemd-creds. */
int credential_read(struct arena *a, const struct credential_places *places, struct str name,
                    struct str *ret);

/* Explains how to provide a missing credential: the directories, and the command that creates it. */
struct str credential_advice(struct arena *a, const struct credential_places *places, struct str name);
