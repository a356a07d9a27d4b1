/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The verbs below `rollout`, each with the name of one app; c->argv[2] is a revision where one is given. They give the exit status. */

#include "ctl/view.h"

int ctl_rollout_status(struct ctl *c, struct str app);
int ctl_rollout_history(struct ctl *c, struct str app);
int ctl_rollout_undo(struct ctl *c, struct str app);
int ctl_rollout_retry(struct ctl *c, struct str app);
int ctl_rollout_pause(struct ctl *c, struct str app);
int ctl_rollout_resume(struct ctl *c, struct str app);
