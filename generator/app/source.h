/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* `source:`, worked out: where its code lies and what its image is called. The image's tag is a hash of
 * all that goes into the image and that the definition says, so that an unchanged definition has its image
 * already. */

#include "app/world.h"

/* Fills what `source:` leaves out, and has what stands at the top run the image; nothing for an app
 * without one. */
void source_finish(struct world *w, struct app *app);

/* Is its repository reached with ssh? */
bool source_is_over_ssh(const struct repository *s);
