/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl render: the bundles of all definitions as files in a directory, to look at or to compare. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "app/ports.h"
#include "base/fs.h"
#include "ctl/ctl.h"
#include "render/render.h"

static int write_tree(int dir, const struct tree *t) {
        VEC_EACH(f, &t->files) {
                int r = fs_make_dirs(dir, f->path.p, true);

                if (r >= 0)
                        r = fs_replace(dir, f->path.p, f->mode, f->text);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int write_app(struct ctl *c, struct session *s, const struct definition *d, const struct ports *ports, int output) {
        CLEANUP(close_fd) int dir = -1;
        struct tree tree = { .arena = &c->arena };
        int r;

        render_app(&c->arena, &s->world, d->app, ports, &tree);
        r = fs_make_dirs(output, d->name.text.p, false);
        if (r < 0)
                return r;

        dir = fs_open_dir(output, d->name.text.p);
        if (dir < 0)
                return dir;

        return write_tree(dir, &tree);
}

static int render_all(struct ctl *c, struct session *s, int output) {
        struct ports ports = { 0 };
        int r = ports_assign(&s->world, -1, &ports);

        if (r < 0)
                return ctl_fail("cannot assign ports", r);

        VEC_EACH(d, &s->world.definitions) {
                if (!d->app || d->is_broken)
                        continue;

                r = write_app(c, s, d, &ports, output);
                if (r < 0)
                        return ctl_fail(c->output, r);
        }

        return session_report(c, s);
}

int ctl_render(struct ctl *c) {
        CLEANUP(session_close) struct session s = { .world.root = -1 };
        CLEANUP(close_fd) int output = -1;
        int r;

        if (!c->output) {
                (void) fputs("pyservicectl render: --output=DIR is missing; it says where the files go\n", stderr);
                return CTL_USAGE;
        }

        r = session_open(c, &s);
        if (r != 0)
                return r;

        r = fs_make_dirs(AT_FDCWD, c->output, false);
        if (r < 0)
                return ctl_fail(c->output, r);
        output = fs_open_dir(AT_FDCWD, c->output);
        if (output < 0)
                return ctl_fail(c->output, output);

        return render_all(c, &s, output);
}
