/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <poll.h>

uint64_t clock_usec(clockid_t clock) {
        struct timespec t;

        (void) clock_gettime(clock, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

struct str clock_utc(struct arena *a, uint64_t usec) {
        char text[64];
        struct tm tm;
        size_t n = gmtime_r(&(time_t){ (time_t) (usec / 1000000) }, &tm)
                           ? strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm)
                           : 0;

        return arena_str(a, (struct str){ text, n });
}

bool clock_wait(int fd, uint64_t ms) {
        struct pollfd p = { .fd = fd, .events = POLLIN };

        return poll(&p, 1, ms > INT32_MAX ? INT32_MAX : (int) ms) <= 0;
}

void clock_pause(uint64_t ms) {
        (void) clock_wait(-1, ms);
}
