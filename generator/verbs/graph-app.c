/* SPDX-License-Identifier: Apache-2.0 */

/* What an application is made of: its services, sidecars, timers and tasks, and what they use. */

#include "app/resolve.h"
#include "schema/syntax.h"
#include "verbs/graph.h"

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
                struct str line = arena_join(g->arena, entry->key.text, STR(": "), secret_source(g->arena, &entry->value));

                *vec_push(g->arena, &label.more) = line;
                key = arena_join(g->arena, key, STR("\n"), line);
        }
        if (c->secrets.n == 0)
                return;

        id = arena_join(g->arena, STR("secrets/"), arena_u64(g->arena, number_of(g, key)));
        graph_shared(g, id, &label, "style=\"rounded,dotted\"");
        graph_edge(g, id, graph_unit_id(g->arena, c), (struct str) { 0 }, "style=dotted");
}

/* From a path of the machine, or a volume's name. */
static void put_volumes(struct graph *g, const struct container *c) {
        LIST_EACH(mount, &c->mounts) {
                struct syntax_volume v = syntax_volume_split(mount->spec.text);
                struct str source = v.source, target = v.target;
                bool is_path = source.n > 0 && source.p[0] == '/';

                if (str_is_absent(target))
                        continue;       /* one that Podman makes for each container */

                graph_shared(g, arena_join(g->arena, STR("volume/"), source), &(struct graph_label) { { is_path ? STR("directory") : STR("volume"), source } },
                             is_path ? "shape=folder" : "shape=cylinder");
                graph_edge(g, graph_unit_id(g->arena, c), arena_join(g->arena, STR("volume/"), source), str_eq(target, source) ? (struct str) { 0 } : target, "style=dashed, arrowhead=none");
        }
}

static void put_network(struct graph *g, const struct container *c) {
        struct str network = c->network_name.text;

        if (str_is_absent(network))
                return;

        graph_shared(g, arena_join(g->arena, STR("network/"), network), &(struct graph_label) { { STR("network"), network } }, "shape=hexagon");
        graph_edge(g, graph_unit_id(g->arena, c), arena_join(g->arena, STR("network/"), network), (struct str) { 0 }, "style=dashed, arrowhead=none");
}

static void put_uses(struct graph *g, const struct app *app, const struct container *c) {
        put_secrets(g, app, c);
        put_volumes(g, c);
        put_network(g, c);
}

/* A part of the app, or a unit of the machine. */
static void put_need(struct graph *g, const struct app *app, const struct container *from, const struct unit_ref *to, const char *word) {
        const char *look = strcmp(word, "after") == 0 ? "style=dashed" : "";
        struct str id = arena_join(g->arena, STR("unit/"), to->text);

        LIST_EACH(s, &app->services)
                if (str_eq(s->name.text, to->text)) {
                        graph_edge(g, graph_unit_id(g->arena, from), graph_unit_id(g->arena, &s->container), str_of(word), look);
                        return;
                }
        LIST_EACH(s, &app->sidecars)
                if (str_eq(s->name.text, to->text)) {
                        graph_edge(g, graph_unit_id(g->arena, from), graph_unit_id(g->arena, &s->container), str_of(word), look);
                        return;
                }

        graph_shared(g, id, &(struct graph_label) { { to->text } }, "style=dashed");
        graph_edge(g, graph_unit_id(g->arena, from), id, str_of(word), look);
}

static void put_needs(struct graph *g, const struct app *app, const struct container *from, const struct start_order *o) {
        LIST_EACH(to, &o->requires)
                put_need(g, app, from, to, "requires");
        LIST_EACH(to, &o->bound_to)
                put_need(g, app, from, to, "bound to");
        LIST_EACH(to, &o->after)
                put_need(g, app, from, to, "after");
}

