/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "hooks/watch.h"

static void put_text(struct buf *b, const char *key, struct str value) {
        buf_put(b, key);
        buf_put_char(b, ' ');
        buf_put_str(b, value);
        buf_put_char(b, '\n');
}

struct str watch_text(struct arena *a, const struct watched *w) {
        struct buf b = buf_in(a);

        put_text(&b, "invocation", w->invocation);
        put_text(&b, "address", w->request.address);
        put_text(&b, "path", w->request.path);
        VEC_EACH(header, &w->request.headers)
                put_text(&b, "header", *header);
        put_text(&b, "codes", w->codes);
        put_text(&b, "port", arena_u64(a, w->request.port));
        put_text(&b, "container-port", arena_u64(a, w->request.container_port));
        put_text(&b, "tls", w->request.is_tls ? STR("1") : STR("0"));
        put_text(&b, "timeout", arena_u64(a, w->request.timeout_ms));
        put_text(&b, "interval", arena_u64(a, w->interval));
        put_text(&b, "retries", arena_u64(a, w->retries));
        return buf_str(&b);
}

static bool take_text(struct watched *w, struct str key, struct str value) {
        struct str *member = str_is(key, "invocation") ? &w->invocation
                             : str_is(key, "codes")    ? &w->codes
                             : str_is(key, "address")  ? &w->request.address
                             : str_is(key, "path")     ? &w->request.path
                                                       : NULL;

        if (member)
                *member = value;
        return member;
}

static bool take_number(struct watched *w, struct str key, struct str value) {
        uint64_t *member = str_is(key, "interval")         ? &w->interval
                           : str_is(key, "retries")        ? &w->retries
                           : str_is(key, "port")           ? &w->request.port
                           : str_is(key, "timeout")        ? &w->request.timeout_ms
                           : str_is(key, "container-port") ? &w->request.container_port
                                                           : NULL;

        return member && str_to_u64(value, UINT64_MAX, member);
}

static bool take_line(struct arena *a, struct watched *w, struct str key, struct str value) {
        if (str_is(key, "tls")) {
                w->request.is_tls = str_is(value, "1");
                return true;
        }
        if (!str_is(key, "header"))
                return take_text(w, key, value) || take_number(w, key, value);

        *vec_push(a, &w->request.headers) = arena_str(a, value);
        return http_is_header(value);
}

bool watch_parse(struct arena *a, struct str text, struct watched *ret) {
        struct watched w = *ret;
        struct str line, key;

        while (str_split(&text, '\n', &line)) {
                struct str value = line;

                if (line.n == 0)
                        continue;
                (void) str_split(&value, ' ', &key);
                if (str_is_absent(value) || !take_line(a, &w, key, value))
                        return false;
        }

        if (w.invocation.n == 0 || w.codes.n == 0 || w.interval == 0 || w.retries == 0 ||
            w.request.address.n == 0 || w.request.path.n == 0 || w.request.port == 0)
                return false;

        *ret = w;
        return true;
}

bool watch_is_due(const struct watched *w, const struct bus_unit *u) {
        return w->n_failed >= w->retries && !u->has_job && str_is(u->active, "active") &&
               str_eq(u->invocation, w->invocation);
}

bool watch_is_sibling(struct str a, struct str b) {
        a.n = str_find(a, '@');
        b.n = str_find(b, '@');
        return str_eq(a, b);
}
