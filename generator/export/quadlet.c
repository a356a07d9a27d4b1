/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl export quadlet APP…: the files with which they run without pyservice. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/walk.h"
#include "ctl/session.h"
#include "ctl/target.h"
#include "export/export.h"
#include "export/plain.h"
#include "model/view.h"
#include "render/render.h"

static int assign_ports(struct ctl *c, struct plain *p) {
        struct view_places places;
        int r = view_open(c, &places);

        if (r == 0)
                r = ports_assign(p->world, places.runtime, &p->ports);
        view_close(&places);
        return r < 0 ? ctl_fail("cannot assign the ports", r) : r;
}

static bool has_app(const struct plain *p, const struct app *app) {
        VEC_EACH(known, &p->apps)
                if (*known == app)
                        return true;

        return false;
}

/* Ports are assigned once, from the definitions as they are: secrets are converted afterwards. */
static int open_apps(struct ctl *c, struct session *s, struct plain *p) {
        struct targets targets;
        struct app *app;
        int r = targets_parse(c, &targets);

        if (r != 0)
                return r;
        VEC_EACH(target, &targets.list)
                if (!str_is_absent(target->part) || !str_is_absent(target->instance))
                        return ctl_usage(c, "'%.*s' has a part; give applications", STR_ARG(target->app));
        r = session_open(c, s);
        VEC_EACH(target, &targets.list) {
                if (r == 0)
                        r = session_find_app(c, s, target->app, &app);
                if (r == 0 && !has_app(p, app))
                        *vec_push(&c->arena, &p->apps) = app;
        }

        return r != 0 ? r : assign_ports(c, p);
}

static int make_files(struct plain *p) {
        struct str problem;

        VEC_EACH(app, &p->apps) {
                plain_secrets(p, *app);
                plain_notes(p, *app);
        }
        if (!plain_files(p, &problem)) {
                (void) fprintf(stderr, "pyservicectl: %.*s\n", STR_ARG(problem));
                return CTL_ERROR;
        }

        tree_sort(&p->tree);
        return CTL_GOOD;
}

static int put_link(struct walk *w, const struct tree_file *f) {
        if (unlinkat(w->dir, w->name.p, 0) < 0 && errno != ENOENT)
                return -errno;

        return symlinkat(f->link.p, w->dir, w->name.p) < 0 ? -errno : 0;
}

/* The directory may be one where others write too: none of their links is followed. */
static int write_file(struct ctl *c, const char *output, const struct tree_file *f) {
        CLEANUP(walk_close) struct walk w = WALK_INIT;
        struct str path = arena_join(&c->arena, str_of(output), STR("/"), f->path);
        int r;

        if (str_is_absent(f->link))
                r = walk_replace(&w, &c->arena, path.p, tree_mode(f), f->text);
        else {
                r = walk_to(&w, &c->arena, AT_FDCWD, path.p, WALK_MAKE);
                if (r >= 0)
                        r = put_link(&w, f);
        }
        if (r >= 0)
                return CTL_GOOD;
        if (str_is_absent(w.problem))
                return ctl_fail(path.p, r);

        (void) fprintf(stderr, "pyservicectl export: %s\n", w.problem.p);
        return CTL_ERROR;
}

static struct str print_files(struct plain *p) {
        struct buf out = buf_in(p->arena);

        VEC_EACH(f, &p->tree.files) {
                buf_put(&out, "\n# ");
                buf_put_str(&out, f->path);
                buf_put(&out, str_is_absent(f->link) ? "" : " -> ");
                buf_put_str(&out, f->link);
                buf_put_char(&out, '\n');
                buf_put_str(&out, f->text);
        }

        return buf_str(&out);
}

static int print(struct ctl *c, struct plain *p, const char *output) {
        struct str readme = plain_readme(p), files = STR("");
        struct tree_file file = { .path = STR("README"), .text = readme, .is_private = true };
        struct buf said = buf_in(&c->arena);
        int r = CTL_GOOD;

        if (!output)
                files = print_files(p);
        else {
                r = write_file(c, output, &file);
                VEC_EACH(f, &p->tree.files)
                        if (r == CTL_GOOD)
                                r = write_file(c, output, f);
        }
        if (r == CTL_GOOD)
                r = ctl_write(stdout, arena_join(&c->arena, readme, files));
        VEC_EACH(note, &p->missing)
                export_put_missing(&said, note->app, note->text);

        return r == CTL_GOOD ? ctl_write(stderr, buf_str(&said)) : r;
}

int export_quadlet(struct ctl *c, const char *output) {
        CLEANUP(session_close) struct session s = { .world.root = -1 };
        struct plain p = { .arena = &c->arena, .world = &s.world, .tree.arena = &c->arena };
        int r;

        if (c->argc < 2)
                return ctl_usage(c, "give at least one application");
        c->argc--;
        c->argv++;
        r = open_apps(c, &s, &p);
        if (r == CTL_GOOD)
                r = make_files(&p);

        return r == CTL_GOOD ? print(c, &p, output) : r;
}
