/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl render: the bundles of all definitions as files in a directory, to read or to compare. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "app/ports.h"
#include "base/walk.h"
#include "ctl/ctl.h"
#include "ctl/session.h"
#include "publish/compose.h"
#include "render/render.h"
#include "verbs/verbs.h"

static struct { const char *output; } options;

const struct option_row render_options[] = {
        { "output", "DIR", "Directory to write to", .text = &options.output, .letter = 'o' },
        { 0 },
};

static int fail(const struct walk *w, const char *path, int r) {
        if (str_is_absent(w->problem))
                return ctl_fail(path, r);

        (void) fprintf(stderr, "pyservicectl render: %s\n", w->problem.p);
        return CTL_ERROR;
}

/* The directory may be one where others write too: none of their links is followed. */
static int write_file(struct ctl *c, const struct definition *d, const struct tree_file *f) {
        CLEANUP(walk_close) struct walk w = WALK_INIT;
        struct str path =
                arena_join(&c->arena, str_of(options.output), STR("/"), d->name.text, STR("/"), f->path);
        int r = walk_replace(&w, &c->arena, path.p, tree_mode(f), f->text);

        return r < 0 ? fail(&w, path.p, r) : CTL_GOOD;
}

static int write_app(struct ctl *c, struct session *s, const struct definition *d,
                     const struct ports *ports) {
        struct tree tree = { .arena = &c->arena };
        int r = CTL_GOOD;

        render_app(&c->arena, &s->world, d->app, ports, &tree);
        compose_uphold(&tree, d->name.text);
        VEC_EACH(f, &tree.files)
                if (r == CTL_GOOD)
                        r = write_file(c, d, f);
        return r;
}

static int render_all(struct ctl *c, struct session *s) {
        struct ports ports = { 0 };
        int r = ports_assign(&s->world, -1, &ports);

        if (r < 0)
                return ctl_fail("cannot assign ports", r);

        VEC_EACH(d, &s->world.definitions) {
                if (!d->app || d->is_broken)
                        continue;

                r = write_app(c, s, d, &ports);
                if (r != CTL_GOOD)
                        return r;
        }

        return session_report(c, s);
}

static int make_output(struct ctl *c) {
        CLEANUP(walk_close) struct walk w = WALK_INIT;
        int r = walk_to(&w, &c->arena, AT_FDCWD,
                        arena_join(&c->arena, str_of(options.output), STR("/.new")).p, WALK_MAKE);

        return r < 0 ? fail(&w, options.output, r) : CTL_GOOD;
}

int ctl_render(struct ctl *c) {
        CLEANUP(session_close) struct session s = { .world.root = -1 };
        int r;

        if (!options.output) {
                return ctl_usage(c, "--output=DIR is missing; it names the directory to write to");
        }

        r = session_open_files(c, (const char *const *) c->argv, c->argc, &s);
        if (r != 0)
                return r;

        r = make_output(c);
        return r != CTL_GOOD ? r : render_all(c, &s);
}
