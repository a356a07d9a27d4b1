/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Conditions under `requires`. */

#include "app/world.h"

/* Moves the tasks that must be done from `requires` to `done`, and adds them to `before_update`, each after
 * the tasks that it requires. Invalid conditions are reported. */
void order_finish(struct world *w, struct app *app);
