/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Decrypting with AWS KMS, as AWS's own programs do it, configured by their environment variables:
 *
 *     AWS_REGION or AWS_DEFAULT_REGION; else the region of the machine
 *     AWS_ENDPOINT_URL_KMS or AWS_ENDPOINT_URL; else AWS's own for the region
 *     AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; else the profile AWS_PROFILE
 *         ("default") of AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials); else the role of the machine, from
 *         its instance metadata service (version 2) at AWS_EC2_METADATA_SERVICE_ENDPOINT, unless
 *         AWS_EC2_METADATA_DISABLED is "true" */

#include "runtime/fetch.h"

struct kms_credentials {
        struct str key_id, key, token; /* token: absent for lasting credentials */
};

struct kms {
        struct arena *arena;
        struct kms_credentials credentials;
        struct str region;
        struct str metadata_token; /* absent until the machine's metadata service was queried */
        struct str problem;        /* one line for people, where a function gives 1 */
};

/* `ciphertext` in base64. 0; 1 if it can't be decrypted; negative errno. */
int kms_decrypt(struct kms *k, struct str ciphertext, struct str *ret);

/* The steps of kms_decrypt(), with the same return values. The last one reads from the instance metadata
 * service alone. */
int kms_find_credentials(struct kms *k);
int kms_find_region(struct kms *k);
int kms_metadata_credentials(struct kms *k);
