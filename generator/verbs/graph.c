/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl graph: an SVG picture if Graphviz is installed and the output is not a terminal, else DOT
 * text. */

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "app/ports.h"
#include "app/resolve.h"
#include "balancer/balancer.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "ctl/session.h"
#include "model/view.h"
#include "render/parts.h"
#include "runtime/spawn.h"
#include "schema/syntax.h"
#include "verbs/verbs.h"

/* A picture of applications in DOT, Graphviz's language (https://graphviz.org/doc/info/lang.html).
 *
 * Texts from definitions are put through graph_node(), graph_edge() and graph_open() alone, which quote
 * them: none ends its quotes, is read as an escape or an entity, or makes a line of its own. Equal
 * definitions give equal texts. */

struct graph {
        struct arena *arena;
        struct world *world;
        struct ports ports;
        struct buf out;    /* clusters, one after another */
        struct buf edges;  /* all of them come after all clusters */
        struct buf shared; /* nodes that belong to several applications: in no cluster */
        VEC(struct str) shared_ids, secret_keys;
        unsigned depth;
};

/* Lines of a label, one after another; an absent one is left out. */
struct graph_label {
        struct str lines[4];
        VEC(struct str) more;
};

/* The node of a service, sidecar, timer or task. */
static inline struct str graph_unit_id(struct arena *a, const struct container *c) {
        return arena_join(a, STR("unit/"), c->unit.text);
}

static void put_indent(struct buf *out, unsigned depth) {
        for (unsigned i = 0; i < depth; i++)
                buf_put_char(out, '\t');
}

/* Within quotes: a quote and a backslash are escaped (labels are escStrings), an ampersand would begin an
 * entity. */
static void put_escaped(struct buf *out, struct str text) {
        unsigned n;

        for (size_t at = 0; at<text.n; at += n> 0 ? n : 1) {
                uint32_t character = 0;

                n = utf8_decode(text, at, &character);
                if (n == 1 && mark_name(text.p[at])) {
                        buf_put(out, "{{ ");
                        buf_put(out, mark_name(text.p[at]));
                        buf_put(out, " }}");
                } else if (n == 0 || utf8_is_control(character) || character == '\n' || character == '\t')
                        buf_put_char(out, n == 0 ? '?' : ' ');
                else if (character == '&')
                        buf_put(out, "&amp;");
                else {
                        if (character == '"' || character == '\\')
                                buf_put_char(out, '\\');
                        buf_put_str(out, (struct str){ text.p + at, n });
                }
        }
}

static void put_quoted(struct buf *out, struct str text) {
        buf_put_char(out, '"');
        put_escaped(out, text);
        buf_put_char(out, '"');
}

static void put_label(struct buf *out, const struct graph_label *label) {
        bool is_first = true;

        buf_put(out, "label=\"");
        for (size_t i = 0; i < ARRAY_SIZE(label->lines) + label->more.n; i++) {
                struct str line = i < ARRAY_SIZE(label->lines) ? label->lines[i]
                                                               : label->more.at[i - ARRAY_SIZE(label->lines)];

                if (str_is_absent(line))
                        continue;
                buf_put(out, is_first ? "" : "\\n");
                put_escaped(out, line);
                is_first = false;
        }
        buf_put_char(out, '"');
}

static void put_node(struct buf *out, struct str id, const struct graph_label *label, const char *look) {
        put_quoted(out, id);
        buf_put(out, " [");
        put_label(out, label);
        buf_put(out, look[0] ? ", " : "");
        buf_put(out, look);
        buf_put(out, "];\n");
}

/* A frame around what is put until graph_close(). */
static void graph_open(struct graph *g, struct str id, struct str label) {
        const struct graph_label whole = { { label } };

        put_indent(&g->out, ++g->depth);
        buf_put(&g->out, "subgraph ");
        put_quoted(&g->out, arena_join(g->arena, STR("cluster/"), id));
        buf_put(&g->out, " {\n");
        put_indent(&g->out, g->depth + 1);
        put_label(&g->out, &whole);
        buf_put(&g->out, ";\n");
}

static void graph_close(struct graph *g) {
        put_indent(&g->out, g->depth--);
        buf_put(&g->out, "}\n");
}

/* `look`: further attributes, of ours. */
static void graph_node(struct graph *g, struct str id, const struct graph_label *label, const char *look) {
        put_indent(&g->out, g->depth + 1);
        put_node(&g->out, id, label, look);
}

