/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Errors of Podman whose words do not say what is wrong on the machine. */

#include "base/str.h"

/* How to fix an error that Podman prints when it starts a container, for the errors that do not say so
 * themselves; NULL for all others. */
const char *podman_advice(struct str error);
