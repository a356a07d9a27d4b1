/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reports what this machine lacks for a definition, so that a start will fail: files, directories, the
 * registry of an image. Warnings, because all of it may come before the start; none of files on a command
 * line, because those may be meant for another machine. */

#include "ctl/ctl.h"
#include "ctl/session.h"

void check_machine(struct session *s);
