/* SPDX-License-Identifier: Apache-2.0 */
#include "systemd/notify.h"

#include <systemd/sd-daemon.h>

#include "base/utf8.h"

void notify_manager(struct arena *a, struct str lines) {
        (void) sd_notify(0, arena_str(a, utf8_clean(a, lines)).p);
}
