/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>

#define CONNECT_MS 3000L

enum { POLL_MS = 1000 };

static void close_handle(CURL **handle) {
        curl_easy_cleanup(*handle);
}

/* The body says nothing that the status does not. */
static size_t drop(char *data, size_t size, size_t n, void *user) {
        return size * n;
}

static struct str url_of(struct arena *a, const struct http_request *q) {
        const bool is_ipv6 = str_find(q->address, ':') < q->address.n;

        return arena_join(a, STR("http://"), is_ipv6 ? STR("[") : STR(""), q->address, is_ipv6 ? STR("]:") : STR(":"),
                          arena_u64(a, q->port), str_is_absent(q->path) ? STR("/") : q->path);
}

static void set_options(struct arena *a, CURL *handle, const struct http_request *q) {
        long timeout = q->timeout_ms > LONG_MAX ? LONG_MAX : (long) q->timeout_ms;

        (void) curl_easy_setopt(handle, CURLOPT_URL, url_of(a, q).p);
        (void) curl_easy_setopt(handle, CURLOPT_PROXY, "");
        (void) curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
        (void) curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
        (void) curl_easy_setopt(handle, CURLOPT_FORBID_REUSE, 1L);
        (void) curl_easy_setopt(handle, CURLOPT_USERAGENT, "pyservice");
        (void) curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, timeout);
        (void) curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, timeout < CONNECT_MS ? timeout : CONNECT_MS);
        (void) curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, drop);
        (void) curl_easy_setopt(handle, CURLOPT_CONNECT_ONLY, str_is_absent(q->path) ? 1L : 0L);
}

static struct http_answer answer_of(CURL *handle, CURLcode code) {
        long status = 0;

        if (code == CURLE_OK && curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK)
                return (struct http_answer) { .status = (unsigned) status };

        return (struct http_answer) { .problem = str_of(curl_easy_strerror(code)) };
}

int http_get(struct arena *a, const struct http_request *q, struct http_answer *ret) {
        CLEANUP(close_handle) CURL *handle = curl_easy_init();

        if (!handle)
                return -ENOMEM;

        set_options(a, handle, q);
        *ret = answer_of(handle, curl_easy_perform(handle));
        return 0;
}

static void close_multi(CURLM **multi) {
        (void) curl_multi_cleanup(*multi);
}

/* Until all have ended. */
static int run_all(CURLM *multi) {
        for (int n_running = 1; n_running > 0;) {
                CURLMcode code = curl_multi_perform(multi, &n_running);

                if (code == CURLM_OK && n_running > 0)
                        code = curl_multi_poll(multi, NULL, 0, POLL_MS, NULL);
                if (code != CURLM_OK)
                        return code == CURLM_OUT_OF_MEMORY ? -ENOMEM : -EIO;
        }

        return 0;
}

static int start_all(struct arena *a, CURLM *multi, CURL **handles, const struct http_request *requests, size_t n) {
        for (size_t i = 0; i < n; i++) {
                handles[i] = curl_easy_init();
                if (!handles[i])
                        return -ENOMEM;
                set_options(a, handles[i], &requests[i]);
                if (curl_multi_add_handle(multi, handles[i]) != CURLM_OK)
                        return -ENOMEM;
        }

        return 0;
}

int http_get_all(struct arena *a, const struct http_request *requests, size_t n, struct http_answer *ret) {
        CLEANUP(close_multi) CURLM *multi = curl_multi_init();
        CURL **handles = arena_array(a, n, CURL *);
        const CURLMsg *message;
        int r = multi ? start_all(a, multi, handles, requests, n) : -ENOMEM, left;

        if (r >= 0)
                r = run_all(multi);
        while (r >= 0 && (message = curl_multi_info_read(multi, &left)))
                for (size_t i = 0; i < n; i++)
                        if (handles[i] == message->easy_handle)
                                ret[i] = answer_of(handles[i], message->data.result);

        for (size_t i = 0; i < n && handles[i]; i++) {
                (void) curl_multi_remove_handle(multi, handles[i]);
                curl_easy_cleanup(handles[i]);
        }
        return r;
}
