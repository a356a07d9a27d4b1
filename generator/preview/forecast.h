/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The result of a daemon-reload, as far as files show: the result of a trial, compared with the published
 * files. For a rollout, the forecast is the outcome if every step succeeds. */

#include "bundle/record.h"
#include "podman/podman-object.h"
#include "preview/trial.h"
#include "state/state.h"
#include "systemd/bus.h"

#define FORECAST_VERBS(X)     \
        X(PULL, "pull")       \
        X(BUILD, "build")     \
        X(SET_UP, "set up")   \
        X(MAKE, "make")       \
        X(RUN, "run")         \
        X(TRY, "try")         \
        X(START, "start")     \
        X(RESTART, "restart") \
        X(STOP, "stop")       \
        X(ADD, "add")         \
        X(CHANGE, "change")   \
        X(REMOVE, "remove")

#define FORECAST_KINDS(X)       \
        X(IMAGE, "image")       \
        X(SETUP, "setup")       \
        X(NETWORK, "network")   \
        X(VOLUME, "volume")     \
        X(TASK, "task")         \
        X(SPARE, "spare")       \
        X(INSTANCE, "instance") \
        X(SIDECAR, "sidecar")   \
        X(TIMER, "timer")       \
        X(HAPROXY, "haproxy")   \
        X(NGINX, "nginx")

/* In the order in which they are printed. */
enum forecast_verb {
#define X(symbol, name) FORECAST_##symbol,
        FORECAST_VERBS(X)
#undef X
};

enum forecast_kind {
#define X(symbol, name) FORECAST_##symbol,
        FORECAST_KINDS(X)
#undef X
};

/* "start" "instance" "hello@2.service". An object without a unit has a path, or an image's reference. */
struct forecast_action {
        enum forecast_verb verb;
        enum forecast_kind kind;
        struct str name;
        struct str unit; /* of an instance, "hello", and its number */
        uint64_t number;
        bool is_early; /* before the tasks */
        bool is_late;  /* a task at the end of the rollout */
};

enum forecast_change { FORECAST_SAME, FORECAST_CHANGED, FORECAST_NEW, FORECAST_GONE };

struct forecast_app {
        struct str name;
        enum forecast_change change;
        bool has_errors;   /* of its own, among the session's diagnostics */
        bool is_held_back; /* the revision of its file would not run */
        bool is_paused, is_recreate;
        bool is_stopped; /* as a whole, by the administrator */
        struct str runs,
                file; /* now: the instances' revision, and the published one of the file; absent for none */
        struct str wanted;           /* from then on */
        struct str accepted, pinned; /* the first ends with a NUL */
        struct app *defined;         /* by the file; NULL if that does not count */
        bool is_kept;                /* `accepted` can be restored */
        VEC(struct forecast_action) actions;
        VEC(struct str) notes;     /* what to know before it is done, a line each */
        struct tree before, after; /* with their records; sorted; read if something changes */
        size_t n_files;            /* that differ */
};

struct forecast {
        VEC(struct forecast_app) apps; /* by name: all that have a definition, and those that lose it */
};

struct forecast_totals {
        size_t n_start, n_restart, n_stop, n_tasks, n_held_back, n_changed;
};

/* Returns 0, or an exit status after reporting why. */
int forecast_make(struct ctl *c, struct trial *t, struct forecast *ret);

/* NULL if there is none of that name. */
const struct forecast_app *forecast_find(const struct forecast *f, struct str app);

/* The apps to print, and the form. */
struct forecast_shown {
        const struct str *apps; /* `n` names; all if there are none */
        size_t n;
        bool has_diff, is_colored;
};

/* True if it is selected. */
bool forecast_is_shown(const struct forecast_app *app, const struct forecast_shown *shown);
void forecast_count(const struct forecast *f, const struct forecast_shown *shown,
                    struct forecast_totals *ret);

/* "start", "instance". */
const char *forecast_verb_name(enum forecast_verb verb);
const char *forecast_kind_name(enum forecast_kind kind);

/* For people; and for programs, the members of the object that is open. 0 or negative errno. */
int forecast_show(struct buf *out, const struct trial *t, const struct forecast *f,
                  const struct forecast_shown *shown);
int forecast_put_json(struct json_writer *w, const struct trial *t, const struct forecast *f,
                      const struct forecast_shown *shown);

/* The files that differ, as `diff -u` has it. No value of a variable and no content of a file of the app's
 * is in it. 0 or negative errno. */
int forecast_diff(struct arena *a, const struct trial *t, const struct forecast_app *app, struct str *ret);
