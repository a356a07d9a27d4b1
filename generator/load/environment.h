/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The environment of each container. */

#include "app/world.h"

/* Fills `environment` of every container: the contract's variables, then run mode and worker count, then
 * `env`, later ones over earlier ones. Reports secrets that are not defined, and what an environment can't
 * hold. */
void resolve_environment(struct world *w, struct app *app);

/* True if Podman itself, its network helpers or the dynamic loader read this variable from their own
 * environment. Then it can't take that way into a container. */
bool environment_is_podmans(struct str name);