/* Each instance with its port, or, of many, the first and the last. */
static void put_instances(struct graph *g, const struct app *app, const struct service *s, struct graph_label *label) {
        for (uint64_t i = 0; i < s->scale.n; i++) {
                uint16_t port = ports_find(&g->ports, app->name, s->container.unit, (uint32_t) i);
                struct str line = arena_join(g->arena, STR("@"), arena_u64(g->arena, i));

                if (s->scale.n > INSTANCES_SHOWN && i == INSTANCES_SHOWN / 2) {
                        *vec_push(g->arena, &label->more) = STR("…");
                        i = s->scale.n - 2;
                        continue;
                }
                *vec_push(g->arena, &label->more) = port > 0 ? arena_join(g->arena, line, STR("  127.0.0.1:"), arena_u64(g->arena, port)) : line;
        }
}

static void put_service(struct graph *g, const struct app *app, const struct service *s) {
        struct graph_label label = { {
                arena_join(g->arena, s->container.unit.text, STR("@.service")),
                s->container.image.text,
                arena_join(g->arena, arena_u64(g->arena, s->scale.n), s->scale.n == 1 ? STR(" instance") : STR(" instances")),
        } };

        put_instances(g, app, s, &label);
        graph_node(g, graph_unit_id(g->arena, &s->container), &label, s->scale.n == 0 ? "style=dashed" : "style=bold");
        put_uses(g, app, &s->container);
        put_needs(g, app, &s->container, &s->order);
}

static void put_sidecar(struct graph *g, const struct app *app, const struct sidecar *s) {
        struct graph_label label = { { arena_join(g->arena, s->container.unit.text, STR(".service")), s->container.image.text, STR("sidecar") } };

        graph_node(g, graph_unit_id(g->arena, &s->container), &label, "");
        put_uses(g, app, &s->container);
        put_needs(g, app, &s->container, &s->order);
}

static void put_timer(struct graph *g, const struct app *app, const struct timer *t) {
        struct graph_label label = { { arena_join(g->arena, t->task.container.unit.text, STR(".timer")), t->task.container.image.text } };

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

/* What runs before a new revision, in order, and then the services. */
static void put_order(struct graph *g, const struct app *app) {
        const struct container *last = NULL;

        LIST_EACH(name, &app->before_update) {
                const struct container *task = find_task(app, name->text);

                if (last && task)
                        graph_edge(g, graph_unit_id(g->arena, last), graph_unit_id(g->arena, task), STR("then"), "color=gray");
                last = task;
        }
        LIST_EACH(s, &app->services)
                if (last)
                        graph_edge(g, graph_unit_id(g->arena, last), graph_unit_id(g->arena, &s->container), STR("before an update"), "color=gray");
}

void graph_app(struct graph *g, const struct app *app) {
        graph_open(g, app->name.text, str_is_absent(app->description.text) ? app->name.text : arena_join(g->arena, app->name.text, STR(": "), app->description.text));
        if (app->source)
                graph_node(g, arena_join(g->arena, STR("source/"), app->name.text), &(struct graph_label) { { STR("built from"), app->source->repo.text, app->source->ref.text } }, "shape=note");
        LIST_EACH(s, &app->services) {
                put_service(g, app, s);
                if (is_built(app, &s->container))
                        graph_edge(g, arena_join(g->arena, STR("source/"), app->name.text), graph_unit_id(g->arena, &s->container), (struct str) { 0 }, "color=gray");
        }
        LIST_EACH(s, &app->sidecars)
                put_sidecar(g, app, s);
        LIST_EACH(t, &app->timers)
                put_timer(g, app, t);
        LIST_EACH(t, &app->tasks) {
                graph_node(g, graph_unit_id(g->arena, &t->container), &(struct graph_label) { { arena_join(g->arena, t->container.unit.text, STR(".service")), t->container.image.text, STR("task") } },
                           "style=rounded");
                put_needs(g, app, &t->container, &t->order);
                put_uses(g, app, &t->container);
        }
        put_order(g, app);
        graph_close(g);
}
