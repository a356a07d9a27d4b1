/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The directories that HAProxy reads: trying out what is to be in them, and putting it there.
 *
 * A file that is named like one of ours but does not begin with PROXY_MARK is the administrator's and
 * never touched. */

#include "balancer/front.h"
#include "balancer/haproxy-program.h"
#include "balancer/proxy-frontend.h"

struct proxy_place {
        struct arena *arena;
        struct haproxy_program *haproxy;
        const char *root;          /* "" or a directory */
        const struct front *front; /* the administrator's own */
        struct str thumbprint;     /* acme_thumbprint() */
        struct proxy_closed_list closed;
        const struct host_front *host_front; /* NULL if host.yaml has none */
        bool is_preview; /* nothing made the first certificates of new domains (acme_prepare()) */
        struct str at;   /* the directory that a failure was about */
};

/* Checks the set with HAProxy. Builds candidates beside the real files, and removes them. 0; 1 if it
 * would not, or if the set can't be installed, with a message for the user; negative errno. If HAProxy can't
 * check, only the latter is checked. */
int proxy_place_try(struct proxy_place *p, const struct proxy_set *set, struct str *ret_message);

/* True if the generated frontend of the set is left out, because another program has its port and does not
 * lead to its routes. Then the message names that program, and the action to take. */
bool proxy_place_lacks_front(const struct proxy_place *p, const struct proxy_set *set,
                             struct str *ret_problem, struct str *ret_advice);

/* Where HAProxy finds a path of the machine when it runs. False if its container has no such mount. */
bool proxy_place_sees(const struct proxy_place *p, struct str path, struct str *ret);

/* Makes every directory of the set hold what it wants and nothing else of ours. *ret_changed is set if that
 * changed anything; with `is_dry_run` nothing is written. */
int proxy_place_put(struct proxy_place *p, const struct proxy_set *set, bool is_dry_run, bool *ret_changed);
