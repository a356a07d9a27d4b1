/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* From a merged node tree to an app that can be rendered: substitution, decoding, inheritance, defaults,
 * names, environment, checks. */

#include "app/world.h"

/* Finishes every definition that could be read, then checks what concerns several apps. Errors go to w->ds
 * with the app as owner and mark the definition broken. */
void world_finish(struct world *w);
