/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/kms.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/fs.h"
#include "runtime/json.h"

/* At most 16 s in all, so that who waits for a start learns the reason. */
enum { TRIES = 3 };
#define TRY_MS 5000
#define PAUSE_MS 250

#define METADATA_MS 2000
#define LIFE_HEADER "X-aws-ec2-metadata-token-ttl-seconds: 300"
#define FILE_MAX ((size_t) 64 << 10)

/* An environment variable; absent if it is not set or empty. */
static struct str get_variable(const char *name) {
        const char *value = getenv(name);

        return value && value[0] != '\0' ? str_of(value) : (struct str){ 0 };
}

/* Printable ASCII without blanks, and not empty: what may stand in a header. */
static bool is_header_text(struct str s) {
        for (size_t i = 0; i < s.n; i++)
                if (s.p[i] <= ' ' || s.p[i] > '~')
                        return false;

        return s.n > 0;
}

/* Notes `problem`; gives 1. */
static int complain(struct kms *k, struct str problem) {
        k->problem = problem;
        return 1;
}

/* Joins the output of another program to one line. */
static struct str one_line(struct kms *k, struct str text) {
        char *p = arena_alloc(k->arena, text.n + 1, 1);
        size_t n = text.n < 400 ? text.n : 400;

        for (size_t i = 0; i < n; i++)
                p[i] = text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i] : '?';
        return (struct str){ p, n };
}

static int ask_metadata(struct kms *k, const struct fetch_request *q, struct str *ret) {
        struct fetch_answer answer = { 0 };
        int r = 0;

        for (unsigned i = 0; i < 2 && r == 0 && (answer.status == 0 || answer.status >= 500); i++)
                r = fetch(k->arena, q, &answer);
        if (r < 0)
                return r;
        if (answer.status == 0)
                return complain(k,
                                arena_printf(k->arena, "the instance metadata service does not answer: %.*s",
                                             STR_ARG(answer.problem)));
        if (answer.status != 200)
                return complain(k,
                                arena_printf(k->arena, "the instance metadata service answers with status %u",
                                             answer.status));

        *ret = answer.body;
        return 0;
}

static struct str url_of(struct kms *k, struct str path) {
        struct str service = get_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");

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

        if (str_eq(get_variable("AWS_EC2_METADATA_DISABLED"), STR("true")))
                return complain(k, STR("AWS_EC2_METADATA_DISABLED disables the machine's metadata service"));

        r = ask_metadata(k, &q, &token);
        if (r == 0 && !is_header_text(token))
                return complain(k, STR("the instance metadata service returns no token"));
        if (r == 0)
                k->metadata_token = token;
        return r;
}

/* Reads from the instance metadata service at PATH ("/latest/meta-data/…"), one line. */
static int metadata_get(struct kms *k, struct str path, struct str *ret) {
        const char *headers[2] = { NULL };
        struct fetch_request q = {
                .method = STR("GET"), .url = url_of(k, path), .headers = headers, .timeout_ms = METADATA_MS
        };
        int r = str_is_absent(k->metadata_token) ? get_token(k) : 0;

        if (r != 0)
                return r;

        headers[0] = arena_join(k->arena, STR("X-aws-ec2-metadata-token: "), k->metadata_token).p;
        return ask_metadata(k, &q, ret);
}

