/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A systemd, a generator and a Podman small enough to look through, in place of systemd/bus.h, notify.h, journal.h and podman.h:
 * one app `shop` with a service (instances shop@0 and shop@1, a spare) and a task, whose revisions are made here. A test says how the
 * revisions behave, runs the rollout, and may have it end at any call, as SIGKILL would.
 *
 * What it holds to: a job ends as soon as it is asked for; bus_reload() does what the generator does; each unit starts with the
 * text that is loaded; time passes in bus_wait() alone. */

#include "base/arena.h"

enum { FAKE_REVISIONS = 4, FAKE_INSTANCES = 2 };

/* How a revision behaves. */
struct fake_behaviour {
        bool spare_fails, spare_dies, instance_fails, task_fails;
        bool has_after, after_fails;    /* a task after the update */
        bool has_answer, answer_fails;  /* a task after another revision failed */
        bool has_task, is_plain, is_recreate, stops;
        bool task_fills;                /* the disk; see fake_fill() */
        bool spare_waits;               /* for ever, before it starts: for its image */
        bool spare_is_slow;             /* its container is there 3 s after it began to start */
};

struct fake_unit {
        bool is_active;
        int revision;                   /* its container's; -1 for none */
        unsigned n_starts;
        uint64_t invocation, dies_at;   /* 0: it does not */
        bool is_waiting, is_coming;     /* its start was asked for, or began at `since` with the text of revision `coming` */
        int coming;
        uint64_t since;
};

struct fake {
        struct arena *arena;
        int runtime, state;             /* directories */
        struct fake_behaviour behaviour[FAKE_REVISIONS];
        struct str names[FAKE_REVISIONS];
        int file;                       /* which revision the definition describes; -1: it is gone */
        int base, target;               /* loaded; -1 for none */
        bool is_emptied;                /* as loaded: instances are not upheld */
        struct fake_unit instances[FAKE_INSTANCES], next;
        unsigned n_tasks[FAKE_REVISIONS], n_after[FAKE_REVISIONS], n_answers, n_reloads, n_messages, n_failures;
        uint64_t now, loaded;           /* when it read the units */
        uint64_t ran_after, ran_answer; /* when the task after the update, or after a failure, began last */
        struct str answered;            /* the environment of the latter */
        long budget;                    /* calls before it is killed; -1: it is not */
        long changed_after;             /* calls before somebody changes the definition to `changed_to` and reloads; 0: nobody does */
        int changed_to;
        bool is_told_to_end;
        struct str status;              /* what the rollout told systemd last */
        struct str unneeded, needed;    /* images: what Podman was told to remove, and what it was told to keep */
        unsigned least_active;          /* how many answered while one was restarted, at worst */
};

extern struct fake fake;

/* Fresh directories and nothing running. */
void fake_open(struct arena *a);
void fake_close(void);

/* As on a disk that is full, no state can be written; or again. */
void fake_fill(bool is_full);

/* daemon-reload. */
void fake_reload(void);

/* Runs the rollout of what is wanted, until it ends. Its exit status, or -EINTR where it was killed. */
int fake_roll(void);

/* As systemd does: again, until one ends well. False where it never does. */
bool fake_settle(void);
