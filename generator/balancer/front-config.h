/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The parts of the administrator's own configuration of HAProxy and nginx that pyservice must not work
 * against. Pure: it reads texts.
 *
 * Only as much is understood as these questions need. Variables of the environment and conditions (.if) of
 * HAProxy are not evaluated: a bind with a variable in its port is unknown, and one below a condition counts.
 */

#include "base/arena.h"
#include "base/vec.h"

struct front_listen {
        struct str file, section; /* section: "frontend dci-in", "server" */
        size_t line;
        struct str text;      /* as written: ":80", "[::]:443" */
        struct str address;   /* empty for every address of the family */
        uint64_t first, last; /* ports */
        bool is_ipv4, is_ipv6;
};

/* A section that requests can be sent to: "backend NAME" or "listen NAME". */
struct front_backend {
        struct str file, name;
        size_t line;
};

struct front_config {
        VEC(struct front_listen) listens; /* for TCP, in this network namespace */
        VEC(struct str) backends;         /* that use_backend and default_backend name */
        VEC(struct front_backend) own_backends;
        bool is_known;                        /* a file of HAProxy's was read */
        bool names_routes;                    /* it names the file of our routes */
        bool keeps_ports;                     /* noreuseport: even root shares no port with HAProxy */
        uint64_t hard_stop_ms;                /* 0 for none: hard-stop-after */
        struct str hard_stop, hard_stop_file; /* as written, and where */
        size_t hard_stop_line;
};

/* Adds the content of one of HAProxy's files. `routes`: the name of the file of our routes. */
void front_config_add_haproxy(struct arena *a, struct str file, struct str text, struct str routes,
                              struct front_config *c);

/* Adds what `nginx -T` prints: all files, each after a comment with its path. */
void front_config_add_nginx(struct arena *a, struct str dump, struct front_config *c);

/* The owner of the port, on the addresses that a client from outside can reach; NULL if there is none. */
const struct front_listen *front_config_find(const struct front_config *c, uint64_t port, bool has_ipv6);

/* The owner of the port that prevents a listener on `address`, which is in brackets if it is an IPv6 address,
 * and absent for every address. NULL if there is none. */
const struct front_listen *front_config_find_on(const struct front_config *c, uint64_t port,
                                                struct str address, bool has_ipv6);

/* True if it names the backend. */
bool front_config_names(const struct front_config *c, struct str backend);

/* True if it may lead to the backend: it names it, or computes a name (use_backend %[…]). */
bool front_config_may_lead_to(const struct front_config *c, struct str backend);

/* The place of a backend of that name in it; NULL for nowhere. */
const struct front_backend *front_config_backend(const struct front_config *c, struct str name);
