/* SPDX-License-Identifier: Apache-2.0 */
#include "podman/podman-object.h"
#include "rollout/parts.h"
#include "systemd/journal.h"

/* units/pyservice.catalog explains it. */
#define MESSAGE_ID "506c0d35203c43b1b0977a01cebc4745"

static struct str failed_tasks(struct rollout_run *ro) {
        struct str text = STR("");

        VEC_EACH(task, &ro->failed_late)
                text = arena_join(ro->arena, text, STR("; but "), *task, STR(" failed"));
        return text;
}

/* on_failure: stop. The failure was reported; the message must not look like the end of it. */
static void show_held(struct rollout_run *ro, struct str held) {
        show_phase(
                ro, STR("done"),
                arena_join(
                        ro->arena, ro->app, STR(": stopped where revision "), held,
                        STR(" failed; instances that run it keep it, until they crash or another revision is "
                            "rolled out"),
                        failed_tasks(ro)));
}

/* "; but the volume shop-data is there, and keeps …": what a rollout does not change. */
static struct str kept_objects(struct rollout_run *ro) {
        struct podman_differences differences = { 0 };
        struct podman_objects objects = { 0 };
        struct str text = STR("");

        VEC_EACH(o, &ro->plan.volumes.list)
                *vec_push(ro->arena, &objects.list) = *o;
        VEC_EACH(o, &ro->plan.networks.list)
                *vec_push(ro->arena, &objects.list) = *o;
        VEC_EACH(o, &objects.list)
                o->app = ro->app;
        podman_compare(ro->arena, &objects, &differences);
        VEC_EACH(d, &differences.list)
                text = arena_join(ro->arena, text, STR("; but "), d->text, STR(": "), d->advice);
        return text;
}

/* Why it was accepted; absent for a revision that came back because a newer one failed. That is not an
 * update, and no news: there was a message about the one that failed. */
static struct str update_reason(struct rollout_run *ro) {
        struct state_history h = { 0 };
        struct str reason = { 0 };

        if (state_read_history(ro->arena, ro->state, ro->app, &h) >= 0 && h.list.n > 0)
                reason = h.list.at[h.list.n - 1].reason;
        return str_is(reason, "revert") ? (struct str){ 0 } : reason;
}

static int run_after(struct rollout_run *ro, const struct state *s) {
        bool is_update =
                ro->progress.has_accepted && str_is_absent(s->held) && !str_is_absent(update_reason(ro));

        return is_update ? rollout_after(ro) : RUN_ON;
}

/* The revision that runs is good, so what its tasks do can rely on it. A retry forgot the failure. */
static int answer_failure(struct rollout_run *ro, const struct state *s) {
        const struct state_failure *failure =
                str_is_absent(s->unanswered) ? NULL : state_find_failure(s, s->unanswered);
        int r = failure ? rollout_answer(ro, failure) : RUN_ON;

        return r == RUN_ON && !str_is_absent(s->unanswered) ? accept_note_answered(ro) : r;
}

static void tell_others(struct rollout_run *ro) {
        struct message m = { .event = STR(MESSAGE_ACCEPTED), .reason = update_reason(ro) };

        if (ro->progress.has_accepted && !str_is_absent(m.reason))
                show_event(ro, &m, (struct str){ 0 });
}

/* Reported before it is done: if this program is killed in between, it is reported again. */
static void tell(struct rollout_run *ro) {
        struct str message = arena_join(ro->arena, ro->app, STR(": revision "), ro->revision, STR(" runs"),
                                        kept_objects(ro), failed_tasks(ro));
        const struct journal_field fields[] = {
                { "MESSAGE", message },
                { "MESSAGE_ID", STR(MESSAGE_ID) },
                { "PRIORITY", ro->failed_late.n > 0 ? STR("4") : STR("5") },
                { "PYSERVICE_APP", ro->app },
                { "PYSERVICE_REVISION", ro->revision },
        };

        /* One that was taken up again may have found them done. */
        VEC_EACH(unit, &ro->progress.units)
                if (!str_is(unit->state, "failed"))
                        unit->state = STR("done");
        if (ro->has_changed || ro->progress.has_accepted || ro->failed_late.n > 0)
                (void) journal_send(ro->arena, fields, ARRAY_SIZE(fields));
        tell_others(ro);
        show_phase(ro, STR("done"), message);
}

/* A unit that failed stays so, for `systemctl --failed` to show, until something newer was rolled out
 * well. */
static bool is_shown(struct rollout_run *ro, const struct state *s, const struct state_history *h) {
        VEC_EACH(failure, &s->failed)
                if (accept_is_recent(h, ro->revision, failure))
                        return true;

        return false;
}

static int reset(struct bus *bus, struct arena *a, struct str pattern) {
        struct bus_list units = { 0 };
        int r = bus_list_units(bus, a, pattern, &units);

        VEC_EACH(u, &units.list)
                if (str_is(u->active, "failed"))
                        (void) bus_reset_failed(bus, u->name); /* it may be gone by now */

        return r;
}

int finish_reset(struct bus *bus, struct arena *a, struct str app, const struct plan *plan) {
        int r = reset(bus, a, pick_rollout(a, app, STR("*")));

        VEC_EACH(task, &plan->tasks)
                if (r >= 0)
                        r = reset(bus, a, *task);
        VEC_EACH(task, &plan->after)
                if (r >= 0)
                        r = reset(bus, a, *task);
        VEC_EACH(task, &plan->failure)
                if (r >= 0)
                        r = reset(bus, a, *task);
        VEC_EACH(service, &plan->services) {
                if (r >= 0)
                        r = reset(bus, a, pick_spare(a, service->unit));
                if (r >= 0)
                        r = reset(bus, a,
                                  arena_join(a, service->unit, STR("-\?\?\?\?\?\?\?\?-image.service")));
        }
        return r;
}

static int reset_failed(struct rollout_run *ro, const struct state *s) {
        struct state_history history = { 0 };
        int r = state_read_history(ro->arena, ro->state, ro->app, &history);

        return r < 0 || is_shown(ro, s, &history) ? r : finish_reset(ro->bus, ro->arena, ro->app, &ro->plan);
}

int rollout_finish(struct rollout_run *ro) {
        struct podman_images unneeded = { 0 };
        struct state s;
        int r = state_now(ro, &s);

        if (r >= 0)
                r = accept_note_first(ro);
        if (r >= 0)
                r = reset_failed(ro, &s);
        if (r >= 0)
                r = accept_prune(ro, &unneeded);
        if (r >= 0)
                r = answer_failure(ro, &s);
        if (r == RUN_ON)
                r = run_after(ro, &s);
        if (r != RUN_ON)
                return r;

        if (str_is_absent(s.held))
                tell(ro);
        else
                show_held(ro, s.held);
        images_remove(ro, &unneeded);
        return RUN_ON;
}
