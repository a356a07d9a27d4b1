/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The hooks around the start and stop of every instance and sidecar, with or without a port. A start waits
 * for Podman's health check, stops the container through Podman if the start is cancelled, and leaves a
 * record (hooks/start-record.h). */

#include "hooks/instance.h"

/* From now on SIGTERM makes this process `podman stop`, with the container's own stop signal and timeout.
 * While a unit starts, systemd runs no ExecStop=: it sends SIGTERM once, to conmon and to this hook, and
 * SIGKILL when TimeoutStopSec= is over. */
void lifecycle_stop_when_told(struct instance *i);

/* The reason why it is not ready yet, written to the journal in that case. Absent: nothing is written. */
void lifecycle_explain(struct instance *i, struct str text);

/* A start begins, or is complete. */
void lifecycle_note_start(struct instance *i);
void lifecycle_note_ready(struct instance *i);

/* Until Podman's health check is good. 0; 1 if the container ended. */
int lifecycle_await_health(struct instance *i);

/* After its end: was it killed? If it ran well for long enough, systemd's count of restarts begins at zero
 * again. */
void lifecycle_note_end(struct instance *i);

/* After its end: if it has failed so often in a row that it counts as failing, a message about that is
 * written. */
void lifecycle_report_failing(struct instance *i);
