/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* HAProxy's command line, over its sockets (HAProxy Management Guide, 9.3 and 9.4).
 *
 * After a reload an old worker continues with what it has begun, and with nothing new; only the master's
 * socket reaches it. So each command goes to every worker if there is a master's socket that answers, and
 * else to the one worker behind the other socket. Commands wait for a reload that is under way, so that no
 * worker is missed.
 *
 * A missing HAProxy is not an error: then there is no server. */

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

/* Sets the server's admin state: "ready", "drain", "maint". 1 if some worker knows it, 0 if none does;
 * negative errno. */
int haproxy_set_state(const struct haproxy_client *c, struct str state);

/* Sets a server whose check has not succeeded yet, although it is known to work, to up, at this address
 * (absent: unchanged). */
int haproxy_set_up(const struct haproxy_client *c, struct str address);

/* Where on this machine it listens: HAProxy may have another port from its configuration, or from the last
 * start of the instance. */
int haproxy_set_port(const struct haproxy_client *c, uint64_t port);

/* Sets the servers `names` of the backend ready, whatever c->server is. As haproxy_set_state(). */
int haproxy_set_ready(const struct haproxy_client *c, const struct str *names, size_t n);

/* Replaces the entry of that key in the map that the workers have read from `path`; with an absent value the
 * map has none afterwards. All three are of bytes that end no word. 1 if some worker has the map, 0 if none
 * has; negative errno. */
int haproxy_set_map(const struct haproxy_client *c, struct str path, struct str key, struct str value);

int haproxy_count(const struct haproxy_client *c, struct haproxy_answer *ret);

/* Queries the worker that serves now, and waits for no reload: through its socket, or through the master's if
 * it has none. 0; negative errno: -ENOENT, -EACCES, -ECONNREFUSED if nothing listens, -ENODATA if the answer
 * is empty. */
int haproxy_ask_worker(const struct haproxy_client *c, struct str command, struct str *ret);

/* Reads what the worker that serves now has of the certificate from `path` ("show ssl cert"). As
 * haproxy_ask_worker(), and -EINVAL for a path that HAProxy would not read as one word of the command. */
int haproxy_show_certificate(const struct haproxy_client *c, struct str path, struct str *ret);

/* Makes the worker that serves now replace the certificate that it read from `path` by the text of a PEM file
 * ("set ssl cert"). Nothing else changes. 0; 1 if it refuses, with the reason in the message; negative errno
 * as above. */
int haproxy_set_certificate(const struct haproxy_client *c, struct str path, struct str pem,
                            struct str *ret_message);

/* The pure parsers of the functions above. */

struct haproxy_workers {
        VEC(struct str) prefixes; /* "@!1234 ", to go before a command */
};

/* The workers in an answer to "show proc", old ones too. */
void haproxy_parse_workers(struct arena *a, struct str answer, struct haproxy_workers *ret);

/* The server's sessions in an answer to "show stat". False if it does not exist. */
bool haproxy_parse_sessions(struct str answer, struct str server, uint64_t *ret);

/* True if HAProxy answered that there is no such server, backend or worker. */
bool haproxy_is_unknown(struct str answer);
