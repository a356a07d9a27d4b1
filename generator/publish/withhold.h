/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Stops upholding the parts that the administrator stopped (state/hold.h). */

#include "output/tree.h"
#include "state/hold.h"

/* Takes the lines about it out of what the app's target upholds, in an unsorted or sorted tree. The whole
 * text of such a file is kept beside it, at whole/PATH, which is where stored_read() finds it: what is
 * stopped is no change of scale. The bundle's record says what is stopped. */
void withhold(struct tree *t, struct str app, const struct holds *h);
