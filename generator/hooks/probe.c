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
                if (str_to_u64(from, 999, &first) && str_to_u64(to, 999, &last) && status >= first && status <= last)
                        return true;
        }

        return false;
}
