/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* nginx as the front: the files that pyservice-proxy installs for it, and the actions of an instance's hooks.
 *
 * nginx has no command that takes a server out. An instance that is ready has a file with its server's
 * line, which the upstream includes. To drain is to remove that file and to reload nginx: the workers of
 * before take nothing new and end what they have begun. So a drain is over when they no longer take
 * requests and no connection to the instance's port is left. */

#include "balancer/proxy.h"

/* The files of all applications, checked with `nginx -t` and put into nginx's directory. If nginx refuses the
 * file of a service, the previous file stays; the files of other services go live. If nginx refuses the files
 * in place too (a certificate is gone), nothing is changed. host.yaml was read. 0; negative errno. */
int nginx_apply(struct proxy_run *p);

/* Reloads nginx where a site in place names p->certificate. 0; negative errno. */
int nginx_renew(struct proxy_run *p);

struct nginx_instance {
        struct arena *arena;
        struct str path;      /* absent: nginx is not its front */
        struct str unit;      /* nginx's */
        uint64_t port, drain; /* milliseconds */
        struct str note;      /* for the journal; absent if there is nothing to report */
};

/* 0; negative errno. */
int nginx_enter(struct nginx_instance *i);
int nginx_drain(struct nginx_instance *i);
int nginx_leave(struct nginx_instance *i);
