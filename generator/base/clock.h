/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* clock_gettime(2) in microseconds, of CLOCK_REALTIME, CLOCK_MONOTONIC … It cannot fail for a clock that
 * Linux has. */

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/arena.h"

uint64_t clock_usec(clockid_t clock);

/* Like clock_usec(), in milliseconds. */
static inline uint64_t clock_ms(clockid_t clock) {
        return clock_usec(clock) / 1000;
}

/* Formats a time for programs: "2026-11-20T14:03:12Z". `usec`: since 1970. */
struct str clock_utc(struct arena *a, uint64_t usec);

/* Waits. */
void clock_pause(uint64_t ms);

/* Waits until the descriptor (-1 for none) becomes readable, at most `ms`. False if it did. */
bool clock_wait(int fd, uint64_t ms);
