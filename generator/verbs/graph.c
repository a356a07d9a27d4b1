/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl graph: on a terminal, or without Graphviz, the text that draws it; else the picture. */

#include "verbs/graph.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ctl/session.h"
#include "model/view.h"
#include "runtime/spawn.h"
#include "verbs/verbs.h"

/* All, or the one that is named. */
static int open_world(struct ctl *c, struct session *s, struct str only) {
        struct app *app = NULL;

        if (!str_is_absent(only))
                return session_open_app(c, s, only, &app);

        c->argc = 0;
        return session_open(c, s);
}

static int draw(struct ctl *c, struct session *s, struct str only, struct str *ret) {
        struct graph g = { .arena = &c->arena, .world = &s->world, .out = buf_in(&c->arena), .edges = buf_in(&c->arena), .shared = buf_in(&c->arena) };
        struct view_places places;
        int r = view_open(c, &places);

        if (r == 0)
                r = ports_assign(&s->world, places.runtime, &g.ports);
        view_close(&places);
        if (r < 0)
                return ctl_fail("cannot assign the ports", r);
        if (r > 0)
                return r;

        VEC_EACH(d, &s->world.definitions) {
                if (!str_is_absent(only) && !str_eq(d->name.text, only))
                        continue;
                if (d->app)
                        graph_app(&g, d->app);
                else
                        (void) fprintf(stderr, "pyservicectl: %.*s %s\n", STR_ARG(d->path),
                                       d->is_hidden ?
                                                       "is left out, because only root can read it" : "has errors, and is left out; 'pyservicectl check' shows them");
        }
        graph_routes(&g, only);
        *ret = graph_text(&g);
        return 0;
}

/* Becomes `dot`, which reads the text from memory. Comes back only where it can't. */
static void become_dot(struct str program, struct str text) {
        int fd = memfd_create("graph", 0);

        for (size_t at = 0; fd >= 0 && at < text.n;) {
                ssize_t n = write(fd, text.p + at, text.n - at);

                if (n < 0 && errno != EINTR)
                        return;
                at += n > 0 ? (size_t) n : 0;
        }

        if (fd >= 0 && lseek(fd, 0, SEEK_SET) == 0 && dup2(fd, STDIN_FILENO) == STDIN_FILENO)
                (void) execv(program.p, (char *const[]) { (char *) program.p, (char[]) { "-Tsvg" }, NULL });
}

int ctl_graph(struct ctl *c) {
        struct str program = spawn_find(&c->arena, "dot"), only = { 0 }, text;
        struct session s;
        int r;

        if (c->argc > 1 || (c->argc == 1 && !type_accepts(KIND_NAME, str_of(c->argv[0])))) {
                (void) fputs("pyservicectl graph: give the name of one application, or none\n", stderr);
                return CTL_USAGE;
        }

        if (c->argc == 1)
                only = str_of(c->argv[0]);
        r = open_world(c, &s, only);
        if (r == 0)
                r = draw(c, &s, only, &text);
        session_close(&s);
        if (r != 0)
                return r;

        if (str_is_absent(program))
                (void) fputs("pyservicectl: this is DOT; with Graphviz installed it would be SVG\n", stderr);
        else if (isatty(STDOUT_FILENO))
                (void) fputs("pyservicectl: this is DOT; into a file or a pipe it would be SVG\n", stderr);
        else {
                (void) fputs("pyservicectl: this is SVG, drawn by Graphviz\n", stderr);
                become_dot(program, text);
        }
        return ctl_write(stdout, text);
}
