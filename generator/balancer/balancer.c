/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/balancer.h"

#include "app/app.h"
#include "base/clock.h"

const struct balancer *const balancers[] = {
        [PROXY_HAPROXY] = &balancer_haproxy,
        [PROXY_NGINX] = &balancer_nginx,
};

void balancer_note(struct balancer_server *s, struct str text) {
        *vec_push(s->arena, &s->notes) = text;
}

int balancer_drain(struct balancer_server *s) {
        const struct balancer *b = s->balancer;
        int r = b->drain(s);
        /* Without the time that nginx's workers took to retire, which is the machine's. */
        const uint64_t start = clock_ms(CLOCK_BOOTTIME);
        uint64_t open;

        for (unsigned n = 0; r > 0; clock_pause(b->count_ms)) {
                int q = b->count(s, &open);

                if (q < 0)
                        return q;
                n = open == 0 ? n + 1 : 0;
                if (n == b->n_counts)
                        break;
                if (clock_ms(CLOCK_BOOTTIME) - start < s->drain)
                        continue;
                if (open > 0)
                        balancer_note(s, arena_join(s->arena, arena_u64(s->arena, open),
                                                    STR(" requests still open after "),
                                                    arena_u64(s->arena, s->drain / 1000),
                                                    STR(" s; stopping anyway")));
                break;
        }

        /* A drained server of HAProxy's still gets the requests of clients that stick to it. */
        return r > 0 ? b->leave(s) : r;
}
