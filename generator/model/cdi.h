/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Devices of the Container Device Interface, which a driver's tool describes in files of JSON or YAML
 * (https://github.com/cncf-tags/container-device-interface). */

#include "base/arena.h"

/* Where Podman looks for them (cdi_spec_dirs of containers.conf(5)), for people. */
#define CDI_DIRECTORIES "/etc/cdi or /run/cdi"

/* True if a file describes the device VENDOR/CLASS=NAME; true as well if a file cannot be read or has an
 * error, because the device may be in it. `root`: the machine's. */
bool cdi_has(struct arena *a, int root, struct str device);
