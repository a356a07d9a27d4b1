/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The machine's nginx: checking its configuration, reloading it, and what it has open. */

#include "base/arena.h"

/* Would nginx take its configuration? 0; 1 where it would not, as the message says; -ENOENT where it is
 * not installed; negative errno. */
int nginx_check(struct arena *a, struct str *ret_message);

/* All of its configuration, as `nginx -T` prints it. 1; 0 where it does not run, or refuses it; negative
 * errno. */
int nginx_dump(struct arena *a, struct str unit, struct str *ret);

/* Has nginx read its configuration again, if it runs, and returns when no worker of before takes requests
 * any more; those go on with what they have begun. 0, also where it does not run; 1 where that failed, as
 * the message says; negative errno. */
int nginx_reload(struct arena *a, struct str unit, struct str *ret_message);

/* Connections from this machine to a port of 127.0.0.1 that are open. 0 or negative errno. */
int nginx_count(struct arena *a, uint64_t port, uint64_t *ret_open);
