/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a definition comes to: its drop-ins laid over it, {{ … }} replaced, with what services take over from their app, defaults of
 * the contract, of host.yaml and of the format. */

#include "ctl/ctl.h"
#include "ctl/session.h"

/* Of an app without mistakes. */
const struct node *effective_of(struct session *s, struct app *app);

/* Where a value comes from: "shop.yaml:3" below the directories of definitions, a path elsewhere, or "default". */
struct str effective_origin(struct session *s, const struct node *node);
