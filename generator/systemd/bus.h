/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* systemd's manager over its bus (org.freedesktop.systemd1(5)), by sd-bus.
 *
 * One connection, to the message bus or, if that does not run, to systemd's private socket. By itself it
 * waits only for the answer to a call: a job continues while the caller waits with bus_wait(), again and
 * again, as long as it likes. A connection that breaks (systemd was re-executed, the bus restarted) is not
 * repaired: calls fail with -ECONNRESET, -ENOTCONN or the like, and the program ends, so that systemd starts
 * it again.
 *
 * Results that are text lie in the arena that the call is given. */

#include "base/arena.h"
#include "base/vec.h"

struct bus;

/* `stop`: a descriptor that becomes readable when the program is to end, or -1. Closes nothing of the
 * caller's. */
int bus_open(struct arena *a, bool is_user, int stop, struct bus **ret);
/* The other way round: systemd's private socket, which only its owner may use, or else the message bus. For
 * a hook, which also runs while the message bus stops with the machine. */
int bus_open_private(struct arena *a, bool is_user, struct bus **ret);
void bus_close(struct bus **b);

/* CLOCK_MONOTONIC, microseconds: what systemd's times are compared with. */
uint64_t bus_now(void);

/* A unit as systemd has it; one that it does not know is "inactive". Times: CLOCK_MONOTONIC, or 0 for
 * never. */
struct bus_unit {
        struct str active, sub; /* "active", "running" */
        /* when it ended last: "success", "exit-code", "timeout" …; absent for kinds that have none */
        struct str result;
        struct str invocation; /* 32 digits, other ones for each start; empty if it never ran */
        struct str status;     /* the status text that the service sent */
        bool has_job;          /* systemd is about to start or stop it; it may wait for others */
        uint64_t n_restarts;   /* by Restart= */
        uint64_t main_pid;     /* 0 if none runs */
        uint64_t exit_status;
        bool is_killed;          /* exit_status is the number of the signal that ended the main process */
        uint64_t starting_since; /* microseconds; when it last began to start */
        uint64_t started_at;     /* the same, but CLOCK_REALTIME, for the journal */
        uint64_t start_timeout;  /* microseconds; UINT64_MAX for none */
};

enum { BUS_FAILING = 3 }; /* after so many failed starts in a row, a unit is failing */

/* True for the sub-state in which a unit has failed and waits for its restart. */
static inline bool bus_waits_for_restart(struct str sub) {
        return str_has_prefix(sub, STR("auto-restart"));
}

/* All members are of one moment. */
int bus_get_unit(struct bus *b, struct arena *a, struct str unit, struct bus_unit *ret);

struct bus_names {
        VEC(struct str) list;
};

/* A unit's dependencies of one kind: "Upholds", "Wants". Empty for a unit that systemd does not know. */
int bus_get_dependencies(struct bus *b, struct arena *a, struct str unit, const char *kind,
                         struct bus_names *ret);

/* The units in memory whose names match the pattern (as in systemctl), with their state. */
struct bus_listed {
        struct str name, active, sub;
        struct str job; /* the kind of its job: "start", "stop", "restart" …; "" if it has none */
};

struct bus_list {
        VEC(struct bus_listed) list;
};

int bus_list_units(struct bus *b, struct arena *a, struct str pattern, struct bus_list *ret);

/* Properties of a unit that the list of units does not have. A property that was not requested, or does
 * not exist, is zero. */
struct bus_detail {
        /* when it came into the state that it is in; times here are CLOCK_REALTIME, in microseconds */
        uint64_t since;
        struct str result; /* "success", "exit-code", "timeout" … */
        bool is_outdated;  /* the files behind it are newer than what systemd read */
        struct str cgroup; /* "/system.slice/hello.service"; empty if it has none now */
        uint64_t n_restarts, exit_status;
        struct str sub;                   /* as in the list, but read after n_restarts */
        uint64_t started, ended;          /* its main process, the last time */
        uint64_t next, last;              /* a timer; UINT64_MAX for never again */
        uint64_t start_began, start_done; /* the last time, CLOCK_MONOTONIC; 0 for never */
};

enum bus_about {
        BUS_ABOUT_STATE = 1,  /* since */
        BUS_ABOUT_FILES = 2,  /* is_outdated */
        BUS_ABOUT_USE = 4,    /* of a service: cgroup, n_restarts */
        BUS_ABOUT_RUN = 8,    /* of a service: result, exit_status, started, ended */
        BUS_ABOUT_TIMES = 16, /* of a timer: next, last */
        BUS_ABOUT_START = 32, /* start_began, start_done */
        BUS_ABOUT_SUB = 64,   /* sub */
};

struct bus_question {
        struct str unit;
        unsigned about;
        struct bus_detail *detail; /* filled in; its texts lie in the arena */
};

/* Sends all queries before it waits for the first answer, so that it takes about one round trip, whatever
 * their number. A unit that went meanwhile keeps what is not answered. */
int bus_ask(struct bus *b, struct arena *a, const struct bus_question *questions, size_t n);

/* As systemd names it: "257.8-1~deb13u2". */
int bus_get_version(struct bus *b, struct arena *a, struct str *ret);

/* When systemd last read its units: what began to start before that did so as it was written then.
 * CLOCK_MONOTONIC. */
int bus_get_load_time(struct bus *b, uint64_t *ret);

/* True if the unit has a stop job. */
int bus_is_stopping(struct bus *b, struct str unit, bool *ret);

/* True if jobs of the start of the machine, or of the user's session, are left. */
int bus_is_booting(struct bus *b, bool *ret);

enum bus_verb {
        BUS_START,
        BUS_STOP,
        BUS_RESTART,
        BUS_RELOAD,
        /* Without ordering: a unit that comes after the caller's own would wait for the caller's end. */
        BUS_RELOAD_NOW,
};

struct bus_job {
        struct str unit;
        /* absent while it is under way; "done", "failed", "timeout", "canceled", "dependency" … (systemd's),
         * or "lost" if systemd no longer knows it and did not report how it ended */
        struct str result;
        char path[64];
};

/* Requests a job, mode "replace"; of BUS_RELOAD_NOW: "ignore-dependencies". It stays in place for as long as
 * the bus is open. An answer that refuses it comes as a job that is over, with the error's name as its
 * result. */
int bus_start_job(struct bus *b, enum bus_verb verb, struct str unit, struct bus_job **ret);

/* Queries systemd if the end of the job may have been missed, and fills its result then. */
int bus_look_at_job(struct bus *b, struct bus_job *job);

/* Waits until something comes from systemd, at most `ms`. 0; -ECANCELED where the program is to end. */
int bus_wait(struct bus *b, uint64_t ms);

/* daemon-reload; returns when it is done. */
int bus_reload(struct bus *b);

int bus_reset_failed(struct bus *b, struct str unit);
