/* SPDX-License-Identifier: Apache-2.0 */

/* The way of a request: frontend, domain, backend, service. */

#include "render/parts.h"
#include "verbs/graph.h"

struct front {
        struct graph *graph;
        enum proxy_kind kind;
        struct str id, only;
        bool is_open, has_frontend;
        uint64_t http_port, https_port;
};

/* The frame is put with the first backend in it. */
static void open_front(struct front *f) {
        if (f->is_open)
                return;

        graph_open(f->graph, f->id, f->kind == PROXY_NGINX ? STR("nginx") : STR("HAProxy"));
        f->is_open = true;
}

static void put_frontend(struct front *f) {
        struct arena *a = f->graph->arena;

        if (f->has_frontend)
                return;

        graph_node(f->graph, arena_join(a, f->id, STR("/frontend")),
                   &(struct graph_label) { { STR("frontend pyservice"), arena_join(a, STR(":"), arena_u64(a, f->http_port), STR(" :"), arena_u64(a, f->https_port)) } }, "shape=cds");
        f->has_frontend = true;
}

static void put_domains(struct front *f, const struct proxy *p, struct str backend) {
        struct arena *a = f->graph->arena;

        LIST_EACH(domain, &p->domains) {
                struct str path = str_is_absent(p->path.text) ? STR("/") : p->path.text;
                struct str id = arena_join(a, f->id, STR("/domain/"), domain->text, path);

                put_frontend(f);
                graph_node(f->graph, id, &(struct graph_label) { { arena_join(a, p->tls ? STR("https://") : STR("http://"), domain->text, path) } }, "shape=plain");
                graph_edge(f->graph, arena_join(a, f->id, STR("/frontend")), id, (struct str) { 0 }, "arrowhead=none");
                graph_edge(f->graph, id, backend, p->strip.yes ? STR("path cut off") : (struct str) { 0 }, "");
        }
}

/* Of a service, and of servers elsewhere. */
static void put_backend(struct front *f, const struct app *app, const struct service *s) {
        static const char *const balances[] = { "leastconn", "roundrobin", "source", "first", "random" };
        struct arena *a = f->graph->arena;
        struct str name = backend_of(s).text, id = arena_join(a, f->id, STR("/backend/"), name);
        struct graph_label label = { { arena_join(a, STR("backend "), name), f->kind == PROXY_HAPROXY ? str_of(balances[s->proxy->balance.index]) : (struct str) { 0 } } };

        open_front(f);
        if (app->trusted.n > 0)
                label.lines[2] = STR("for trusted addresses");
        graph_node(f->graph, id, &label, "");
        put_domains(f, s->proxy, id);
        graph_edge(f->graph, id, graph_unit_id(a, &s->container), arena_join(a, arena_u64(a, s->scale.n), s->scale.n == 1 ? STR(" server") : STR(" servers")), "");
        LIST_EACH(server, &s->proxy->servers) {
                struct str other = arena_join(a, STR("server/"), server->text);

                graph_shared(f->graph, other, &(struct graph_label) { { STR("server elsewhere"), server->text } }, "style=dashed");
                graph_edge(f->graph, id, other, (struct str) { 0 }, "");
        }
}

static void put_front(struct front *f) {
        VEC_EACH(d, &f->graph->world->definitions) {
                if (!d->app || !(str_is_absent(f->only) || str_eq(d->name.text, f->only)))
                        continue;
                LIST_EACH(s, &d->app->services)
                        if (s->proxy && (enum proxy_kind) s->proxy->kind.index == f->kind)
                                put_backend(f, d->app, s);
        }
        if (f->is_open)
                graph_close(f->graph);
}

void graph_routes(struct graph *g, struct str only) {
        const struct host *host = &g->world->host;
        struct front haproxy = { .graph = g, .kind = PROXY_HAPROXY, .id = STR("front/HAProxy"), .only = only, .http_port = host->haproxy->http_port.n, .https_port = host->haproxy->https_port.n };
        struct front nginx = { .graph = g, .kind = PROXY_NGINX, .id = STR("front/nginx"), .only = only, .http_port = host->nginx->http_port.n, .https_port = host->nginx->https_port.n };

        put_front(&haproxy);
        put_front(&nginx);
}
