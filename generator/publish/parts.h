/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The steps of publish_all(), in the order in which they are taken. Only publish/ includes this. */

#include "base/fs.h"
#include "publish/bundle.h"
#include "publish/path.h"
#include "publish/stamp.h"

/* One bundle under way. */
struct job {
        struct bundle *bundle;
        struct stamp old; /* of what is published */
        struct stamp now; /* of the new bundle; equal to `old` if nothing changes */
        bool is_changed;  /* is to be published */
        bool needs_quadlet;
        bool is_given_up; /* refused by Quadlet, or not written: what is published stays */
};

struct publishing {
        struct publisher *p;
        struct job *jobs; /* one for each bundle, in their order */
        size_t n;
        int apps;                  /* runtime/apps */
        int staging;               /* runtime/.staging; -1 if nothing is to be published */
        struct str staging_path;   /* as the kernel names it: Quadlet needs an absolute path */
        struct str identity;       /* of Quadlet's program */
        unsigned n_rounds, n_late; /* of running Quadlet */
        int error;                 /* the first system failure */
};

/* Notes a system failure; `job` (NULL for none) is given up. */
void publishing_fail(struct publishing *pub, struct job *job, int error);

/* choose.c: why a state file cannot be used; negative errno. */
const char *state_problem(int r);

/* stage.c: bundles are put together below runtime/.staging, beside the published ones. */

/* Removes what an earlier run left, and creates the directory again. */
int stage_open(struct publishing *pub);

/* Removes it, with the bundles that were replaced. The next run removes the rest, if any. */
void stage_close(struct publishing *pub);

/* Writes the files below quadlet/; takes over Quadlet's units from the published bundle where its files are
 * the same (needs_quadlet is set if that fails, because they must be made again then). */
int stage_quadlet(struct publishing *pub, struct job *job);

/* Writes all others. */
int stage_rest(struct publishing *pub, struct job *job);

/* Links the units that the published bundle has and this one has not; adds them to its stamp. */
int stage_retired(struct publishing *pub, struct job *job);

/* Where the files of TREE_SCALE are others than before: marks that they are to be kept. */
int stage_keep(struct publishing *pub, struct job *job);

/* Writes the stamp and replaces the published bundle. */
int stage_publish(struct publishing *pub, struct job *job);

/* convert.c: has Quadlet make the units of the staged bundles. */

struct conversion;

/* Starts Quadlet for all jobs that need it. */
struct conversion *convert_start(struct publishing *pub);

/* Moves what it made into the bundles. Those that it refuses are given up, with diagnostics. */
void convert_finish(struct conversion *c);

/* refuse.c */

struct refusal {
        struct job *job;
        struct str file;    /* its name: "shop@.container" */
        struct str message; /* of Quadlet's; cleaned */
};

/* Adds a diagnostic of the job's app, and gives the job up. */
void give_up(struct publishing *pub, struct job *job, enum diag_id id, struct span at, struct str text);

/* Adds the diagnostic at the line that the message is about, and gives the job up. */
void refuse(struct publishing *pub, const struct refusal *refusal);

/* The directories that Quadlet was given, which its messages may name. */
struct conversion_paths {
        struct str input, output;
};

/* For each message that names a file of one of the jobs, or its unit: a refusal. */
void refuse_named(struct publishing *pub, struct job **jobs, size_t n, struct str messages,
                  const struct conversion_paths *paths);

/* link.c: into the generator directory. */

/* An app and the units that it has. */
struct linkable {
        struct str app;
        struct stamp stamp;
        bool is_alive;
        bool is_stopped; /* by the administrator, as a whole: alive, but not upheld */
};

struct linkables {
        VEC(struct linkable) list;
};

/* Links all units; those of living apps come before others of the same name. Goes on after a failure, and
 * gives the first. */
int link_units(const struct publisher *p, int apps, const struct linkables *l);

/* Links one file; `from` and `to` are relative to their directories, `path` is where a symbolic link would
 * point to. */
int link_file(int from_dir, const char *from, int to_dir, const char *to, const char *path);

/* Makes the directory that `name` stands in, one level. */
int link_make_parent(int dir, struct str name);

/* notify.c: the recipients of messages about events. */

/* The settings of host.yaml as bundle/message.h has them, or those that are published if host.yaml is
 * broken; absent if there are no recipients. */
struct str notify_settings(const struct publisher *p, const struct world *w);
struct str notify_published(const struct publisher *p);

/* Writes or removes `notify` and its drop-in, if they differ. */
int notify_write(const struct publisher *p);

/* Writes the setting with which pyservice-notify.service gets the key of the webhook's signature; links the
 * drop-in to each unit of a living app whose failure is an event that no hook of its own sees: tasks, timers,
 * builds, and parts that are not always started again. Goes on after a failure, and gives the first. */
int notify_link(const struct publisher *p, int apps, const struct linkables *l);

/* withhold.c: what the administrator stopped. */

/* At the first run since the boot: what was stopped lastingly is stopped now. */
int withhold_begin(const struct publisher *p);

/* True if a part of the app is to be stopped after the next boot. */
bool withhold_is_lasting(const struct publisher *p, struct str app);

/* Nothing is stopped of an app that is gone. `bundles`: of all definitions, sorted. */
int withhold_forget(const struct publisher *p, const struct bundle *bundles, size_t n);

/* uphold.c: what is to run. */

/* Writes errors/, proxy and alive.conf below the runtime directory. */
int uphold_write(const struct publisher *p, const struct linkables *l);

/* Links alive.conf into the generator directory; a missing file is not a failure. */
int uphold_link(const struct publisher *p);
