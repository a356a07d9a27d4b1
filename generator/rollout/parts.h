/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The steps of a rollout, for rollout/ alone. Unless its comment differs, a function returns RUN_ON, RUN_END,
 * RUN_FAILED (then ro->failure has the reason), RUN_PAUSED or a negative errno; all except RUN_ON are handed
 * up at once. */

#include "bundle/wanted.h"
#include "output/tree.h"
#include "podman/podman-image.h"
#include "podman/podman.h"
#include "rollout/rollout.h"
#include "rollout/tell.h"

enum {
        RUN_ON = 0,
        RUN_END = 1, /* it is no longer wanted, or was ordered to end */
        RUN_FAILED = 2,
        RUN_PAUSED = 3,
};

/* wait.c: waiting, and what it notices. */
int wait_check_wanted(struct rollout_run *ro);
int wait_tick(struct rollout_run *ro, uint64_t ms);
int wait_pause(struct rollout_run *ro, uint64_t ms);
int wait_fail(struct rollout_run *ro, struct str unit,
              struct str text); /* RUN_FAILED, or RUN_END if that is the reason */
/* It was not ready within its limit (microseconds). */
int wait_fail_late(struct rollout_run *ro, struct str unit, const struct bus_unit *u, uint64_t limit);
int wait_reload(struct rollout_run *ro);

struct wait_jobs {
        VEC(struct bus_job *) list;
};

/* Requests a job, and shows it. */
int wait_add(struct rollout_run *ro, struct wait_jobs *jobs, enum bus_verb verb, struct str unit);

/* Until all have ended well; each unit gets plan.ready_timeout from when it begins to start. */
int wait_for_jobs(struct rollout_run *ro, const struct wait_jobs *jobs);

/* Until all have ended, well or not. */
int wait_for_end(struct rollout_run *ro, const struct wait_jobs *jobs);

/* For plan.min_ready: each of the units stays as it was started. */
int wait_watch(struct rollout_run *ro, const struct bus_names *units);

/* show.c: messages. */
void show_phase(struct rollout_run *ro, struct str phase, struct str message);
void show_unit(struct rollout_run *ro, struct str unit, struct str state);

/* Leaves a message about the rollout; `unit`: the one that failed, absent for none. */
void show_event(struct rollout_run *ro, struct message *m, struct str unit);

/* accept.c */
int state_now(struct rollout_run *ro, struct state *ret);
/* Passes on what writing below the state directory returned; an error is remembered, for failure_stall(). */
int state_written(struct rollout_run *ro, int r);

/* Writes what accepting needs room for, so that no spare starts in vain: the bundle, and the state as it
 * is. */
int accept_prepare(struct rollout_run *ro);
int rollout_accept(struct rollout_run *ro);
int rollout_set_emptied(struct rollout_run *ro, bool is_emptied);
int accept_note_failure(struct rollout_run *ro, struct str reason, struct str previous);
int accept_note_answered(struct rollout_run *ro); /* the tasks of on_failure are done */
/* Removes the bundles that no undo needs, and finds their images. */
int accept_prune(struct rollout_run *ro, struct podman_images *ret_unneeded);

/* The history begins with the first revision that was ready. Has it not begun yet? */
int accept_is_first(struct rollout_run *ro, bool *ret);
int accept_note_first(struct rollout_run *ro);

/* Why is it accepted: "first", "edit" … ; and what came before it (absent: there is nothing to go back
 * to). */
struct str accept_reason(const struct state *s, const struct state_history *h, struct str revision);
struct str accept_find_previous(const struct state *s, const struct state_history *h, struct str revision);

/* True if a failure of the app is newer than its running revision. Then users should see it. */
bool accept_is_recent(const struct state_history *h, struct str runs, const struct state_failure *failure);

/* The revisions to which an undo can return: the accepted one, the pinned one, and of those before them as
 * many as make `max`. */
void accept_find_kept(struct arena *a, const struct state *s, const struct state_history *h, size_t max,
                      struct bus_names *ret);

