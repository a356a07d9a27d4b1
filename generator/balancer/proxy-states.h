/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Sends HAProxy the states that it could not read when it started: which servers are ready
 * (balancer/haproxy-states.h). An instance that became ready after HAProxy had read the file, and before it
 * listened, could not send its command. */

#include "balancer/proxy.h"

/* Sends every worker the states in the files below the runtime directory. 0, also without files or HAProxy;
 * negative errno. */
int proxy_tell_states(struct proxy_run *p);
