/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/http-text.h"

bool http_is_header(struct str text) {
        for (size_t i = 0; i < text.n; i++)
                if (text.p[i] < ' ' || text.p[i] == 0x7f)
                        return false;

        return str_find_str(text, STR(": ")) > 0 && str_find_str(text, STR(": ")) < text.n;
}

struct str http_host(const struct http_request *q) {
        VEC_EACH(header, &q->headers)
                if (str_has_prefix(*header, STR("Host: ")))
                        return str_from(*header, strlen("Host: "));

        return (struct str){ 0 };
}

/* An IPv6 address is written in brackets. */
static struct str bracketed(struct arena *a, struct str address) {
        return str_find(address, ':') < address.n ? arena_join(a, STR("["), address, STR("]")) : address;
}

struct str http_url(struct arena *a, const struct http_request *q) {
        struct str host = q->is_tls ? http_host(q) : (struct str){ 0 };

        if (str_is_absent(host))
                host = bracketed(a, q->address);
        return arena_join(a, q->is_tls ? STR("https://") : STR("http://"), host, STR(":"),
                          arena_u64(a, q->port), str_is_absent(q->path) ? STR("/") : q->path);
}

struct str http_connect_to(struct arena *a, const struct http_request *q) {
        return arena_join(a, STR("::"), bracketed(a, q->address), STR(":"), arena_u64(a, q->port));
}

unsigned http_parse_status(struct str line, char reason[static HTTP_REASON_MAX], size_t *ret_n) {
        struct str word, code;
        uint64_t status;
        size_t n = 0;

        if (!str_has_prefix(line, STR("HTTP/")))
                return 0;

        while (line.n > 0 && (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == '\n'))
                line.n--;
        (void) str_split(&line, ' ', &word);
        if (!str_split(&line, ' ', &code) || !str_to_u64(code, 999, &status) || status < 200)
                return 0;

        for (; n < line.n && n < HTTP_REASON_MAX; n++)
                reason[n] = line.p[n] >= ' ' && line.p[n] < 0x7f ? line.p[n] : '?';
        *ret_n = n;
        return (unsigned) status;
}
