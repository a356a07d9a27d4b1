/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a daemon-reload would do, as far as files say: what a trial made, compared with what is published.
 * Where a revision is to be rolled out, what is told is how it comes out when all goes well. */

#include "bundle/record.h"
#include "preview/trial.h"
#include "runtime/bus.h"
#include "runtime/podman-object.h"
#include "state/state.h"

#define FORECAST_VERBS(X)                                                                                   \
        X(PULL, "pull")                                                                                     \
        X(BUILD, "build") X(SET_UP, "set up") X(MAKE, "make") X(RUN, "run") X(TRY, "try") X(START, "start") \
                X(RESTART, "restart") X(STOP, "stop") X(ADD, "add") X(CHANGE, "change") X(REMOVE, "remove")

#define FORECAST_KINDS(X)                                                                             \
        X(IMAGE, "image")                                                                             \
        X(SETUP, "setup") X(NETWORK, "network") X(VOLUME, "volume") X(TASK, "task") X(SPARE, "spare") \
                X(INSTANCE, "instance") X(SIDECAR, "sidecar") X(TIMER, "timer") X(HAPROXY, "haproxy") \
                        X(NGINX, "nginx")

/* In the order in which they are told. */
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

/* "start" "instance" "hello@2.service". What has no unit of its own has a path, or an image's reference. */
struct forecast_action {
        enum forecast_verb verb;
        enum forecast_kind kind;
        struct str name;
        struct str unit; /* of an instance, "hello", and its number */
        uint64_t number;
        bool is_early; /* before the tasks */
};

enum forecast_change { FORECAST_SAME, FORECAST_CHANGED, FORECAST_NEW, FORECAST_GONE };

struct forecast_app {
        struct str name;
        enum forecast_change change;
        bool has_mistakes; /* of its own, among the session's diagnostics */
        bool is_held_back; /* what its file says is not what would run */
        bool is_paused, is_recreate;
        bool is_stopped; /* as a whole, by the administrator */
        struct str runs,
                file; /* now: the revision of the instances, and of what is published as its file; absent for none */
        struct str wanted;           /* from then on */
        struct str accepted, pinned; /* the first ends with a NUL */
        bool is_kept;                /* `accepted` can be gone back to */
        VEC(struct forecast_action) actions;
        VEC(struct str) notes;                     /* what to know before it is done, a line each */
        struct tree before, after;                 /* files; sorted; read where something changes */
        struct record record_before, record_after; /* what these bundles are */
        size_t n_files;                            /* that differ */
};

struct forecast {
        VEC(struct forecast_app) apps; /* by name: all that have a definition, and those that lose it */
};

struct forecast_totals {
        size_t n_start, n_restart, n_stop, n_tasks, n_held_back, n_changed;
};

/* Gives 0, or an exit status after having said why. */
int forecast_make(struct ctl *c, struct trial *t, struct forecast *ret);

/* NULL where there is none of that name. */
const struct forecast_app *forecast_find(const struct forecast *f, struct str app);

/* What would be done to an app that is not SAME: its actions and n_files. `podman`: its program, or NULL
 * where it is not to be asked. `is_user`: the machine's proxy is not concerned. */
int forecast_compare(struct arena *a, struct forecast_app *app, const struct state *state, const char *podman,
                     bool is_user);

/* Adds to an app's notes which of its services answer no requests while they restart. `as_defined`: what its
 * file says; `bus`: NULL where systemd is not to be asked. */
void forecast_note_spares(struct arena *a, struct forecast_app *app, const struct app *as_defined,
                          struct bus *bus);

/* And which of the volumes and networks stay as they are. Asks Podman, once for all apps. */
void forecast_note_objects(struct arena *a, struct forecast *f, const struct podman_objects *wanted);

/* Which apps are told of, and how. */
struct forecast_shown {
        const struct str *apps; /* `n` names; all where there are none */
        size_t n;
        bool has_diff, is_colored;
};

/* Is it asked for? */
bool forecast_is_shown(const struct forecast_app *app, const struct forecast_shown *shown);
void forecast_count(const struct forecast *f, const struct forecast_shown *shown,
                    struct forecast_totals *ret);

/* "start", "instance". */
const char *forecast_verb_name(enum forecast_verb verb);
const char *forecast_kind_name(enum forecast_kind kind);

/* For people, and for programs: one object. 0 or negative errno. */
int forecast_show(struct buf *out, const struct trial *t, const struct forecast *f,
                  const struct forecast_shown *shown);
int forecast_show_json(struct buf *out, const struct trial *t, const struct forecast *f,
                       const struct forecast_shown *shown);

/* The files that differ, as `diff -u` has it. No value of a variable and no content of a file of the app's
 * is in it. 0 or negative errno. */
int forecast_diff(struct arena *a, const struct trial *t, const struct forecast_app *app, struct str *ret);
