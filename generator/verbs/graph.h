/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A picture of applications in DOT, Graphviz's language (https://graphviz.org/doc/info/lang.html).
 *
 * Texts from definitions are put through graph_node(), graph_edge() and graph_open() alone, which quote them: none ends its quotes, is read
 * as an escape or an entity, or makes a line of its own. The same definitions give the same text. */

#include "app/ports.h"
#include "base/buf.h"

struct graph {
        struct arena *arena;
        struct world *world;
        struct ports ports;
        struct buf out;                 /* clusters, one after another */
        struct buf edges;               /* all of them come after all clusters */
        struct buf shared;              /* nodes that belong to several applications: in no cluster */
        VEC(struct str) shared_ids, secret_keys;
        unsigned depth;
};

/* A frame around what is put until graph_close(). */
void graph_open(struct graph *g, struct str id, struct str label);
void graph_close(struct graph *g);

/* Lines of a label, one after another; an absent one is left out. */
struct graph_label {
        struct str lines[4];
        VEC(struct str) more;
};

/* `look`: further attributes, of ours. */
void graph_node(struct graph *g, struct str id, const struct graph_label *label, const char *look);

/* Puts a node that several others may name; only the first call has an effect. */
void graph_shared(struct graph *g, struct str id, const struct graph_label *label, const char *look);

/* `label`: absent for none. */
void graph_edge(struct graph *g, struct str from, struct str to, struct str label, const char *look);

/* Puts a frame with the running parts of an app. */
void graph_app(struct graph *g, const struct app *app);

/* The way of requests: what HAProxy and nginx have of these applications. `only`: absent for all. */
void graph_routes(struct graph *g, struct str only);

/* The whole text. */
struct str graph_text(struct graph *g);

/* The node of a service, sidecar, timer or task. */
static inline struct str graph_unit_id(struct arena *a, const struct container *c) {
        return arena_join(a, STR("unit/"), c->unit.text);
}
