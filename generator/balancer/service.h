/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The service that HAProxy or nginx runs as. */

#include "systemd/bus.h"

/* Waits a little while it is just starting: it may have read its files already, and can't be reloaded yet.
 * 1 if it runs; 0 if not, also where no systemd does; negative errno. */
int service_find(struct arena *a, struct str unit, struct bus_unit *ret);

/* Reloads it, and waits until systemd has done so. 0; 1 if that failed, with the message; negative errno. */
int service_reload(struct arena *a, struct str unit, struct str *ret_message);
