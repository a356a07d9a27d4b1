/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The files that `errors` names. Their text becomes a part of HAProxy's configuration, so that HAProxy, which
 * may run in a container, need not find them. */

#include "app/world.h"

/* With its header, the page must fit into one buffer of HAProxy (tune.bufsize: 16 KiB). HAProxy accepts a
 * page that does not, and answers 500 instead (seen with 2.6). */
enum { PAGE_MAX = 14 << 10 };

/* Why HAProxy cannot send a page, whose file was read with the result `r`; NULL if it can. */
const char *pages_objection(int r, struct str text);

/* Reads them, below the root of the world; `pages` may be NULL. Reports files that HAProxy cannot send, and
 * removes their names. A missing one is only a warning: at boot, the generator runs before /srv and the like
 * are mounted, and the applications start all the same. */
void pages_read(struct world *w, struct error_pages *pages);
