/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The facts about apps, for status, ps, top and other verbs that show them: the declaration, the published
 * bundle, and the current state in systemd, Podman, the balancer and the kernel. It takes one query for each
 * kind of fact, for any number of instances. Facts that can't be queried (no rights, another root) are left
 * unknown.
 *
 * Texts are printable; those that come from other programs were cleaned. */

#include "app/ports-parts.h"
#include "balancer/balancer.h"
#include "bundle/record.h"
#include "ctl/session.h"
#include "model/snapshot.h"
#include "model/view.h"
#include "rollout/reasons.h"
#include "state/hold.h"

enum fact_state {
        FACT_UNKNOWN, /* systemd was not queried */
        FACT_STOPPED,
        FACT_HELD, /* the same, by `pyservicectl stop` */
        FACT_STARTING,
        FACT_READY,
        /* it runs, and is unhealthy by its health check, or the balancer sends it no requests */
        FACT_UNHEALTHY,
        FACT_STOPPING,
        FACT_RESTARTING, /* it failed, and systemd waits to start it again */
        FACT_FAILING,    /* its last three starts failed, or more; it may be starting again */
        FACT_UNREACHED,  /* it is ready, and the balancer does not run or does not answer */
        FACT_FAILED,
        FACT_DONE, /* it had an end, and it was good */
};

#define FACT_NOT_KNOWN UINT64_MAX /* of a number */

/* One unit of a part: an instance, a spare, a sidecar; of a timer and a task what it runs. */
struct fact_unit {
        struct str name;      /* "shop-web@0.service" */
        struct str container; /* "shop-web-0" */
        uint64_t number;      /* of an instance; PORTS_NEXT for a spare */
        bool is_instance, is_declared;
        bool is_kept; /* as its part: fact_is_kept() */
        enum fact_state state;
        struct str active, sub; /* as systemd has it; absent if it was not queried */
        struct str job;         /* as struct bus_listed has it; absent if it was not queried */
        struct bus_detail detail;
        uint64_t port; /* 0 for none */
        struct str label,
                /* the running revision: io.pyservice.revision, and the app's revision that it belongs to;
                 * absent if unknown */
                revision;
        struct str commit; /* that its image was built from; absent if that is unknown */
        struct str health; /* "healthy", "unhealthy", "starting", as Podman has it; absent for none */
        struct balancer_state server;
        uint64_t memory, cpu; /* cpu: microseconds in all */
};

/* The parts of an app: those of its definition, and published ones if the definition has errors, is
 * removed or no longer has them. */
struct fact_part {
        enum record_kind kind;
        struct str name;     /* "web"; of the short form the app's */
        struct str unit;     /* "shop-web" */
        struct str image;    /* of what was published */
        struct str schedule; /* of a timer, as in the definition */
        bool is_declared;
        bool may_end;                    /* systemd does not start it again whatever happens */
        uint64_t scale;                  /* instances that are to be, on this machine */
        uint64_t n_upheld;               /* the number that systemd keeps up */
        const struct balancer *balancer; /* NULL: it gets no requests through one */
        struct str backend;              /* HAProxy's; absent if the definition does not have it */
        struct str label, label_wanted;  /* of containers of what runs, and of what is wanted */
        VEC(struct fact_unit) units;
        struct str timer;        /* "shop-tidy.timer" */
        struct bus_detail times; /* of that */
        bool is_timer_active;
        bool is_task_done;    /* for the revision that is wanted */
        uint64_t n_oom_kills; /* with FACTS_OOM: since its slice exists, or its unit started */
};

enum fact_standing { FACT_AS_DECLARED, FACT_CHANGING, FACT_NOT_AS_DECLARED };

