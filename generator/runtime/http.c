/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "runtime/http-text.h"

#define CONNECT_MS 3000L
#define BUFFER_SIZE 4096L

enum {
        BODY_MS = 200, /* how long a body may continue once the status is known */
        BODY_MAX = 64 << 10,
        POLL_MS = 1000,
};

struct slot {
        CURL *handle; /* kept for the next request */
        struct curl_slist *headers, *connect_to;
        uint64_t id, answered_at; /* when the status was known; 0: it is not */
        size_t n_body;
        unsigned status;
        char reason[HTTP_REASON_MAX];
        size_t n_reason;
        int own_error; /* why there was no socket */
        CURLcode code;
        bool is_under_way, is_done;
};

struct http_pool {
        CURLM *multi;
        size_t n_busy, n_done;
        struct slot slots[HTTP_MAX];
};

/* Too much of it ends the request: the status is known by then. */
static size_t take_body(char *data, size_t size, size_t n, void *user) {
        struct slot *slot = user;

        slot->n_body += size * n;
        return slot->n_body > BODY_MAX ? 0 : size * n;
}

static size_t take_header(char *data, size_t size, size_t n, void *user) {
        const struct str line = { data, size * n };
        struct slot *slot = user;

        if (slot->status == 0)
                slot->status = http_parse_status(line, slot->reason, &slot->n_reason);
        if (slot->status > 0 && slot->answered_at == 0)
                slot->answered_at = clock_ms(CLOCK_BOOTTIME);
        return size * n;
}

static curl_socket_t open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address) {
        struct slot *slot = user;
        int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

        if (fd < 0)
                slot->own_error = errno;
        return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static bool append(struct curl_slist **list, const char *text) {
        struct curl_slist *longer = curl_slist_append(*list, text);

        if (longer)
                *list = longer;
        return longer;
}

/* The request that HAProxy sends as well: a single request, without headers that the definition does not
 * have. */
static bool put_headers(struct slot *slot, const struct http_request *q) {
        VEC_EACH(header, &q->headers)
                if (!append(&slot->headers, header->p))
                        return false;

        return append(&slot->headers, "Connection: close") && append(&slot->headers, "Accept:");
}

/* Options that are equal for each request of a slot. */
static CURL *new_handle(struct slot *slot) {
        CURL *handle = curl_easy_init();

        if (!handle)
                return NULL;

        (void) curl_easy_setopt(handle, CURLOPT_PROXY, "");
        (void) curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
        (void) curl_easy_setopt(handle, CURLOPT_TCP_NODELAY, 0L); /* all is sent at once */
        /* Addresses are kept too, and searched at each request: a tenth of the work for 1,000 instances. */
        (void) curl_easy_setopt(handle, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
        (void) curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, BUFFER_SIZE);
        (void) curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
        (void) curl_easy_setopt(handle, CURLOPT_FORBID_REUSE, 1L);
        (void) curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
        (void) curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 0L);
        (void) curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 0L);
        (void) curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
        (void) curl_easy_setopt(handle, CURLOPT_WRITEDATA, slot);
        (void) curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header);
        (void) curl_easy_setopt(handle, CURLOPT_HEADERDATA, slot);
        (void) curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, open_socket);
        (void) curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, slot);
        (void) curl_easy_setopt(handle, CURLOPT_PRIVATE, slot);
        return handle;
}

static void set_options(struct slot *slot, const struct http_request *q) {
        long timeout = q->timeout_ms > LONG_MAX ? LONG_MAX : (long) q->timeout_ms;
        CURL *handle = slot->handle;

        (void) curl_easy_setopt(handle, CURLOPT_URL, q->url.p);
        (void) curl_easy_setopt(handle, CURLOPT_HTTPHEADER, slot->headers);
        (void) curl_easy_setopt(handle, CURLOPT_CONNECT_TO, slot->connect_to);
        (void) curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, timeout);
        (void) curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS,
                                timeout < CONNECT_MS ? timeout : CONNECT_MS);
        (void) curl_easy_setopt(handle, CURLOPT_CONNECT_ONLY, str_is_absent(q->path) ? 1L : 0L);
}

static void free_lists(struct slot *slot) {
        curl_slist_free_all(slot->headers);
        curl_slist_free_all(slot->connect_to);
        slot->headers = slot->connect_to = NULL;
}

int http_open(struct arena *a, struct http_pool **ret) {
        struct http_pool *pool = arena_new(a, struct http_pool);

        pool->multi = curl_multi_init();
        if (!pool->multi)
                return -ENOMEM;

        *ret = pool;
        return 0;
}

void http_close(struct http_pool *pool) {
        for (size_t i = 0; pool && i < HTTP_MAX; i++) {
                if (pool->slots[i].is_under_way)
                        (void) curl_multi_remove_handle(pool->multi, pool->slots[i].handle);
                curl_easy_cleanup(pool->slots[i].handle);
                free_lists(&pool->slots[i]);
        }
        if (pool)
                (void) curl_multi_cleanup(pool->multi);
}

bool http_has_room(const struct http_pool *pool) {
        return pool->n_busy < HTTP_MAX;
}

bool http_is_busy(const struct http_pool *pool) {
        return pool->n_busy > 0;
}

