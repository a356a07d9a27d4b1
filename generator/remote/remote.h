/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pyservicectl --host: the command runs on other machines, over the user's own ssh(1) and its configuration.
 * Definitions that are named as files are copied into a private directory there first. */

#include "ctl/ctl.h"

/* Runs the command line on each of c->hosts, in order or c->parallel at once. Returns the exit status of the
 * first that failed, as ssh passes it on: 255 is ssh's own failure. */
int remote_run(struct ctl *c);