/* Puts a node that several others may name; only the first call has an effect. */
static void graph_shared(struct graph *g, struct str id, const struct graph_label *label, const char *look) {
        if (VEC_HAS(&g->shared_ids, id))
                return;

        *vec_push(g->arena, &g->shared_ids) = id;
        put_indent(&g->shared, 1);
        put_node(&g->shared, id, label, look);
}

/* `label`: absent for none. */
static void graph_edge(struct graph *g, struct str from, struct str to, struct str label, const char *look) {
        const struct graph_label whole = { { label } };

        put_indent(&g->edges, 1);
        put_quoted(&g->edges, from);
        buf_put(&g->edges, " -> ");
        put_quoted(&g->edges, to);
        if (!str_is_absent(label) || look[0]) {
                buf_put(&g->edges, " [");
                if (!str_is_absent(label))
                        put_label(&g->edges, &whole);
                buf_put(&g->edges, !str_is_absent(label) && look[0] ? ", " : "");
                buf_put(&g->edges, look);
                buf_put_char(&g->edges, ']');
        }
        buf_put(&g->edges, ";\n");
}

/* The whole text. */
static struct str graph_text(struct graph *g) {
        struct buf text = buf_in(g->arena);

        buf_put(&text,
                "digraph pyservice {\n"
                "\tgraph [rankdir=LR, fontname=\"sans-serif\", fontsize=12, style=rounded, color=gray];\n"
                "\tnode [shape=box, fontname=\"sans-serif\", fontsize=10];\n"
                "\tedge [fontname=\"sans-serif\", fontsize=9];\n");
        buf_put_str(&text, buf_str(&g->out));
        buf_put_str(&text, buf_str(&g->shared));
        buf_put_str(&text, buf_str(&g->edges));
        buf_put(&text, "}\n");
        return buf_str(&text);
}

/* The way of a request: frontend, domain, backend, service. */

struct front {
        struct graph *graph;
        enum proxy_kind kind;
        struct str id, only;
        bool is_open, has_frontend;
};

/* The frame is put with the first backend in it. */
static void open_front(struct front *f) {
        if (f->is_open)
                return;

        graph_open(f->graph, f->id, str_of(balancers[f->kind]->name));
        f->is_open = true;
}

static void put_frontend(struct front *f) {
        struct arena *a = f->graph->arena;
        struct balancer_settings settings = balancers[f->kind]->settings(&f->graph->world->host);

        if (f->has_frontend)
                return;

        graph_node(f->graph, arena_join(a, f->id, STR("/frontend")),
                   &(struct graph_label){ { STR("frontend pyservice"),
                                            arena_join(a, STR(":"), arena_u64(a, settings.http_port),
                                                       STR(" :"), arena_u64(a, settings.https_port)) } },
                   "shape=cds");
        f->has_frontend = true;
}

static void put_domains(struct front *f, const struct proxy *p, struct str backend) {
        struct arena *a = f->graph->arena;

        LIST_EACH(domain, &p->domains) {
                struct str path = str_is_absent(p->path.text) ? STR("/") : p->path.text;
                struct str id = arena_join(a, f->id, STR("/domain/"), domain->text, path);

                put_frontend(f);
                graph_node(f->graph, id,
                           &(struct graph_label){ { arena_join(
                                   a, has_tls(p) ? STR("https://") : STR("http://"), domain->text, path) } },
                           "shape=plain");
                graph_edge(f->graph, arena_join(a, f->id, STR("/frontend")), id, (struct str){ 0 },
                           "arrowhead=none");
                graph_edge(f->graph, id, backend, p->strip.yes ? STR("path cut off") : (struct str){ 0 }, "");
        }
}

