/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Amounts as short as a table wants them: "3h", "12.5M", "1.2s". */

#include "base/arena.h"

/* How long ago, or how far off, `usec` (CLOCK_REALTIME) is: "45s", "12min", "3h", "5d". Absent for 0 and
 * UINT64_MAX, which are not times. */
struct str amount_distance(struct arena *a, uint64_t usec);

/* Bytes: "640K", "12.5M". Absent for UINT64_MAX, which is not an amount; this is also true of the functions
 * below. */
struct str amount_bytes(struct arena *a, uint64_t bytes);

/* An amount of processor time, in microseconds: "0.35s", "2min", "5h". */
struct str amount_cpu(struct arena *a, uint64_t usec);

/* Digits. */
struct str amount_count(struct arena *a, uint64_t n);
