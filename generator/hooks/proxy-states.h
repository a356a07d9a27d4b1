/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Telling HAProxy what it could not read when it started: which servers are ready
 * (runtime/haproxy-states.h). An instance that became ready after HAProxy had read the file, and before it
 * listened, found nobody to tell. */

#include "app/app.h"

/* Tells every worker what the files below `runtime`, a directory like /run/pyservice, say. 0, also without
 * files or HAProxy; negative errno. */
int proxy_tell_states(struct arena *a, const struct host_haproxy *settings, const char *runtime);
