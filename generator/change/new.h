/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pyservicectl new: writing a definition. */

#include <sys/types.h>

#include "ctl/ctl.h"

/* Makes the text of the definition. Returns 0, CTL_LOST, or another exit status without a text, after
 * reporting why. */
typedef int (*new_make)(struct ctl *c, struct str app, struct str *ret);

/* Writes the definition of the application that the command line names, which has none yet, and checks it
 * first. Returns the exit status; that of `make` if it is written. */
int new_write(struct ctl *c, new_make make, mode_t mode);

/* The verb: a definition from a few answers, from an image, or from what another tool runs. */
int ctl_new(struct ctl *c);
