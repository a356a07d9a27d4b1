/* SPDX-License-Identifier: Apache-2.0 */
#include "preview/check.h"

#include "ctl/session.h"
#include "verbs/verbs.h"

int ctl_check(struct ctl *c) {
        CLEANUP(session_close) struct session s = { .world.root = -1 };
        int r = session_open_files(c, (const char *const *) c->argv, c->argc, &s);

        if (r == 0)
                r = check_session(c, &s);
        return r != 0 ? r : session_report(c, &s);
}
