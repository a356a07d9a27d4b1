/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/proxy-closed.h"

#include "base/buf.h"
#include "state/hold.h"

void proxy_closed_add(struct arena *a, int runtime, int state, struct str app, struct proxy_closed_list *to) {
        struct holds holds;

        if (hold_read(a, runtime, app, &holds) >= 0 && hold_has_all(&holds))
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