/* Nodes of a service, and of servers elsewhere. */
static void put_backend(struct front *f, const struct app *app, const struct service *s) {
        static const char *const balances[] = { "leastconn", "roundrobin", "source", "first", "random" };
        struct arena *a = f->graph->arena;
        struct str name = backend_of(s).text, id = arena_join(a, f->id, STR("/backend/"), name);
        struct graph_label label = { { arena_join(a, STR("backend "), name),
                                       f->kind == PROXY_HAPROXY ? str_of(balances[s->proxy->balance.index])
                                                                : (struct str){ 0 } } };

        open_front(f);
        if (app->trusted.n > 0)
                label.lines[2] = STR("for trusted addresses");
        graph_node(f->graph, id, &label, "");
        put_domains(f, s->proxy, id);
        graph_edge(
                f->graph, id, graph_unit_id(a, &s->container),
                arena_join(a, arena_u64(a, s->scale.n), s->scale.n == 1 ? STR(" server") : STR(" servers")),
                "");
        LIST_EACH(server, &s->proxy->servers) {
                struct str other = arena_join(a, STR("server/"), server->text);

                graph_shared(f->graph, other,
                             &(struct graph_label){ { STR("server elsewhere"), server->text } },
                             "style=dashed");
                graph_edge(f->graph, id, other, (struct str){ 0 }, "");
        }
}

static void put_front(struct front *f) {
        VEC_EACH(d, &f->graph->world->definitions) {
                if (!d->app || !(str_is_absent(f->only) || str_eq(d->name.text, f->only)))
                        continue;
                APP_EACH_KEPT(s, d->app)
                        if (s->proxy && (enum proxy_kind) s->proxy->kind.index == f->kind)
                                put_backend(f, d->app, s);
        }
        if (f->is_open)
                graph_close(f->graph);
}

/* The way of requests: what HAProxy and nginx have of these applications. `only`: absent for all. */
static void graph_routes(struct graph *g, struct str only) {
        for (size_t kind = 0; kind < ARRAY_SIZE(balancers); kind++)
                put_front(&(struct front){
                        .graph = g,
                        .kind = (enum proxy_kind) kind,
                        .id = arena_join(g->arena, STR("front/"), str_of(balancers[kind]->name)),
                        .only = only });
}

/* The content of an application: its services, sidecars, timers and tasks, and the objects that they use. */

enum { INSTANCES_SHOWN = 8 };

static struct str secret_source(struct arena *a, const struct secret *s) {
        if (!str_is_absent(s->credential.text))
                return arena_join(a, STR("credential "), s->credential.text);
        if (!str_is_absent(s->file.text))
                return arena_join(a, STR("file "), s->file.text);
        if (!str_is_absent(s->podman.text))
                return arena_join(a, STR("podman "), s->podman.text);
        return STR("KMS");
}

/* The number of a set of secrets, from 1. */
static size_t number_of(struct graph *g, struct str key) {
        size_t n = 0;

        while (n < g->secret_keys.n && !str_eq(g->secret_keys.at[n], key))
                n++;
        if (n == g->secret_keys.n)
                *vec_push(g->arena, &g->secret_keys) = key;
        return n + 1;
}

/* Most parts of an app have the same ones: one node for all that do. */
static void put_secrets(struct graph *g, const struct app *app, const struct container *c) {
        struct graph_label label = { { STR("secrets") } };
        struct str id, key = app->name.text;

        LIST_EACH(entry, &c->secrets) {
                struct str line = arena_join(g->arena, entry->key.text, STR(": "),
                                             secret_source(g->arena, &entry->value));

                *vec_push(g->arena, &label.more) = line;
                key = arena_join(g->arena, key, STR("\n"), line);
        }
        if (c->secrets.n == 0)
                return;

        id = arena_join(g->arena, STR("secrets/"), arena_u64(g->arena, number_of(g, key)));
        graph_shared(g, id, &label, "style=\"rounded,dotted\"");
        graph_edge(g, id, graph_unit_id(g->arena, c), (struct str){ 0 }, "style=dotted");
}

/* From a path of the machine, or a volume's name. */
static void put_volumes(struct graph *g, const struct container *c) {
        LIST_EACH(mount, &c->mounts) {
                struct syntax_volume v = syntax_volume_split(mount->spec.text);
                struct str source = v.source, target = v.target;
                bool is_path = source.n > 0 && source.p[0] == '/';

                if (str_is_absent(target))
                        continue; /* one that Podman makes for each container */

                graph_shared(g, arena_join(g->arena, STR("volume/"), source),
                             &(struct graph_label){ { is_path ? STR("directory") : STR("volume"), source } },
                             is_path ? "shape=folder" : "shape=cylinder");
                graph_edge(g, graph_unit_id(g->arena, c), arena_join(g->arena, STR("volume/"), source),
                           str_eq(target, source) ? (struct str){ 0 } : target,
                           "style=dashed, arrowhead=none");
        }
}

