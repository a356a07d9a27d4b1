/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Helpers that the files of the bus share; only for bus*.c. */

#include <systemd/sd-bus.h>

#include "systemd/bus.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER SYSTEMD ".Manager"
#define UNIT SYSTEMD ".Unit"
#define SERVICE SYSTEMD ".Service"
#define TIMER SYSTEMD ".Timer"
#define JOB SYSTEMD ".Job"

struct bus {
        struct arena *arena;
        sd_bus *connection;
        int stop;
        bool has_daemon;
        VEC(struct bus_job *) jobs;
};
