/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Least privilege between the parts of one application: the keys that each part inherits from the top of the
 * definition. A part that runs the application's image inherits everything; one with another image gets
 * neither variables nor secrets nor `config`, unless it has `inherit:`. It still gets each secret of the top
 * that its own variables name. */

#include "app/world.h"

/* Fills `takes` of every container; before anything is inherited. */
void inherit_decide(struct arena *a, struct app *app);

/* The top of the definition without what `c` does not take over. */
struct container inherit_offer(struct arena *a, const struct app *app, const struct container *c);

/* Warns if the part's command or environment names something of the top level that the part does not get,
 * unless the definition declares that this is intended. `config`: the variables that the contract makes. */
void inherit_check(struct world *w, struct app *app, const struct variable *config, size_t n_config);
