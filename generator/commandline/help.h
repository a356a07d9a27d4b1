/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The help of pyservicectl(1), from the table of verbs. Both give the exit status. */

#include "ctl/ctl.h"

/* All verbs, by task. */
int help_print(struct ctl *c);

/* One verb: its words, its options, an example. */
int help_print_verb(struct ctl *c, const struct verb *verb);