static bool is_role(struct str s) {
        return s.n > 0 && s.n <= 64 &&
               str_is_made_of(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+=,.@_-");
}

int kms_metadata_credentials(struct kms *k) {
        static const struct str path = STR_INIT("/latest/meta-data/iam/security-credentials/");
        struct kms_credentials *c = &k->credentials;
        struct str role, answer;
        int r = metadata_get(k, path, &role);

        if (r != 0)
                return r;

        role = str_trim((struct str){ role.p, str_find(role, '\n') });
        if (!is_role(role))
                return complain(k, STR("the machine has no role at AWS"));

        r = metadata_get(k, arena_join(k->arena, path, role), &answer);
        if (r != 0)
                return r;
        if (json_get(k->arena, answer, "AccessKeyId", &c->key_id) < 0 ||
            json_get(k->arena, answer, "SecretAccessKey", &c->key) < 0 ||
            json_get(k->arena, answer, "Token", &c->token) < 0)
                return complain(
                        k, arena_printf(
                                   k->arena,
                                   "the instance metadata service returns no credentials for the role '%.*s'",
                                   STR_ARG(role)));

        return 0;
}

/* The profile's values; false if the file has no such profile. */
static bool read_profile(struct str text, struct str profile, struct kms_credentials *ret) {
        const struct {
                const char *key;
                struct str *value;
        } keys[] = {
                { "aws_access_key_id", &ret->key_id },
                { "aws_secret_access_key", &ret->key },
                { "aws_session_token", &ret->token },
        };
        bool is_in = false, was_in = false;
        struct str line;

        while (str_split(&text, '\n', &line)) {
                struct str key;
                size_t equals;

                if (str_has_suffix(line, STR("\r")))
                        line.n--;
                line = str_trim(line);
                equals = str_find(line, '=');
                key = str_trim((struct str){ line.p, equals });
                if (str_has_prefix(line, STR("[")) && str_has_suffix(line, STR("]"))) {
                        is_in = str_eq(str_trim((struct str){ line.p + 1, line.n - 2 }), profile);
                        was_in |= is_in;
                }
                for (size_t i = 0; is_in && equals < line.n && i < ARRAY_SIZE(keys); i++)
                        if (str_is(key, keys[i].key))
                                *keys[i].value = str_trim(str_from(line, equals + 1));
        }

        return was_in;
}

/* -ENOENT if there is no file and the environment names none. */
static int read_shared_file(struct kms *k) {
        struct str named = get_variable("AWS_SHARED_CREDENTIALS_FILE"), profile = get_variable("AWS_PROFILE"),
                   home = get_variable("HOME"), text;
        struct str path =
                arena_join(k->arena, str_is_absent(home) ? STR("/root") : home, STR("/.aws/credentials"));
        int r;

        if (!str_is_absent(named))
                path = named;
        r = fs_read(k->arena, AT_FDCWD, path.p, FILE_MAX, &text);
        if (r == -ENOENT && str_is_absent(named) && str_is_absent(profile))
                return r;
        if (r < 0)
                return complain(k, arena_printf(k->arena, "cannot read the credentials file '%s': %s", path.p,
                                                strerror(-r)));

        if (str_is_absent(profile))
                profile = STR("default");
        if (!read_profile(text, profile, &k->credentials))
                return complain(k, arena_printf(k->arena, "the credentials file '%s' has no profile '%.*s'",
                                                path.p, STR_ARG(profile)));
        if (k->credentials.key_id.n == 0 || k->credentials.key.n == 0)
                return complain(k, arena_printf(k->arena,
                                                "the profile '%.*s' of '%s' is missing aws_access_key_id "
                                                "or aws_secret_access_key",
                                                STR_ARG(profile), path.p));
        return 0;
}

static int look_for_credentials(struct kms *k) {
        struct kms_credentials *c = &k->credentials;
        int r;

        *c = (struct kms_credentials){ get_variable("AWS_ACCESS_KEY_ID"),
                                       get_variable("AWS_SECRET_ACCESS_KEY"),
                                       get_variable("AWS_SESSION_TOKEN") };
        if (!str_is_absent(c->key_id) && !str_is_absent(c->key))
                return 0;
        if (!str_is_absent(c->key_id) || !str_is_absent(c->key))
                return complain(k, STR("only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set; "
                                       "set both"));

        *c = (struct kms_credentials){ 0 };
        r = read_shared_file(k);
        if (r != -ENOENT)
                return r;

        r = kms_metadata_credentials(k);
        if (r != 1)
                return r;
        return complain(k, arena_printf(k->arena,
                                        "no credentials for AWS: neither AWS_ACCESS_KEY_ID nor a "
                                        "credentials file is set (`kms:` in host.yaml), and %.*s",
                                        STR_ARG(k->problem)));
}

int kms_find_credentials(struct kms *k) {
        const struct kms_credentials *c = &k->credentials;
        int r = look_for_credentials(k);

        if (r != 0)
                return r;
        if (!is_header_text(c->key_id) || !is_header_text(c->key) ||
            (c->token.n > 0 && !is_header_text(c->token)))
                return complain(k, STR("the credentials for AWS contain invalid bytes"));

        return 0;
}

int kms_find_region(struct kms *k) {
        int r;

        k->region = get_variable("AWS_REGION");
        if (str_is_absent(k->region))
                k->region = get_variable("AWS_DEFAULT_REGION");
        if (str_is_absent(k->region)) {
                r = metadata_get(k, STR("/latest/meta-data/placement/region"), &k->region);
                if (r == 1)
                        return complain(k, arena_printf(k->arena,
                                                        "the region of AWS is unknown: 'region' is not "
                                                        "set (`kms:` in host.yaml), and %.*s",
                                                        STR_ARG(k->problem)));
                if (r < 0)
                        return r;
        }

        k->region = str_trim(k->region);
        if (k->region.n == 0 || !str_is_made_of(k->region, "abcdefghijklmnopqrstuvwxyz0123456789-"))
                return complain(k, arena_printf(k->arena, "'%.*s' is not an AWS region",
                                                STR_ARG(one_line(k, k->region))));
        return 0;
}

static struct str endpoint_of(struct kms *k) {
        struct str url = get_variable("AWS_ENDPOINT_URL_KMS");

        if (str_is_absent(url))
                url = get_variable("AWS_ENDPOINT_URL");
        if (str_is_absent(url))
                url = arena_join(k->arena, STR("https://kms."), k->region, STR(".amazonaws.com"),
                                 str_has_prefix(k->region, STR("cn-")) ? STR(".cn") : STR(""));
        return str_has_suffix(url, STR("/")) ? url : arena_join(k->arena, url, STR("/"));
}

static bool is_passing(struct kms *k, const struct fetch_answer *answer) {
        struct str type = STR("");

        if (answer->status == 0 || answer->status == 429 || answer->status >= 500)
                return true;
        if (answer->status == 200)
                return false;

        (void) json_get(k->arena, answer->body, "__type", &type);
        return str_find_str(type, STR("Throttling")) < type.n;
}

static void sleep_ms(long ms) {
        struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

        while (nanosleep(&t, &t) < 0 && errno == EINTR)
                ;
}

static int ask(struct kms *k, const struct fetch_request *q, struct fetch_answer *ret) {
        for (int i = 0; i < TRIES; i++) {
                int r;

                if (i > 0)
                        sleep_ms(PAUSE_MS << (i - 1));
                r = fetch(k->arena, q, ret);
                if (r < 0)
                        return r;
                if (!is_passing(k, ret))
                        return 0;
        }

        return 0;
}

/* The error of KMS is in "__type" and "message" (or "Message"). */
static int refuse(struct kms *k, const struct fetch_request *q, const struct fetch_answer *answer) {
        struct str type = STR(""), message = STR("");

        if (answer->status == 0)
                return complain(k, arena_printf(k->arena, "AWS KMS at %.*s does not answer: %.*s",
                                                STR_ARG(q->url), STR_ARG(answer->problem)));

        (void) json_get(k->arena, answer->body, "__type", &type);
        if (json_get(k->arena, answer->body, "message", &message) < 0)
                (void) json_get(k->arena, answer->body, "Message", &message);
        return complain(k, arena_printf(k->arena, "AWS KMS at %.*s answers with status %u%s%.*s%s%.*s",
                                        STR_ARG(q->url), answer->status, type.n > 0 ? ": " : "",
                                        STR_ARG(one_line(k, type)), message.n > 0 ? ": " : "",
                                        STR_ARG(one_line(k, message))));
}

static int read_answer(struct kms *k, const struct fetch_request *q, const struct fetch_answer *answer,
                       struct str *ret) {
        struct str plaintext;

        if (answer->status != 200)
                return refuse(k, q, answer);
        if (json_get(k->arena, answer->body, "Plaintext", &plaintext) < 0 ||
            !base64_decode(k->arena, plaintext, ret))
                return complain(
                        k, arena_printf(k->arena, "AWS KMS at %.*s returns no plaintext", STR_ARG(q->url)));

        return 0;
}

int kms_decrypt(struct kms *k, struct str ciphertext, struct str *ret) {
        const char *headers[4] = { "Content-Type: application/x-amz-json-1.1",
                                   "X-Amz-Target: TrentService.Decrypt" };
        struct fetch_request q = {
                .method = STR("POST"), .headers = headers, .timeout_ms = TRY_MS, .has_proxy = true
        };
        struct fetch_answer answer = { 0 };
        struct fetch_signer signer;
        struct str ignored;
        int r;

        if (ciphertext.n == 0 || !base64_decode(k->arena, ciphertext, &ignored))
                return complain(k, STR("not a ciphertext: invalid base64"));

        r = kms_find_credentials(k);
        if (r == 0)
                r = kms_find_region(k);
        if (r != 0)
                return r;

        signer = (struct fetch_signer){ k->region, STR("kms"), k->credentials.key_id, k->credentials.key };
        if (k->credentials.token.n > 0)
                headers[2] = arena_join(k->arena, STR("X-Amz-Security-Token: "), k->credentials.token).p;
        q.signer = &signer;
        q.url = endpoint_of(k);
        q.body = arena_join(k->arena, STR("{\"CiphertextBlob\":\""), ciphertext, STR("\"}"));
        r = ask(k, &q, &answer);
        return r < 0 ? r : read_answer(k, &q, &answer, ret);
}
