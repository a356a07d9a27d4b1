/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The files that `errors` names. Their text becomes a part of HAProxy's configuration, so that HAProxy, which
 * may run in a container, need not find them. */

#include "app/world.h"

/* Reads them, below the root of the world; `pages` may be NULL. Reports files that HAProxy cannot send, and
 * removes their names. */
void pages_read(struct world *w, struct error_pages *pages);