static struct slot *find_free(struct http_pool *pool) {
        for (size_t i = 0; i < HTTP_MAX; i++)
                if (!pool->slots[i].is_under_way && !pool->slots[i].is_done)
                        return &pool->slots[i];

        return NULL;
}

int http_start(struct arena *a, struct http_pool *pool, struct http_request *q, uint64_t id) {
        struct slot *slot = find_free(pool);
        CURL *handle = slot ? slot->handle : NULL;
        bool good;

        if (!slot)
                return -ENOMEM;
        if (str_is_absent(q->url))
                q->url = http_url(a, q);

        *slot = (struct slot){ .id = id, .handle = handle ? handle : new_handle(slot) };
        good = slot->handle && put_headers(slot, q);
        if (good && q->is_tls)
                good = append(&slot->connect_to, http_connect_to(a, q).p);
        if (good) {
                set_options(slot, q);
                good = curl_multi_add_handle(pool->multi, slot->handle) == CURLM_OK;
        }
        if (!good) {
                free_lists(slot);
                return -ENOMEM;
        }

        slot->is_under_way = true;
        pool->n_busy++;
        return 0;
}

static void end(struct http_pool *pool, struct slot *slot, CURLcode code) {
        (void) curl_multi_remove_handle(pool->multi, slot->handle);
        free_lists(slot);
        slot->code = code;
        slot->is_under_way = false;
        slot->is_done = true;
        pool->n_done++;
}

static void end_those_done(struct http_pool *pool) {
        const CURLMsg *message;
        int left;

        while ((message = curl_multi_info_read(pool->multi, &left))) {
                const CURLcode code = message->data.result;
                char *slot = NULL;

                (void) curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot);
                end(pool, (struct slot *) (void *) slot, code);
        }
}

/* Those whose body has had its time. Gives how long that of the next one lasts, at most `ms`. */
static uint64_t end_those_answered(struct http_pool *pool, uint64_t now, uint64_t ms) {
        for (size_t i = 0; i < HTTP_MAX; i++) {
                struct slot *slot = &pool->slots[i];

                if (!slot->is_under_way || slot->answered_at == 0)
                        continue;
                if (now - slot->answered_at >= BODY_MS)
                        end(pool, slot, CURLE_OK);
                else if (BODY_MS - (now - slot->answered_at) < ms)
                        ms = BODY_MS - (now - slot->answered_at);
        }

        return ms;
}

static int step(struct http_pool *pool) {
        int n_running;
        CURLMcode code = curl_multi_perform(pool->multi, &n_running);

        end_those_done(pool);
        return code == CURLM_OK ? 0 : code == CURLM_OUT_OF_MEMORY ? -ENOMEM : -EIO;
}

int http_continue(struct http_pool *pool) {
        int r = step(pool);

        (void) end_those_answered(pool, clock_ms(CLOCK_BOOTTIME), 0);
        return r;
}

/* Until there is an answer. */
static int wait_for_answer(struct http_pool *pool) {
        for (;;) {
                int r = step(pool);
                uint64_t ms = end_those_answered(pool, clock_ms(CLOCK_BOOTTIME), POLL_MS);

                if (r < 0 || pool->n_done > 0)
                        return r;
                if (curl_multi_poll(pool->multi, NULL, 0, (int) ms, NULL) != CURLM_OK)
                        return -EIO;
        }
}

/* This process wanted for something. */
static bool is_own(const struct slot *slot, long error) {
        if (slot->code == CURLE_OUT_OF_MEMORY || slot->code == CURLE_FAILED_INIT || slot->own_error > 0)
                return true;

        return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS ||
               error == EADDRNOTAVAIL;
}

static struct http_answer answer_of(struct arena *a, const struct slot *slot) {
        const struct str reason = { slot->reason, slot->n_reason };
        const char *problem = curl_easy_strerror(slot->code);
        long error = slot->own_error;

        if (slot->status > 0)
                return (struct http_answer){ .status = slot->status, .reason = arena_str(a, reason) };
        if (slot->code == CURLE_OK)
                return (struct http_answer){ 0 };

        if (error == 0)
                (void) curl_easy_getinfo(slot->handle, CURLINFO_OS_ERRNO, &error);
        if (slot->code == CURLE_COULDNT_CONNECT && error > 0)
                problem = strerror((int) error);
        return (struct http_answer){
                .problem = arena_str(a, str_of(problem)),
                .is_ours = is_own(slot, error),
        };
}

bool http_take(struct arena *a, struct http_pool *pool, uint64_t *ret_id, struct http_answer *ret) {
        for (size_t i = 0; pool->n_done > 0 && i < HTTP_MAX; i++) {
                struct slot *slot = &pool->slots[i];

                if (!slot->is_done)
                        continue;
                *ret_id = slot->id;
                *ret = answer_of(a, slot);
                slot->is_done = false;
                pool->n_busy--;
                pool->n_done--;
                return true;
        }

        return false;
}

int http_get(struct arena *a, struct http_request *q, struct http_answer *ret) {
        struct arena own = { 0 };
        struct http_pool *pool = NULL;
        uint64_t id;
        int r = http_open(&own, &pool);

        if (r >= 0)
                r = http_start(a, pool, q, 0);
        if (r >= 0)
                r = wait_for_answer(pool);
        if (r >= 0)
                (void) http_take(a, pool, &id, ret);

        http_close(pool);
        arena_done(&own);
        return r;
}