/* images.c */
/* The images that only stored revisions not among `kept` use, as far as a registry or a repository has
 * them. */
void images_find_unneeded(struct rollout_run *ro, const struct bus_names *kept, struct podman_images *ret);
/* Removes those that no bundle of any application names, and prints which. Podman may refuse; that is no
 * failure of the rollout. */
void images_remove(struct rollout_run *ro, const struct podman_images *unneeded);

/* tasks.c, spare.c, empty.c, instances.c: the steps. */
int rollout_await_boot(struct rollout_run *ro);
int rollout_tasks(struct rollout_run *ro);
/* after_update, and on_failure: RUN_ON also if one failed, which is reported. */
int rollout_after(struct rollout_run *ro);
int rollout_answer(struct rollout_run *ro, const struct state_failure *failure);
int rollout_stop_abandoned_tasks(struct rollout_run *ro,
                                 const struct progress *old); /* that the rollout of another revision began */
int rollout_spares(struct rollout_run *ro);
int rollout_has_spare(struct rollout_run *ro, const struct plan_part *service,
                      bool *ret); /* it runs, or its start was requested */
int rollout_stop_spares(struct rollout_run *ro);
int rollout_empty(struct rollout_run *ro);
int rollout_instances(struct rollout_run *ro);
int rollout_restart(struct rollout_run *ro,
                    const struct plan_part *service); /* its instances that run another revision */
int rollout_await(struct rollout_run *ro,
                  struct str unit); /* of a service or sidecar: until all that is upheld is active */
int rollout_await_early(struct rollout_run *ro); /* until what the tasks of a first start need is */
int rollout_await_first(
        struct rollout_run *ro); /* until one of each service is, or has shown that it does not start */
int rollout_await_untried(struct rollout_run *ro);
void rollout_doubt(struct rollout_run *ro); /* all services are untried */

/* The work that an accepted revision needs, found with one `podman ps`. */
struct survey {
        bool has_stale; /* an instance runs another revision */
        bool has_work;  /* or anything else is not as it is to be */
};

int rollout_survey(struct rollout_run *ro, struct survey *ret);
int rollout_list(struct rollout_run *ro, struct podman_containers *ret_containers,
                 struct bus_names *ret_upheld);
int rollout_sidecars(struct rollout_run *ro);

/* pick.c: which instances; pure. */
struct instances {
        VEC(uint64_t) numbers; /* ascending */
};

/* The number in "UNIT@3.service" or "UNIT-3": with `mark` '@' or '-'. */
bool pick_number(struct str name, struct str unit, char mark, uint64_t *ret);

/* True if the app's target keeps it up, itself or by the target that starts it once. */
bool pick_is_upheld(const struct bus_names *upheld, struct str unit, uint64_t number);

/* True if its start began before the current units were loaded. Then it may still make a container of the old
 * text. */
bool pick_is_of_old_text(const struct bus_unit *u, uint64_t loaded);

/* Those that are upheld and run another revision. */
void pick_stale(struct arena *a, const struct plan_part *service, const struct podman_containers *containers,
                const struct bus_names *upheld, struct instances *ret);

struct str pick_instance(struct arena *a, struct str unit, uint64_t number); /* "UNIT@3.service" */
struct str pick_spare(struct arena *a, struct str unit);                     /* "UNIT@next.service" */
struct str pick_target(struct arena *a, struct str app);                     /* "APP.target" */
struct str pick_rollout(struct arena *a, struct str app,
                        struct str revision); /* "APP-rollout@REVISION.service" */

/* failure.c: records it, reports it, and returns to the good revision. Exit status, or negative errno. */
int failure_handle(struct rollout_run *ro);

/* The state cannot be written: this is reported once, what runs is left alone, and the rollout continues when
 * it can be written again. As rollout_run(). */
int failure_stall(struct rollout_run *ro);

/* finish.c */
int finish_reset(struct bus *bus, struct arena *a, struct str app,
                 const struct plan *plan); /* units that failed are so no more */
int rollout_finish(struct rollout_run *ro);
