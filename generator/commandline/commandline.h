/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The verbs that describe pyservicectl and the format of definitions. Each gives the exit status. */

#include "ctl/ctl.h"

int ctl_completion(struct ctl *c);
int ctl_help(struct ctl *c);
int ctl_schema(struct ctl *c);

extern const struct option_row schema_options[];
