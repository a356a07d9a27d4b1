/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Files of other tools among the definitions: one message names the tool, in place of one message for each
 * key. */

#include "input/diag.h"

/* True if it was reported that the source is such a file. */
bool foreign_report(struct diags *ds, uint32_t file);
