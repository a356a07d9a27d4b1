/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Parts that the administrator stopped (state/hold.h). */

#include "output/tree.h"
#include "state/hold.h"

/* Records the stopped units in the tree's record, so that compose_uphold() does not uphold them. The scale
 * does not change: a stop is not a change of scale. */
void withhold(struct tree *t, const struct holds *h);
