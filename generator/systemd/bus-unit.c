/* SPDX-License-Identifier: Apache-2.0 */

/* The properties of one unit, in one answer: those that are read one by one may be of two starts. */

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "systemd/bus-parts.h"

/* Rows X(property, type, member of struct bus_unit). */
#define PROPERTIES(X)                                            \
        X("ActiveState", 's', active)                            \
        X("SubState", 's', sub)                                  \
        X("Result", 's', result)                                 \
        X("StatusText", 's', status)                             \
        X("NRestarts", 'u', n_restarts)                          \
        X("MainPID", 'u', main_pid)                              \
        X("ExecMainStatus", 'i', exit_status)                    \
        X("InactiveExitTimestampMonotonic", 't', starting_since) \
        X("InactiveExitTimestamp", 't', started_at)              \
        X("TimeoutStartUSec", 't', start_timeout)

struct property {
        const char *name;
        char type;
        size_t place;
};

static const struct property properties[] = {
#define ROW(name, type, member) { name, type, offsetof(struct bus_unit, member) },
        PROPERTIES(ROW)
};

static int take_invocation(struct arena *a, sd_bus_message *m, struct str *ret) {
        const unsigned char *bytes;
        size_t n;
        int r = sd_bus_message_enter_container(m, 'v', "ay");

        if (r >= 0)
                r = sd_bus_message_read_array(m, 'y', (const void **) &bytes, &n);
        if (r < 0)
                return r;

        char *digits = arena_alloc(a, 2 * n + 1, 1);
        for (size_t i = 0; i < n; i++)
                (void) snprintf(digits + 2 * i, 3, "%02x", bytes[i]);
        *ret = (struct str){ digits, 2 * n };
        return sd_bus_message_exit_container(m);
}

static int take_property(struct arena *a, sd_bus_message *m, const char *name, struct bus_unit *u) {
        uint32_t job = 0;
        int code = 0, r;

        for (size_t i = 0; i < ARRAY_SIZE(properties); i++)
                if (strcmp(properties[i].name, name) == 0)
                        return bus_read_value(m, a, properties[i].type, (char *) u + properties[i].place);

        if (strcmp(name, "InvocationID") == 0)
                return take_invocation(a, m, &u->invocation);
        if (strcmp(name, "Job") == 0) {
                r = sd_bus_message_read(m, "v", "(uo)", &job, NULL);
                u->has_job = job != 0;
        } else if (strcmp(name, "ExecMainCode") == 0) {
                r = sd_bus_message_read(m, "v", "i", &code);
                u->is_killed = code == CLD_KILLED || code == CLD_DUMPED;
        } else
                r = sd_bus_message_skip(m, "v");
        return r;
}

/* Without the name of an interface it gives the properties of all interfaces, like `systemctl show`. */
int bus_get_unit(struct bus *b, struct arena *a, struct str unit, struct bus_unit *ret) {
        CLEANUP(bus_unref_message) sd_bus_message *m = NULL;
        CLEANUP(bus_free_text) char *path = NULL;
        struct bus_unit u = { .start_timeout = UINT64_MAX };
        const char *name;
        int r = bus_unit_path(a, unit, &path);

        if (r >= 0)
                r = sd_bus_call_method(b->connection, SYSTEMD, path, "org.freedesktop.DBus.Properties",
                                       "GetAll", NULL, &m, "s", "");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read(m, "s", &name);
                if (r >= 0)
                        r = take_property(a, m, name, &u);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r < 0)
                return r;

        *ret = u;
        return 0;
}
