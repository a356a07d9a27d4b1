/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <poll.h>

uint64_t clock_usec(clockid_t clock) {
        struct timespec t;

        (void) clock_gettime(clock, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

bool clock_wait(int fd, uint64_t ms) {
        struct pollfd p = { .fd = fd, .events = POLLIN };

        return poll(&p, 1, ms > INT32_MAX ? INT32_MAX : (int) ms) <= 0;
}

void clock_pause(uint64_t ms) {
        (void) clock_wait(-1, ms);
}