struct fact_app {
        struct str name;
        const struct definition *definition; /* NULL: it has none */
        struct view view;
        struct holds holds;
        enum view_outcome outcome;
        struct str reason; /* of a failure, "" if it is unknown */
        bool is_loaded;    /* systemd has its target */
        struct bus_detail target;
        VEC(struct fact_part) parts;
        int bundle_error; /* why its published bundle can't be understood; 0 if it can */
        struct str image;
        uint64_t n_declared, n_running, n_ready; /* instances and sidecars */
        uint64_t n_unhealthy;                    /* of these; not reached, too */
        uint64_t n_failed, n_failing, n_named;   /* failed units; of these failing ones; named by notes */
        uint64_t next;                           /* when its next timer elapses; 0 for none */
        enum fact_standing standing;
        struct str word;         /* "running", "stopped", "failed" … for the table and for programs */
        struct str notes;        /* "; " between two; absent for none */
        struct str rollout_note; /* about its rollout, not among the others; absent for none */
        struct reasons reasons;  /* with FACTS_REASONS: why parts are not ready */
};

/* A unit, and what it belongs to. */
struct fact_place {
        struct fact_app *app;
        struct fact_part *part;
        struct fact_unit *unit;
};

/* A sample of one unit; two samples give the rates. */
struct fact_sample {
        struct str unit, cgroup;
        uint64_t cpu, n_requests; /* as of struct fact_unit */
};

enum facts_about {
        FACTS_TIMES = 1,      /* since when, and when next */
        FACTS_EACH = 2,       /* the same of each instance; restarts */
        FACTS_USE = 4,        /* memory and CPU */
        FACTS_CONTAINERS = 8, /* revisions and health */
        FACTS_BALANCER = 16,
        FACTS_REASONS = 32,
        FACTS_OOM = 64, /* with FACTS_USE: processes that the kernel killed for lack of memory */
};

struct facts {
        struct ctl *c;
        unsigned about;
        const struct targets *targets; /* NULL or empty for all apps */
        /* an earlier sample with FACTS_USE, whose cgroups need not be found again; NULL for none */
        const struct facts *before;
        bool takes_gone; /* a target may name an instance that no longer exists */
        bool is_open;
        struct session session;
        struct view_places places;
        VEC(struct fact_app) apps;  /* by name */
        VEC(struct fact_place) all; /* the units of all of them, in order */
        struct ports ports;
        struct snapshot now;
        struct balancer_view servers;
        /* the reason why HAProxy passes on no requests; absent if it answers, or if that is unknown */
        struct str haproxy_gap;
        struct str hidden;               /* the facts that could not be read; absent for nothing */
        uint64_t taken_at;               /* CLOCK_MONOTONIC, microseconds */
        VEC(struct fact_sample) samples; /* by unit */
};

/* `f` has c, about, targets and before set. An unknown app in `targets` is an error of the user. Returns 0,
 * or an exit status after reporting why; close it in any case. */
int facts_open(struct facts *f);
void facts_close(struct facts *f);

/* Prints a line on standard error with the facts that could not be queried, and how to query them. */
void facts_tell_hidden(const struct facts *f);

/* Reports why an app has no definition: it was removed, or a link masks it. */
struct str facts_why_undefined(const struct facts *f, const struct fact_app *app);

/* NULL if the unit did not run then. */
const struct fact_sample *facts_find_sample(const struct facts *f, struct str unit);

/* True if the unit is among the targets. */
bool facts_is_meant(const struct facts *f, const struct fact_place *place);

/* All notes about the app in one line; absent for none. */
struct str fact_all_notes(struct arena *a, const struct fact_app *app);

/* For people and programs. */
const char *fact_state_name(enum fact_state state);
/* When a timer's work was begun last, by it or by hand; 0 for never. */
static inline uint64_t facts_last_run(const struct fact_part *timer) {
        uint64_t started = timer->units.at[0].detail.started, last = timer->times.last;

        return last != UINT64_MAX && last > started ? last : started;
}

/* True if it runs, ready or not. */
static inline bool fact_is_running(const struct fact_unit *u) {
        return u->state == FACT_STARTING || u->state == FACT_READY || u->state == FACT_UNHEALTHY ||
               u->state == FACT_UNREACHED || u->state == FACT_STOPPING ||
               (u->state == FACT_FAILING && str_is(u->active, "active"));
}

/* True if it is kept running: of a service or a sidecar. */
static inline bool fact_is_kept(const struct fact_part *part) {
        return part->kind == RECORD_SERVICE || part->kind == RECORD_SIDECAR;
}
