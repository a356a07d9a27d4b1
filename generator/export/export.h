/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pyservicectl export: an application for those who leave pyservice. */

#include "ctl/ctl.h"

/* The verb; gives the exit status. */
int ctl_export(struct ctl *c);

/* export quadlet APP…; `output`: the directory to write to, NULL to print all files. */
int export_quadlet(struct ctl *c, const char *output);

/* The line "pyservicectl: APP: not carried over: WHAT" for standard error. */
void export_put_missing(struct buf *out, struct str app, struct str what);
