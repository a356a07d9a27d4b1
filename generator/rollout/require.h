/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The work of UNIT-requires@N.service: waits until the units that an instance requires are ready.
 *
 * For each unit it waits until that is active, or stopped, or until an attempt to start it that began
 * meanwhile has failed. A start job would do the same at first sight; but it cuts short the pause that
 * systemd makes between two attempts, and so every client that starts would start a unit that fails once
 * more. */

#include "systemd/bus.h"

int require_run(struct bus *bus, char *const units[], size_t n);
