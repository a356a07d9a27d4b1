/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The verb that a word of the command line means. */

#include "ctl/ctl.h"

/* NULL if there is none of that name. */
const struct verb *verb_find(const struct ctl *c, struct str name);

/* Reports that the command is unknown, and which one does it here: a similar name, or the counterpart of a
 * word of docker compose, kamal, kubectl, systemctl or heroku. Gives CTL_USAGE. */
int verb_unknown(struct ctl *c, const char *name);
