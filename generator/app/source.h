/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* `source:`, resolved: the directory of its code and the name of its image. The image's tag is a hash of
 * everything in the definition that goes into the image, so that an unchanged definition has its image
 * already. */

#include "app/world.h"

/* Fills what `source:` leaves out, and has what stands at the top run the image; nothing for an app
 * without one. */
void source_finish(struct world *w, struct app *app);

/* True if its repository is reached with ssh. */
bool source_is_over_ssh(const struct repository *s);
