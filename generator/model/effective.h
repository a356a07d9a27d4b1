/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The effective values of a definition: its drop-ins applied, {{ … }} replaced, with what services take
 * over from their app, defaults of the contract, of host.yaml and of the format. */

#include "ctl/ctl.h"
#include "ctl/session.h"

/* Gives the effective values of an app without errors. */
const struct node *effective_of(struct session *s, struct app *app);

/* Where a value comes from: "shop.yaml:3" below the directories of definitions, a path elsewhere, or
 * "default". */
struct str effective_origin(struct session *s, const struct node *node);
