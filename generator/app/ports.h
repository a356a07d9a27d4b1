/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Ports of 127.0.0.1 for instances behind HAProxy.
 *
 * An instance keeps the port that its published bundle holds, so that no other app's edit moves it; a new one
 * gets the pool's port at the hash of app, service and number, or the next free one. Fixed ports (host_port +
 * N), and those of `publish` and `listen`, are never given away. A service's spare has a port of the pool,
 * whatever those of its instances are. Equal definitions on a new machine get equal ports.
 *
 * If two apps claim one fixed port, the app that is published with it keeps it, else the first by name gets
 * it. Ports that a published bundle holds and no instance claims (of a service that shrank, or whose
 * definition is gone or broken) are given away only when nothing else is left, since a process may still
 * listen there. A service that shrank keeps them, so that an instance which starts, runs or drains meanwhile
 * has the same port to its end, and when it is back. One with slots has ports for further instances too. */

#include "app/world.h"

/* The number of a service's spare instance, UNIT@next: that of no other. */
#define PORTS_NEXT UINT64_MAX

struct port {
        struct name app, unit; /* unit: the service's unit prefix */
        uint64_t instance, number;
        bool is_fixed, is_sidecars;
        bool is_kept; /* the service is smaller now */
};

struct ports {
        VEC(struct port) list;  /* sorted by app, unit, instance */
        VEC(struct str) unread; /* apps whose file cannot be read */
};

/* True if the service has servers in HAProxy's configuration for more instances than its scale, so that a
 * change of scale does not change the configuration. HAProxy then reads from a file, when it starts or
 * reloads, which servers are ready. Not for a HAProxy in a container, which has its own /run, and not for
 * names, which HAProxy resolves itself. */
bool has_slots(const struct world *w, const struct service *s);

/* Gives every instance of a service that has_ports() its port, and its spare if it has_spare(). `runtime` is
 * /run/pyservice, or -1 if there is none. Errors (a port taken twice, a pool that is too small) go to w->ds,
 * and the definition is marked broken: is_broken, and no app. System failures: negative errno. */
int ports_assign(struct world *w, int runtime, struct ports *ret);

/* The port of an instance; 0 if it has none. */
uint64_t ports_find(const struct ports *p, struct name app, struct name unit, uint64_t instance);

/* Those of one service, *ret_n of them, by number; the spare's is the last. */
const struct port *ports_of(const struct ports *p, struct name app, struct name unit, size_t *ret_n);

/* The text of a bundle's `ports` file for one app, in the format of bundle/rows.h; empty if it has no ports.
 *
 *     pyservice-ports 1
 *     port UNIT INSTANCE PORT         INSTANCE of the spare is "next"
 *
 * An earlier pyservice wrote these rows without "port", and no first line. */
struct str ports_text(struct arena *a, const struct ports *p, struct name app);

/* Adds those of such a text. Nothing is added after an error, which is one of rows_parse(). */
int ports_add(struct arena *a, struct str text, struct str app, struct ports *p);

/* By app, unit, instance. */
void ports_sort(struct ports *p);
