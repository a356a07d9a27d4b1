/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* HAProxy's command line, over its sockets (HAProxy Management Guide, 9.3 and 9.4).
 *
 * After a reload an old worker goes on with what it has begun, and with nothing new; only the master's
 * socket reaches it. So everything is told to, and asked of, each worker where there is a master's socket
 * that answers, and else the one worker behind the other socket. A reload that is under way is waited for,
 * so that none is missed.
 *
 * No HAProxy is no error: then there is no server. */

#include "app/host.h"
#include "base/vec.h"

struct haproxy_client {
        struct arena *arena;
        const char *socket, *master; /* absolute paths; NULL for none */
        struct str backend, server;
};

/* Without a backend and a server: for the sockets that host.yaml names. */
struct haproxy_client haproxy_client_of(struct arena *a, const struct host_haproxy *settings);

struct haproxy_answer {
        bool is_known;       /* some worker has the server */
        uint64_t n_sessions; /* of all workers, those that wait for the server too */
};

/* Sets the server's admin state: "ready", "drain", "maint". 1 where some worker knows it, 0 where none
 * does; negative errno. */
int haproxy_set_state(const struct haproxy_client *c, struct str state);

/* What a server whose check has not succeeded yet is told when we know better: it is up, at this address
 * (absent: as it is). */
int haproxy_set_up(const struct haproxy_client *c, struct str address);

/* Where on this machine it listens: HAProxy may have another port from its configuration, or from the last
 * start of the instance. */
int haproxy_set_port(const struct haproxy_client *c, uint64_t port);

/* Sets the servers `names` of the backend ready, whatever c->server is. As haproxy_set_state(). */
int haproxy_set_ready(const struct haproxy_client *c, const struct str *names, size_t n);

int haproxy_count(const struct haproxy_client *c, struct haproxy_answer *ret);

/* Asks the worker that serves now, and waits for no reload: through its socket, or through the master's
 * where it has none. 0; negative errno: -ENOENT, -EACCES, -ECONNREFUSED where nobody answers. */
int haproxy_ask_worker(const struct haproxy_client *c, struct str command, struct str *ret);

/* Has the worker that serves now take the text of a PEM file for the certificate that it read from `path`
 * ("set ssl cert"). Nothing else changes. 0; 1 if it does not, as the message says; negative errno as
 * above. */
int haproxy_set_certificate(const struct haproxy_client *c, struct str path, struct str pem,
                            struct str *ret_message);

/* The pure parsers of the functions above. */

struct haproxy_workers {
        VEC(struct str) prefixes; /* "@!1234 ", to go before a command */
};

/* The workers in an answer to "show proc", old ones too. */
void haproxy_parse_workers(struct arena *a, struct str answer, struct haproxy_workers *ret);

/* The server's sessions in an answer to "show stat". False where it isn't there. */
bool haproxy_parse_sessions(struct str answer, struct str server, uint64_t *ret);

/* Did HAProxy say that there is no such server, backend or worker? */
bool haproxy_is_unknown(struct str answer);
