/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl check: all mistakes at once. */

#include "ctl/ctl.h"
#include "publish/ports.h"

int ctl_check(struct ctl *c) {
        CLEANUP(session_close) struct session s = { .world.root = -1 };
        struct ports ports = { 0 };
        int r = session_open(c, &s);

        if (r != 0)
                return r;

        r = ports_assign(&s.world, -1, &ports);
        if (r < 0)
                return ctl_fail("cannot assign ports", r);

        return session_report(c, &s);
}
