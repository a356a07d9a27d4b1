/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/proxy-closed.h"

#include <strings.h>

#include "base/buf.h"
#include "state/hold.h"
#include "state/maintenance.h"

/* A command for HAProxy has at most 16 KiB. */
enum { ENCODED_MAX = 12 << 10 };

static bool has_tag(struct str page, const char *tag) {
        size_t n = strlen(tag);

        for (size_t i = 0; i + n <= page.n; i++)
                if (strncasecmp(page.p + i, tag, n) == 0)
                        return true;

        return false;
}

const char *proxy_closed_page(struct arena *a, struct str page, struct str *ret) {
        struct buf b = buf_in(a);

        if (has_tag(page, "<pre") || has_tag(page, "<textarea") || has_tag(page, "<script"))
                return "HAProxy gets it in one line, so it cannot have <pre>, <textarea> and <script>; "
                       "remove them";

        for (size_t i = 0; i < page.n; i++) {
                char c = page.p[i] == '\n' || page.p[i] == '\r' ? ' ' : page.p[i];

                if (str_is_made_of((struct str){ &c, 1 },
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                   "0123456789-_.~/>=!,'()*@&"))
                        buf_put_char(&b, c);
                else
                        buf_put_percent(&b, c);
        }
        if (b.n > ENCODED_MAX)
                return "it is larger than 12 KiB, with each blank and most special characters counted as "
                       "three bytes; make it smaller";

        *ret = buf_str(&b);
        return NULL;
}

static struct str describe(struct arena *a, const struct maintenance *m) {
        struct str retry = arena_u64(a, m->retry), page;

        if (str_is_absent(m->page) || proxy_closed_page(a, m->page, &page))
                return arena_join(a, STR("maintenance:"), retry);

        return arena_join(a, STR("page:"), retry, STR(":"), page);
}

void proxy_closed_add(struct arena *a, int runtime, int state, struct str app, struct proxy_closed_list *to) {
        struct maintenance m;
        struct holds holds;

        if (maintenance_read(a, state, app, &m) >= 0 && m.since > 0)
                *vec_push(a, &to->list) = (struct proxy_closed){ app, describe(a, &m) };
        else if (hold_read(a, runtime, app, &holds) >= 0 && hold_has_all(&holds))
                *vec_push(a, &to->list) = (struct proxy_closed){ app, STR("stopped") };
}

struct str proxy_closed_value(const struct proxy_closed_list *closed, struct str app) {
        VEC_EACH(c, &closed->list)
                if (str_eq(c->app, app))
                        return c->value;

        return (struct str){ 0 };
}

void proxy_closed_backends(struct arena *a, const struct proxy_directory *d, struct str app,
                           struct proxy_backends *to) {
        VEC_EACH(route, &d->routes)
                if (str_eq(route->app, app) && !VEC_HAS(&to->list, route->backend))
                        *vec_push(a, &to->list) = route->backend;
}

struct str proxy_closed_map(struct arena *a, struct str mark, const struct proxy_closed_list *closed,
                            const struct proxy_directory *d) {
        struct buf b = buf_in(a);

        buf_put_str(&b, mark);
        VEC_EACH(c, &closed->list) {
                struct proxy_backends backends = { 0 };

                proxy_closed_backends(a, d, c->app, &backends);
                VEC_EACH(backend, &backends.list)
                        buf_put_str(&b, arena_join(a, *backend, STR(" "), c->value, STR("\n")));
        }
        return buf_str(&b);
}
