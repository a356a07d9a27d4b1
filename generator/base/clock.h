/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* clock_gettime(2) in microseconds, of CLOCK_REALTIME, CLOCK_MONOTONIC … It cannot fail for a clock that
 * Linux has. */

#include <stdint.h>
#include <time.h>

uint64_t clock_usec(clockid_t clock);
