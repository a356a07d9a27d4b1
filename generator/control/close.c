/* SPDX-License-Identifier: Apache-2.0 */
#include "control/close.h"

#include <fcntl.h>
#include <stdio.h>

#include "balancer/proxy.h"
#include "base/fs.h"

static int fail(const struct proxy_run *p, struct str app, int r) {
        (void) fprintf(stderr, "pyservicectl: %.*s: clients may still get the previous page: %.*s: %s\n",
                       STR_ARG(app), STR_ARG(p->failed), strerror(-r));
        return r;
}

int close_apply(struct ctl *c, struct str app) {
        struct sources sources = { 0 };
        struct diags ds = { .arena = &c->arena, .sources = &sources };
        struct world world = { .arena = &c->arena, .ds = &ds, .sources = &sources };
        struct proxy_run proxy = { .arena = &c->arena,
                                   .world = &world,
                                   .root = strcmp(c->root, "/") == 0 ? "" : c->root,
                                   .app = app };
        CLEANUP(close_fd) int root = c->is_user ? -1 : fs_open_dir(AT_FDCWD, c->root);
        int r;

        if (c->is_user)
                return 0;

        places_system(&world.places);
        world.root = root;
        r = root < 0 ? proxy_fail(&proxy, str_of(c->root), root) : proxy_close(&proxy);
        VEC_EACH(problem, &proxy.problems)
                (void) fprintf(stderr, "pyservicectl: %.*s: %s\n", STR_ARG(app), problem->p);
        return r < 0 ? fail(&proxy, app, r) : proxy.is_told;
}
