/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* HAProxy's files of all applications, checked and put in place.
 *
 * The files in place of each application are recorded in /var/lib/pyservice/.proxy/APP, as the tree that came
 * with the application. Everything new is checked at once. If HAProxy refuses it, pyservice-proxy starts from
 * the files in place and adds one application at a time: one whose new files are refused keeps those it had,
 * the others go live. If HAProxy refuses the files in place too, nothing is changed while it runs; while it
 * does not run (it could not start), the applications are added one by one to an empty set, and those that it
 * refuses are left out.
 *
 * If HAProxy can't check files (not installed, its container does not run), the files are put in place as
 * they are, so that it finds them when it starts. */

#include "balancer/proxy-choose.h"
#include "balancer/proxy.h"

/* host.yaml was read. 0; negative errno. */
int haproxy_publish(struct proxy_run *p);

/* Makes HAProxy serve the current file of p->certificate. 0; negative errno. */
int haproxy_renew(struct proxy_run *p);

/* Makes HAProxy close or open p->app (balancer/proxy-closed.h), and sets p->is_told. 0; negative errno. */
int haproxy_close(struct proxy_run *p);

/* Sends HAProxy the states that it could not read when it started: which servers are ready
 * (balancer/haproxy-states.h). An instance that became ready after HAProxy had read the file, and before it
 * listened, could not send its command. 0, also without files or HAProxy; negative errno. */
int haproxy_tell_states(struct proxy_run *p);

/* For pyservicectl check: checks the files below p->runtime, a directory like /run/pyservice, on top of those
 * in place, and installs nothing. ret->problems has HAProxy's objections; ret's other members are of no use.
 * host.yaml is in p->world. 0, also if HAProxy can't check; negative errno. */
int haproxy_check_files(struct proxy_run *p, struct proxy_choice *ret);
