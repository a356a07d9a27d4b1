/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pyservice-convert, the program that runs the verbs import and export, and new --from. It may be missing. */

#include "ctl/ctl.h"

/* Their options. Two programs parse them, so that their values are in ctl->given only. */
extern const struct option_row export_options[], import_options[], new_options[];

/* The value of one of them, the last one if it is repeated; NULL if it is not given. */
const char *ctl_given(const struct ctl *c, const char *name);

/* Executes pyservice-convert in place of this program, with its command line. If that fails, it reports why
 * and returns the exit status. */
int ctl_convert(struct ctl *c);
