/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/ctl.h"
#include "runtime/spawn.h"

struct str ctl_self(struct ctl *c) {
        char path[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", path, sizeof(path));

        return n <= 0 || (size_t) n == sizeof(path) ? STR("/usr/bin/pyservicectl")
                                                    : arena_str(&c->arena, (struct str){ path, (size_t) n });
}

int ctl_systemctl(struct ctl *c, const char *const *words) {
        const char *argv[8] = { spawn_find(&c->arena, "systemctl").p };
        struct spawn_result result;
        size_t n = 1;
        int r;

        if (!argv[0])
                return ctl_fail("systemctl", -ENOENT);
        if (c->is_user)
                argv[n++] = "--user";
        while (*words && n + 1 < ARRAY_SIZE(argv))
                argv[n++] = *words++;

        r = spawn_run(&c->arena, argv, &result);
        if (r < 0)
                return ctl_fail(argv[0], r);
        if (result.status == 0)
                return 0;

        (void) fprintf(stderr, "pyservicectl: systemctl %s: %.*s\n", argv[c->is_user ? 2 : 1],
                       STR_ARG(str_trim(result.err)));
        return EXIT_SYSTEM;
}

int ctl_reload(struct ctl *c) {
        uint64_t now = clock_usec(CLOCK_REALTIME);

        if (strcmp(c->root, "/") != 0)
                return 0;

        /* The generator would leave out what was written just now, and the user has seen what is in it. */
        if (c->settles > now && c->settles - now <= SETTLE_USEC)
                (void) usleep((useconds_t) (c->settles - now));
        return ctl_systemctl(c, (const char *const[]){ "daemon-reload", NULL });
}
