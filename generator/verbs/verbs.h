/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The verbs of pyservicectl: each is one file here (doctor: one folder) and one row of
 * the table in programs/pyservicectl.c. Each gives the exit status. */

#include "ctl/ctl.h"

int ctl_apply(struct ctl *c);
int ctl_cat(struct ctl *c);
int ctl_check(struct ctl *c);
int ctl_drill(struct ctl *c);
int ctl_edit(struct ctl *c);
int ctl_env(struct ctl *c);
int ctl_exec(struct ctl *c);
int ctl_get(struct ctl *c);
int ctl_graph(struct ctl *c);
int ctl_logs(struct ctl *c);
int ctl_maintenance(struct ctl *c);
int ctl_metrics(struct ctl *c);
int ctl_plan(struct ctl *c);
int ctl_ps(struct ctl *c);
int ctl_purge(struct ctl *c);
int ctl_render(struct ctl *c);
int ctl_restart(struct ctl *c);
int ctl_rollout(struct ctl *c);
int ctl_run(struct ctl *c);
int ctl_scale(struct ctl *c);
int ctl_secret(struct ctl *c);
int ctl_set(struct ctl *c);
int ctl_shell(struct ctl *c);
int ctl_start(struct ctl *c);
int ctl_status(struct ctl *c);
int ctl_stop(struct ctl *c);
int ctl_top(struct ctl *c);
int ctl_try(struct ctl *c);
int ctl_update(struct ctl *c);

/* The options that only one verb has, in the file of the verb. */
extern const struct option_row apply_options[];
extern const struct option_row drill_options[];
extern const struct option_row env_options[];
extern const struct option_row logs_options[];
extern const struct option_row maintenance_options[];
extern const struct option_row metrics_options[];
extern const struct option_row plan_options[];
extern const struct option_row render_options[];
extern const struct option_row rollout_options[];
extern const struct option_row scale_options[];
extern const struct option_row set_options[];
extern const struct option_row stop_options[];
extern const struct option_row try_options[];
extern const struct option_row update_options[];
