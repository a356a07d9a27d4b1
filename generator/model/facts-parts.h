/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The steps of facts_open(); for model/facts*.c alone. */

#include "model/facts.h"

/* facts-use.c: facts of Podman, the balancer and the kernel. */
void facts_ask_podman(struct facts *f);
void facts_ask_balancer(struct facts *f);
void facts_read_use(struct facts *f);

/* The cgroup that counts the OOM kills of a part's unit in `cgroup`. systemd puts the instances of a template
 * into a slice that is named like it, whose counter survives the cgroups of the instances. */
struct str facts_oom_place(struct arena *a, struct str part, struct str cgroup);

/* From memory.events; FACT_NOT_KNOWN if it does not have them. */
uint64_t facts_oom_kills(struct str events);

/* True if HAProxy has that backend, or if that is unknown. */
bool facts_has_backend(const struct facts *f, struct str backend);

/* facts-judge.c: what that means. */
void facts_judge(struct facts *f, struct fact_app *app);

/* Adds to the facts that could not be read. */
void facts_hide(struct facts *f, struct str what);
