/* SPDX-License-Identifier: Apache-2.0 */

/* For LD_PRELOAD: the clock of the day jumps an hour forth, and back, each time that it is read, as when somebody
 * sets it, or NTP does; with CLOCK_JUMPS=1 back first. The others go on as they are. */

#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Else the compiler's options hide them, and nothing jumps. */
#pragma GCC visibility push(default)

enum { JUMP = 3600 };

int clock_gettime(clockid_t id, struct timespec *ret) {
        static int n;
        const char *first = getenv("CLOCK_JUMPS");
        long r = syscall(SYS_clock_gettime, id, ret);

        if (r == 0 && id == CLOCK_REALTIME)
                ret->tv_sec += (n++ + (first && *first == '1')) % 2 == 0 ? JUMP : -JUMP;
        return (int) r;
}

time_t time(time_t *ret) {
        struct timespec now;

        (void) clock_gettime(CLOCK_REALTIME, &now);
        if (ret)
                *ret = now.tv_sec;
        return now.tv_sec;
}
