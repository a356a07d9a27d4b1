/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The administrator's own front: the configuration that HAProxy and nginx read besides the generated files.
 *
 * HAProxy and `haproxy -c` accept a second frontend on one port, and the kernel then spreads connections over
 * both. So the generated frontend is compared with it before it is put in place. */

#include "balancer/front-config.h"
#include "balancer/haproxy-program.h"
#include "balancer/proxy-set.h"

struct front {
        struct front_config config;
        bool has_ipv6;
        bool can_bind;                  /* this process gets the ports that HAProxy gets */
        uint64_t http_port, https_port; /* of the generated frontend */
};

/* Reads it: host.yaml's `config`, all files in `directories` and, where HAProxy runs as a service, what its
 * command names; of nginx, if it runs, all. Without generated files for HAProxy. Files that can't be read are
 * passed over. */
void front_read(const struct haproxy_program *b, const struct proxy_set *directories, const struct host *host,
                struct front *ret);

/* All that HAProxy reads, with generated files. */
void front_read_haproxy(const struct haproxy_program *b, const struct proxy_set *directories,
                        struct front *ret);

/* The owner of a port that the generated frontend for these routes needs; NULL if there is none. */
const struct front_listen *front_taken(const struct front *f, const struct proxy_directory *d);

/* The owner of the port that the frontend of connections needs; NULL if there is none. HAProxy does not start
 * if it cannot have one of its ports, so every other program counts; the `line` of such an owner is 0. */
const struct front_listen *front_taken_listen(const struct front *f, const struct proxy_listen *l);

/* True if the administrator's configuration leads to all routes by itself. */
bool front_leads_to(const struct front *f, const struct proxy_directory *d);

/* Two sentences: what is wrong, and the ways out. `routes`: the file of the routes as HAProxy finds it. */
struct str front_problem(struct arena *a, const struct front_listen *l);
#define FRONT_ADVICE_LISTEN "set another port with 'listen', or free this one"
struct str front_problem_listen(struct arena *a, const struct front_listen *by, const struct proxy_listen *l);
struct str front_advice(struct arena *a, const struct front_listen *l, struct str routes);
