/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Rules between keys and between apps: each a small named check (dtc's checks.c is the model). */

#include "app/world.h"

/* APP-rollout@ is a unit of the app's own, APP-next is the container of its spare instance, and what was
 * accepted by earlier versions has units APP-health: no part may be named so. */
bool is_reserved_name(struct str name);

/* Only the definition's own mounts: resolve_home() adds to them, and leaves out what is there. */
void check_mounts(struct world *w, struct app *app);

/* Checks the settings of a certificate authority: host.yaml's, or those of a service. */
void check_acme(struct world *w, struct url directory, struct mail_address email);

/* Checks one app by itself. */
void check_app(struct world *w, struct app *app);

/* Checks several apps together; marks the definition at fault broken. Where two claim the same, the one
 * that is published already keeps it. */
void check_world(struct world *w);
