/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/probe.h"

enum { PAUSE_MIN_MS = 20, PART_OF_ELAPSED = 10 };

bool probe_failed(struct probe *p, uint64_t now) {
        if (now < p->start_period)
                return false;
        if (p->n_failed > 0 && now - p->counted_at < p->interval)
                return false;

        p->n_failed++;
        p->counted_at = now;
        return p->n_failed >= p->retries;
}

/* A tenth of what has passed: one that takes 30 s to start is seen at the latest 3 s after. */
uint64_t probe_pause(const struct probe *p, uint64_t now) {
        uint64_t pause = now / PART_OF_ELAPSED;

        if (pause < PAUSE_MIN_MS)
                pause = PAUSE_MIN_MS;
        return pause < p->interval ? pause : p->interval;
}

bool probe_accepts(struct str codes, unsigned status) {
        struct str range, from, to;
        uint64_t first, last;

        while (str_split(&codes, ',', &range)) {
                to = range;
                (void) str_split(&to, '-', &from);
                if (str_is_absent(to))
                        to = from;
                if (str_to_u64(from, 999, &first) && str_to_u64(to, 999, &last) && status >= first &&
                    status <= last)
                        return true;
        }

        return false;
}

struct str probe_describe(struct arena *a, const struct http_request *q) {
        struct str host = http_host(q), port = arena_u64(a, q->container_port ?: q->port), with = STR(""),
                   by = STR("");

        if (str_is_absent(q->path))
                return arena_join(a, STR("a connection to port "), port);

        if (!str_is_absent(host))
                with = arena_join(a, STR(" with Host: "), host);
        if (q->is_tls)
                by = STR(" by TLS");
        return arena_join(a, STR("GET "), q->path, with, STR(" on port "), port, by);
}

/* Django answers 400, Rails 403, and a server with names of its own 421. */
static struct str hint(unsigned status) {
        if (status == 400 || status == 403 || status == 421)
                return STR("; does the application restrict host names (ALLOWED_HOSTS)?");

        return STR("");
}

struct str probe_judge(struct arena *a, const struct http_request *q, struct str codes,
                       const struct http_answer *answer) {
        struct str words = arena_u64(a, answer->status);

        if (!str_is_absent(answer->problem))
                return arena_join(a, STR("no answer: "), answer->problem);
        if (str_is_absent(q->path) || probe_accepts(codes, answer->status))
                return (struct str){ 0 };

        if (answer->reason.n > 0)
                words = arena_join(a, words, STR(" "), answer->reason);
        if (!str_is(codes, "200-399"))
                words = arena_join(a, words, STR(", not "), codes);
        return arena_join(a, words, hint(answer->status));
}
