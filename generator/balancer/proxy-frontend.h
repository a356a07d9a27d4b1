/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The frontend through which applications with `domains` are reached, and the files that it looks up; and
 * those of applications with `listen`. Pure.
 *
 * A request is looked up by its host without port, in small letters, its path and a "/": keys end in "/" too,
 * so that "/api" is found for "/api" and "/api/x", not for "/apix". The longest key wins; if the host itself
 * has none, its first label is taken for "*". Headers of a client are not trusted: pyservice alone sets
 * X-Forwarded-…, except for the trusted proxies of host.yaml. Works with HAProxy 2.4 and later; with trusted
 * proxies it needs 2.6, because the address that an older one sets with set-src is that of the connection and
 * not of the request. */

#include "app/host.h"
#include "balancer/proxy-closed.h"

#define PROXY_FRONTEND "20_frontend_pyservice.cfg"
#define PROXY_LISTENS "20_frontend_pyservice_tcp.cfg"
#define PROXY_ROUTES "pyservice-routes.map"
#define PROXY_REDIRECTS "pyservice-https.map"
#define PROXY_ACME "pyservice-acme.list"
#define PROXY_CERTIFICATES "pyservice-certificates.list"

struct proxy_frontend {
        struct str mark;      /* the first line of each file */
        struct str directory; /* where HAProxy finds the maps; of plain bytes, no comma */
        uint64_t http_port, https_port;
        bool has_ipv6;
        struct str thumbprint;                  /* acme_thumbprint() */
        const struct error_pages *pages;        /* of host.yaml; NULL if it has none */
        const struct proxy_closed_list *closed; /* NULL: no application can be closed */
        const struct host_front *proxies;       /* with paths as HAProxy sees them; NULL if there are none */
        bool is_left_out; /* but its maps exist, for a frontend of the administrator's */
};

/* True if HAProxy's expressions can name files in it. */
bool proxy_frontend_is_directory(struct str path);

/* Adds the generated files to those of `to`, where `d` has routes or listens, the configuration after what it
 * reads.
 * `certificates`: those of `d`, as HAProxy sees them. */
void proxy_frontend_add(struct arena *a, const struct proxy_frontend *f, const struct proxy_directory *d,
                        const struct str *certificates, struct proxy_directory *to);
