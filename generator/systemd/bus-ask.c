/* SPDX-License-Identifier: Apache-2.0 */

/* Many properties of many units at once. */

#include "systemd/bus-parts.h"

/* The message bus does not let a client wait for more than 128 answers. */
enum { UNDER_WAY_MAX = 100 };

/* Rows X(about, interface, property, type, member of struct bus_detail), in the order of the queries. */
#define PROPERTIES(X)                                                                \
        X(BUS_ABOUT_STATE, UNIT, "StateChangeTimestamp", 't', since)                 \
        X(BUS_ABOUT_FILES, UNIT, "NeedDaemonReload", 'b', is_outdated)               \
        X(BUS_ABOUT_USE, SERVICE, "ControlGroup", 's', cgroup)                       \
        X(BUS_ABOUT_USE, SERVICE, "NRestarts", 'u', n_restarts)                      \
        X(BUS_ABOUT_SUB, UNIT, "SubState", 's', sub)                                 \
        X(BUS_ABOUT_RUN, SERVICE, "Result", 's', result)                             \
        X(BUS_ABOUT_RUN, SERVICE, "ExecMainStatus", 'i', exit_status)                \
        X(BUS_ABOUT_RUN, SERVICE, "ExecMainStartTimestamp", 't', started)            \
        X(BUS_ABOUT_RUN, SERVICE, "ExecMainExitTimestamp", 't', ended)               \
        X(BUS_ABOUT_TIMES, TIMER, "NextElapseUSecRealtime", 't', next)               \
        X(BUS_ABOUT_TIMES, TIMER, "LastTriggerUSec", 't', last)                      \
        X(BUS_ABOUT_START, UNIT, "InactiveExitTimestampMonotonic", 't', start_began) \
        X(BUS_ABOUT_START, UNIT, "ActiveEnterTimestampMonotonic", 't', start_done)

struct property {
        unsigned about;
        const char *interface, *name;
        char type;
        size_t place;
};

static const struct property properties[] = {
#define ROW(about, interface, name, type, member) \
        { about, interface, name, type, offsetof(struct bus_detail, member) },
        PROPERTIES(ROW)
};

struct asking {
        struct bus *bus;
        struct arena *arena;
        size_t n_under_way;
        int error;
};

/* One question for one property: what its answer is for. */
struct asked {
        struct asking *asking;
        const struct property *property;
        struct bus_detail *detail;
};

/* A unit may go between two questions. */
static int take(sd_bus_message *m, void *data, sd_bus_error *error) {
        struct asked *q = data;
        int r;

        q->asking->n_under_way--;
        if (sd_bus_message_is_method_error(m, NULL))
                return 0;

        r = bus_read_value(m, q->asking->arena, q->property->type, (char *) q->detail + q->property->place);
        if (r < 0)
                q->asking->error = r;
        return 0;
}

/* Until at most `n` are under way: after an error as well, since an answer refers to its question. */
static int drain(struct asking *s, size_t n) {
        int r = 0;

        while (r >= 0 && s->n_under_way > n) {
                r = sd_bus_process(s->bus->connection, NULL);
                if (r == 0)
                        r = sd_bus_wait(s->bus->connection, UINT64_MAX);
        }

        return r < 0 ? r : s->error;
}

static int ask_one(struct asking *s, const char *path, const struct property *property,
                   struct bus_detail *detail) {
        struct asked *q = arena_new(s->arena, struct asked);
        int r = drain(s, UNDER_WAY_MAX - 1);

        *q = (struct asked){ s, property, detail };
        if (r >= 0)
                r = sd_bus_call_method_async(s->bus->connection, NULL, SYSTEMD, path,
                                             "org.freedesktop.DBus.Properties", "Get", take, q, "ss",
                                             property->interface, property->name);
        s->n_under_way += r >= 0;
        return r < 0 ? r : 0;
}

static int ask_unit(struct asking *s, const struct bus_question *q) {
        CLEANUP(bus_free_text) char *path = NULL;
        int r = bus_unit_path(s->arena, q->unit, &path);

        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(properties); i++)
                if (q->about & properties[i].about)
                        r = ask_one(s, path, &properties[i], q->detail);
        return r;
}

int bus_ask(struct bus *b, struct arena *a, const struct bus_question *questions, size_t n) {
        struct asking s = { .bus = b, .arena = a };
        int r = 0, q;

        for (size_t i = 0; r >= 0 && i < n; i++)
                r = ask_unit(&s, &questions[i]);
        q = drain(&s, 0);
        return r < 0 ? r : q < 0 ? q : 0;
}
