/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/kms.h"

#include <errno.h>
#include <time.h>

#include "base/base64.h"
#include "runtime/json.h"

/* At most 16 s in all, so that who waits for a start learns the reason. */
enum { TRIES = 3 };
#define TRY_MS 5000
#define PAUSE_MS 250

int kms_complain(struct kms *k, struct str problem) {
        k->problem = problem;
        return 1;
}

struct str kms_one_line(struct kms *k, struct str text) {
        char *p = arena_alloc(k->arena, text.n + 1, 1);
        size_t n = text.n < 400 ? text.n : 400;

        for (size_t i = 0; i < n; i++)
                p[i] = text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i] : '?';
        return (struct str){ p, n };
}

static struct str endpoint_of(struct kms *k) {
        struct str url = kms_variable("AWS_ENDPOINT_URL_KMS");

        if (str_is_absent(url))
                url = kms_variable("AWS_ENDPOINT_URL");
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
                return kms_complain(k, arena_printf(k->arena, "AWS KMS at %.*s does not answer: %.*s",
                                                    STR_ARG(q->url), STR_ARG(answer->problem)));

        (void) json_get(k->arena, answer->body, "__type", &type);
        if (json_get(k->arena, answer->body, "message", &message) < 0)
                (void) json_get(k->arena, answer->body, "Message", &message);
        return kms_complain(k, arena_printf(k->arena, "AWS KMS at %.*s answers with status %u%s%.*s%s%.*s",
                                            STR_ARG(q->url), answer->status, type.n > 0 ? ": " : "",
                                            STR_ARG(kms_one_line(k, type)), message.n > 0 ? ": " : "",
                                            STR_ARG(kms_one_line(k, message))));
}

static int read_answer(struct kms *k, const struct fetch_request *q, const struct fetch_answer *answer,
                       struct str *ret) {
        struct str plaintext;

        if (answer->status != 200)
                return refuse(k, q, answer);
        if (json_get(k->arena, answer->body, "Plaintext", &plaintext) < 0 ||
            !base64_decode(k->arena, plaintext, ret))
                return kms_complain(
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
                return kms_complain(k, STR("not a ciphertext: invalid base64"));

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
