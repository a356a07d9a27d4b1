/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Long output. */

#include "ctl/ctl.h"

/* Writes `text` to standard output, through a pager if that is a terminal and the pager is not switched
 * off. */
int pager_print(struct ctl *c, struct str text);
