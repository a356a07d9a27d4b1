/* SPDX-License-Identifier: Apache-2.0 */
#include "change/amount.h"

#include "base/clock.h"

enum { SECOND = 1000000 };

static struct str whole(struct arena *a, uint64_t seconds) {
        if (seconds < 100)
                return arena_join(a, arena_u64(a, seconds), STR("s"));
        if (seconds < 100 * 60)
                return arena_join(a, arena_u64(a, seconds / 60), STR("min"));
        if (seconds < 48 * 3600)
                return arena_join(a, arena_u64(a, seconds / 3600), STR("h"));

        return arena_join(a, arena_u64(a, seconds / 86400), STR("d"));
}

struct str amount_distance(struct arena *a, uint64_t usec) {
        uint64_t now = clock_usec(CLOCK_REALTIME);

        if (usec == 0 || usec == UINT64_MAX)
                return (struct str){ 0 };

        return whole(a, (usec > now ? usec - now : now - usec) / SECOND);
}

struct str amount_bytes(struct arena *a, uint64_t bytes) {
        static const char units[] = "BKMGTP";
        uint64_t tenths = bytes;
        size_t unit = 0;

        if (bytes == UINT64_MAX)
                return (struct str){ 0 };
        if (bytes < 1024)
                return arena_join(a, arena_u64(a, bytes), STR("B"));

        for (tenths = bytes / 1024 * 10 + bytes % 1024 * 10 / 1024, unit = 1;
             tenths >= 10240 && unit + 2 < sizeof(units); unit++)
                tenths /= 1024;
        if (tenths >= 1000)
                return arena_printf(a, "%llu%c", (unsigned long long) tenths / 10, units[unit]);

        return arena_printf(a, "%llu.%llu%c", (unsigned long long) tenths / 10,
                            (unsigned long long) tenths % 10, units[unit]);
}

struct str amount_cpu(struct arena *a, uint64_t usec) {
        if (usec == UINT64_MAX)
                return (struct str){ 0 };
        if (usec >= 100ULL * SECOND)
                return whole(a, usec / SECOND);

        return arena_printf(a, "%llu.%02llus", (unsigned long long) usec / SECOND,
                            (unsigned long long) usec % SECOND / 10000);
}

struct str amount_count(struct arena *a, uint64_t n) {
        return n == UINT64_MAX ? (struct str){ 0 } : arena_u64(a, n);
}
