/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/fetch.h"

#include <curl/curl.h>
#include <errno.h>

#include "base/buf.h"

#define CONNECT_MS 2000L

static void close_handle(CURL **handle) {
        curl_easy_cleanup(*handle);
}

static void close_list(struct curl_slist **list) {
        curl_slist_free_all(*list);
}

static size_t keep(char *data, size_t size, size_t n, void *user) {
        struct buf *body = user;

        if (n > FETCH_ANSWER_MAX - body->n)
                return 0;

        buf_put_str(body, (struct str){ data, n });
        return n;
}

static void set_options(CURL *handle, const struct fetch_request *q, struct buf *body) {
        long timeout = (long) q->timeout_ms;

        (void) curl_easy_setopt(handle, CURLOPT_URL, q->url.p);
        (void) curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
        if (!q->has_proxy)
                (void) curl_easy_setopt(handle, CURLOPT_PROXY, "");
        (void) curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
        (void) curl_easy_setopt(handle, CURLOPT_USERAGENT, "pyservice");
        (void) curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, timeout);
        (void) curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS,
                                timeout < CONNECT_MS ? timeout : CONNECT_MS);
        (void) curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, q->method.p);
        if (!str_is_absent(q->body)) {
                (void) curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE, (long) q->body.n);
                (void) curl_easy_setopt(handle, CURLOPT_POSTFIELDS, q->body.p);
        }
        (void) curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, keep);
        (void) curl_easy_setopt(handle, CURLOPT_WRITEDATA, body);
}

static void sign(struct arena *a, CURL *handle, const struct fetch_signer *s) {
        struct str provider = arena_join(a, STR("aws:amz:"), s->region, STR(":"), s->service);

        (void) curl_easy_setopt(handle, CURLOPT_AWS_SIGV4, provider.p);
        (void) curl_easy_setopt(handle, CURLOPT_USERNAME, arena_str(a, s->key_id).p);
        (void) curl_easy_setopt(handle, CURLOPT_PASSWORD, arena_str(a, s->key).p);
}

int fetch(struct arena *a, const struct fetch_request *q, struct fetch_answer *ret) {
        CLEANUP(close_handle) CURL *handle = curl_easy_init();
        CLEANUP(close_list) struct curl_slist *headers = NULL;
        struct buf body = buf_in(a);
        long status = 0;
        CURLcode code;

        if (!handle)
                return -ENOMEM;
        for (const char *const *header = q->headers; header && *header; header++) {
                struct curl_slist *more = curl_slist_append(headers, *header);

                if (!more)
                        return -ENOMEM;
                headers = more;
        }

        set_options(handle, q, &body);
        (void) curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
        if (q->signer)
                sign(a, handle, q->signer);

        code = curl_easy_perform(handle);
        if (code == CURLE_OK)
                code = curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
        *ret = (struct fetch_answer){ .status = code == CURLE_OK ? (unsigned) status : 0,
                                      .body = buf_str(&body),
                                      .problem = code == CURLE_WRITE_ERROR
                                                         ? STR("its answer is too long")
                                                         : str_of(curl_easy_strerror(code)) };
        return 0;
}
