/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* clock_gettime(2) in microseconds, of CLOCK_REALTIME, CLOCK_MONOTONIC … It cannot fail for a clock that
 * Linux has. */

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

uint64_t clock_usec(clockid_t clock);

/* Waits. */
void clock_pause(uint64_t ms);

/* Waits until the descriptor (-1 for none) becomes readable, at most `ms`. False if it did. */
bool clock_wait(int fd, uint64_t ms);