static void put_network(struct graph *g, const struct container *c, struct str network) {
        if (str_is_absent(network))
                return;

        graph_shared(g, arena_join(g->arena, STR("network/"), network),
                     &(struct graph_label){ { STR("network"), network } }, "shape=hexagon");
        graph_edge(g, graph_unit_id(g->arena, c), arena_join(g->arena, STR("network/"), network),
                   (struct str){ 0 }, "style=dashed, arrowhead=none");
}

static void put_uses(struct graph *g, const struct app *app, const struct container *c) {
        put_secrets(g, app, c);
        put_volumes(g, c);
        for (size_t i = 0; i < c->attached.n && !shares_network(c); i++)
                put_network(g, c, c->attached.at[i].network.text);
}

/* A part of the app, or a unit of the machine. */
static void put_need(struct graph *g, const struct app *app, const struct container *from,
                     const struct unit_ref *to, const char *word) {
        const char *look = strcmp(word, "after") == 0 ? "style=dashed" : "";
        struct str id = arena_join(g->arena, STR("unit/"), to->text);
        const struct service *s = app_find_kept(app, to->text);

        if (s) {
                graph_edge(g, graph_unit_id(g->arena, from), graph_unit_id(g->arena, &s->container),
                           str_of(word), look);
                return;
        }

        graph_shared(g, id, &(struct graph_label){ { to->text } }, "style=dashed");
        graph_edge(g, graph_unit_id(g->arena, from), id, str_of(word), look);
}

static void put_needs(struct graph *g, const struct app *app, const struct container *from,
                      const struct start_order *o) {
        LIST_EACH(to, &o->requires)
                put_need(g, app, from, to, "requires");
        LIST_EACH(to, &o->bound_to)
                put_need(g, app, from, to, "bound to");
        LIST_EACH(to, &o->after)
                put_need(g, app, from, to, "after");
}

/* Each instance with its port, or, of many, the first and the last. */
static void put_instances(struct graph *g, const struct app *app, const struct service *s,
                          struct graph_label *label) {
        for (uint64_t i = 0; i < s->scale.n; i++) {
                uint64_t port = ports_find(&g->ports, app->name, s->container.unit, i);
                struct str line = arena_join(g->arena, STR("@"), arena_u64(g->arena, i));

                if (s->scale.n > INSTANCES_SHOWN && i == INSTANCES_SHOWN / 2) {
                        *vec_push(g->arena, &label->more) = STR("…");
                        i = s->scale.n - 2;
                        continue;
                }
                *vec_push(g->arena, &label->more) =
                        port > 0 ? arena_join(g->arena, line, STR("  127.0.0.1:"), arena_u64(g->arena, port))
                                 : line;
        }
}

static void put_service(struct graph *g, const struct app *app, const struct service *s) {
        struct graph_label label = { {
                arena_join(g->arena, s->container.unit.text, STR("@.service")),
                s->container.image.text,
                arena_join(g->arena, arena_u64(g->arena, s->scale.n),
                           s->scale.n == 1 ? STR(" instance") : STR(" instances")),
        } };

        put_instances(g, app, s, &label);
        graph_node(g, graph_unit_id(g->arena, &s->container), &label,
                   s->scale.n == 0 ? "style=dashed" : "style=bold");
        put_uses(g, app, &s->container);
        put_needs(g, app, &s->container, &s->order);
}

static void put_sidecar(struct graph *g, const struct app *app, const struct service *s) {
        struct graph_label label = { { arena_join(g->arena, s->container.unit.text, STR(".service")),
                                       s->container.image.text, STR("sidecar") } };

        graph_node(g, graph_unit_id(g->arena, &s->container), &label, "");
        put_uses(g, app, &s->container);
        put_needs(g, app, &s->container, &s->order);
}

static void put_timer(struct graph *g, const struct app *app, const struct timer *t) {
        struct graph_label label = { { arena_join(g->arena, t->task.container.unit.text, STR(".timer")),
                                       t->task.container.image.text } };

        LIST_EACH(schedule, &t->schedule)
                *vec_push(g->arena, &label.more) = schedule->text;
        graph_node(g, graph_unit_id(g->arena, &t->task.container), &label, "shape=component");
        put_needs(g, app, &t->task.container, &t->task.order);
        put_uses(g, app, &t->task.container);
}

