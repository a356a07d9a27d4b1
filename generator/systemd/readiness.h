/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The words with which the hooks of an instance report that it is not ready. They go to systemd, into the
 * journal of the instance's unit or its status, and rollouts and `pyservicectl status` find them there. */

/* The last words of a hook that gave up: its line of the journal begins with one of these. */
#define READINESS_NOT_READY "not ready"
#define READINESS_EXITED "exited before it was ready"

/* The unit's status, which every user can read. In the journal ": " and the output of the command follow. */
#define READINESS_HEALTH_FAILED "the health command failed"
