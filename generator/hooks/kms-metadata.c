/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "hooks/kms.h"
#include "runtime/json.h"

#define METADATA_MS 2000
#define LIFE_HEADER "X-aws-ec2-metadata-token-ttl-seconds: 300"

static int ask(struct kms *k, const struct fetch_request *q, struct str *ret) {
        struct fetch_answer answer = { 0 };
        int r = 0;

        for (unsigned i = 0; i < 2 && r == 0 && (answer.status == 0 || answer.status >= 500); i++)
                r = fetch(k->arena, q, &answer);
        if (r < 0)
                return r;
        if (answer.status == 0)
                return kms_complain(k, arena_printf(k->arena,
                                                    "the instance metadata service does not answer: %.*s",
                                                    STR_ARG(answer.problem)));
        if (answer.status != 200)
                return kms_complain(k, arena_printf(k->arena,
                                                    "the instance metadata service answers with status %u",
                                                    answer.status));

        *ret = answer.body;
        return 0;
}

static struct str url_of(struct kms *k, struct str path) {
        struct str service = kms_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");

        if (str_is_absent(service))
                service = STR("http://169.254.169.254");
        while (str_has_suffix(service, STR("/")))
                service.n--;
        return arena_join(k->arena, service, path);
}

static int get_token(struct kms *k) {
        const struct fetch_request q = {
                .method = STR("PUT"),
                .url = url_of(k, STR("/latest/api/token")),
                .body = STR(""),
                .headers = (const char *const[]){ LIFE_HEADER, "Content-Type:", NULL },
                .timeout_ms = METADATA_MS,
        };
        struct str token;
        int r;

        if (str_eq(kms_variable("AWS_EC2_METADATA_DISABLED"), STR("true")))
                return kms_complain(k,
                                    STR("AWS_EC2_METADATA_DISABLED disables the machine's metadata service"));

        r = ask(k, &q, &token);
        if (r == 0 && !kms_is_header_text(token))
                return kms_complain(k, STR("the instance metadata service returns no token"));
        if (r == 0)
                k->metadata_token = token;
        return r;
}

int kms_metadata_get(struct kms *k, struct str path, struct str *ret) {
        const char *headers[2] = { NULL };
        struct fetch_request q = {
                .method = STR("GET"), .url = url_of(k, path), .headers = headers, .timeout_ms = METADATA_MS
        };
        int r = str_is_absent(k->metadata_token) ? get_token(k) : 0;

        if (r != 0)
                return r;

        headers[0] = arena_join(k->arena, STR("X-aws-ec2-metadata-token: "), k->metadata_token).p;
        return ask(k, &q, ret);
}

static bool is_role(struct str s) {
        return s.n > 0 && s.n <= 64 &&
               str_is_made_of(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+=,.@_-");
}

int kms_metadata_credentials(struct kms *k) {
        static const struct str path = STR_INIT("/latest/meta-data/iam/security-credentials/");
        struct kms_credentials *c = &k->credentials;
        struct str role, answer;
        int r = kms_metadata_get(k, path, &role);

        if (r != 0)
                return r;

        role = str_trim((struct str){ role.p, str_find(role, '\n') });
        if (!is_role(role))
                return kms_complain(k, STR("the machine has no role at AWS"));

        r = kms_metadata_get(k, arena_join(k->arena, path, role), &answer);
        if (r != 0)
                return r;
        if (json_get(k->arena, answer, "AccessKeyId", &c->key_id) < 0 ||
            json_get(k->arena, answer, "SecretAccessKey", &c->key) < 0 ||
            json_get(k->arena, answer, "Token", &c->token) < 0)
                return kms_complain(
                        k, arena_printf(
                                   k->arena,
                                   "the instance metadata service returns no credentials for the role '%.*s'",
                                   STR_ARG(role)));

        return 0;
}