static const struct container *find_task(const struct app *app, struct str name) {
        LIST_EACH(t, &app->tasks)
                if (str_eq(t->name.text, name))
                        return &t->container;

        return NULL;
}

/* The steps before a new revision, in order, and then the services. */
static void put_order(struct graph *g, const struct app *app) {
        const struct container *last = NULL;

        LIST_EACH(name, &app->before_update) {
                const struct container *task = find_task(app, name->text);

                if (last && task)
                        graph_edge(g, graph_unit_id(g->arena, last), graph_unit_id(g->arena, task),
                                   STR("then"), "color=gray");
                last = task;
        }
        LIST_EACH(s, &app->services)
                if (last)
                        graph_edge(g, graph_unit_id(g->arena, last), graph_unit_id(g->arena, &s->container),
                                   STR("before an update"), "color=gray");
}

/* Puts a frame with the running parts of an app. */
static void graph_app(struct graph *g, const struct app *app) {
        graph_open(g, app->name.text,
                   str_is_absent(app->description.text)
                           ? app->name.text
                           : arena_join(g->arena, app->name.text, STR(": "), app->description.text));
        if (app->source)
                graph_node(g, arena_join(g->arena, STR("source/"), app->name.text),
                           &(struct graph_label){
                                   { STR("built from"), app->source->repo.text, app->source->ref.text } },
                           "shape=note");
        LIST_EACH(s, &app->services) {
                put_service(g, app, s);
                if (is_built(app, &s->container))
                        graph_edge(g, arena_join(g->arena, STR("source/"), app->name.text),
                                   graph_unit_id(g->arena, &s->container), (struct str){ 0 }, "color=gray");
        }
        LIST_EACH(s, &app->sidecars)
                put_sidecar(g, app, s);
        LIST_EACH(t, &app->timers)
                put_timer(g, app, t);
        LIST_EACH(t, &app->tasks) {
                graph_node(g, graph_unit_id(g->arena, &t->container),
                           &(struct graph_label){
                                   { arena_join(g->arena, t->container.unit.text, STR(".service")),
                                     t->container.image.text, STR("task") } },
                           "style=rounded");
                put_needs(g, app, &t->container, &t->order);
                put_uses(g, app, &t->container);
        }
        put_order(g, app);
        graph_close(g);
}

/* All, or the one that is named. */
static int open_world(struct ctl *c, struct session *s, struct str only) {
        struct app *app = NULL;

        if (!str_is_absent(only))
                return session_open_app(c, s, only, &app);

        return session_open(c, s);
}

static int draw(struct ctl *c, struct session *s, struct str only, struct str *ret) {
        struct graph g = { .arena = &c->arena,
                           .world = &s->world,
                           .out = buf_in(&c->arena),
                           .edges = buf_in(&c->arena),
                           .shared = buf_in(&c->arena) };
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
                        (void) fprintf(
                                stderr, "pyservicectl: %.*s %s\n", STR_ARG(d->path),
                                d->is_hidden
                                        ? "is left out, because only root can read it"
                                        : "has errors, and is left out; 'pyservicectl check' shows them");
        }
        graph_routes(&g, only);
        *ret = graph_text(&g);
        return 0;
}

/* Becomes `dot`, which reads the text from memory. Returns only if it can't. */
static void become_dot(struct str program, struct str text) {
        int fd = memfd_create("graph", 0);

        for (size_t at = 0; fd >= 0 && at < text.n;) {
                ssize_t n = write(fd, text.p + at, text.n - at);

                if (n < 0 && errno != EINTR)
                        return;
                at += n > 0 ? (size_t) n : 0;
        }

        if (fd >= 0 && lseek(fd, 0, SEEK_SET) == 0 && dup2(fd, STDIN_FILENO) == STDIN_FILENO)
                (void) execv(program.p, (char *const[]){ (char *) program.p, (char[]){ "-Tsvg" }, NULL });
}

int ctl_graph(struct ctl *c) {
        struct str program = spawn_find(&c->arena, "dot"), only = { 0 }, text;
        struct session s;
        int r;

        if (c->argc > 1 || (c->argc == 1 && !type_accepts(KIND_NAME, str_of(c->argv[0]))))
                return ctl_usage(c, "give the name of one application, or none");

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
