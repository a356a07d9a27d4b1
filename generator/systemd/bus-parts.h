/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Helpers that the files of the bus share; only for bus*.c. */

#include <stdlib.h>
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

static inline void bus_free_text(char **p) {
        free(*p);
}

static inline void bus_unref_message(sd_bus_message **m) {
        (void) sd_bus_message_unref(*m);
}

/* The object of a unit; free(3) it. */
static inline int bus_unit_path(struct arena *a, struct str unit, char **ret) {
        return sd_bus_path_encode(MANAGER_PATH "/unit", arena_str(a, unit).p, ret);
}

/* A list of texts; added to *ret. */
int bus_read_texts(sd_bus_message *m, struct arena *a, struct bus_names *ret);

/* A variant with a value of that type. place: a struct str for 's', a bool for 'b', else a uint64_t. */
int bus_read_value(sd_bus_message *m, struct arena *a, char type, void *place);
