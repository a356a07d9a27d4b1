/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The machine's nginx: checking its configuration, reloading it, and what it has open. */

#include "balancer/proxy.h"

/* The files of all applications, checked with `nginx -t` and put into nginx's directory. If nginx refuses the
 * file of a service, the previous file stays; the files of other services go live. If nginx refuses the files
 * in place too (a certificate is gone), nothing is changed. host.yaml was read. 0; negative errno. */
int nginx_publish(struct proxy_run *p);

/* Reloads nginx where a site in place names p->certificate. 0; negative errno. */
int nginx_renew(struct proxy_run *p);

/* Checks nginx's configuration. 0; 1 if nginx refuses it, with the reason in the message; -ENOENT if it is
 * not installed; negative errno. */
int nginx_check(struct arena *a, struct str *ret_message);

/* All of its configuration, as `nginx -T` prints it. 1; 0 if it does not run, or refuses it; negative
 * errno. */
int nginx_dump(struct arena *a, struct str unit, struct str *ret);

/* Makes nginx read its configuration again, if it runs, and returns when no old worker takes requests any
 * longer; old workers finish their open requests. 0, also if it does not run; 1 if that failed, with the
 * reason in the message; negative errno. */
int nginx_reload(struct arena *a, struct str unit, struct str *ret_message);

/* Connections from this machine to a port of 127.0.0.1 that are open. 0 or negative errno. */
int nginx_count(struct arena *a, uint64_t port, uint64_t *ret_open);
