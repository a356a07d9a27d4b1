/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The secrets of one instance, made ready before it starts (ExecStartPre=).
 *
 * Each secret becomes a file in the unit's runtime directory, $RUNTIME_DIRECTORY/NAME: 0444, or the mode of
 * its definition, in a directory that only its owner may enter, so that the container's user, with any
 * number, reads the file that is mounted into it, and no other user reaches it. With a template,
 * $RUNTIME_DIRECTORY/.env (0600) holds the variables that secrets are part of, as systemd's EnvironmentFile=
 * reads them, and $RUNTIME_DIRECTORY/.env-podman those whose names systemd ignores, for Podman's --env-file.
 *
 * All or nothing: if one secret is missing, no file is left. No byte of a secret is part of a message. */

#include "base/vec.h"
#include "systemd/credential.h"

#define ENVIRONMENT_FILE ".env"
#define ENVIRONMENT_PODMAN_FILE ".env-podman"

/* The longest string of an environment that Linux takes (MAX_ARG_STRLEN), with its name and its NUL. */
#define ENVIRONMENT_STRING_MAX ((size_t) 128 << 10)

enum secret_kind {
        SECRET_CREDENTIAL,
        SECRET_FILE,
        SECRET_KMS,
        SECRET_KMS_OR_LITERAL,
        SECRET_PODMAN,
};

struct secret_wish {
        struct str name; /* as the definition calls it */
        struct str from; /* the credential, an absolute path, or Podman's secret */
        enum secret_kind kind;
        mode_t mode;
        uid_t uid;
        gid_t gid;
        struct str content; /* absent until it was read */
};

struct environment {
        struct arena *arena;
        struct credential_places places;
        int directory; /* $RUNTIME_DIRECTORY */
        VEC(struct secret_wish) wishes;
        VEC(struct str) problems; /* one line each, for the user */
        VEC(struct str) notes;    /* like problems, but the start continues */
        const char *kms;          /* the program that decrypts with AWS KMS */
};

/* Takes an argument: "NAME=credential:X", "NAME=file:PATH", "NAME=kms:PATH" (of a file with a ciphertext of
 * AWS KMS), "NAME=kms-literal:PATH" (the same, but a text that can't be decrypted is the secret itself) or
 * "NAME=podman:X" (only for the template: Podman itself mounts its secrets). ":MODE:UID:GID" may follow NAME.
 * False if it is none of these, or if the name exists already. */
bool environment_wish(struct environment *e, struct str argument);

/* Reads all secrets, composes the variables of `template` (the text of a file of env_template_put()'s; absent
 * for none), and writes the files. 0; 1 with the reason in `problems` if the user can fix it; negative errno.
 * In both failures no file is left. The secrets in memory are erased. */
int environment_prepare(struct environment *e, struct str template);
