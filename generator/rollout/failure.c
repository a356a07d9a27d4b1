/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "rollout/describe.h"
#include "rollout/parts.h"
#include "state/stored.h"
#include "systemd/journal.h"

/* units/pyservice.catalog explains it. */
#define MESSAGE_ID "cad48d3599b642bf97d442df792b28a5"

enum { RETRY_PAUSE_MS = 30000, STALL_PAUSE_MS = 2000 };

static void tell(struct rollout_run *ro, const struct describing *d, struct str message, struct str reason) {
        const struct journal_field fields[] = {
                { "MESSAGE", message },
                { "MESSAGE_ID", STR(MESSAGE_ID) },
                { "PRIORITY", STR("3") },
                { "PYSERVICE_APP", ro->app },
                { "PYSERVICE_REVISION", ro->revision },
                { "PYSERVICE_UNIT", ro->failure.unit },
                { "REASON", reason },
                { "PYSERVICE_LOG", describe_log(d) },
        };
        int r = journal_send(ro->arena, fields, ARRAY_SIZE(fields));

        if (r < 0 || !getenv("JOURNAL_STREAM"))
                (void) fprintf(stderr, "%.*s\n", STR_ARG(message));
}

/* The action to take. */
struct verdict {
        bool is_marked; /* the revision failed; else nothing is there to go back to, and it is tried again */
        struct str previous; /* absent if it was not accepted yet */
};

static int judge(struct rollout_run *ro, struct verdict *ret) {
        struct tree tree = { .arena = ro->arena };
        struct state_history history = { 0 };
        struct verdict v = { 0 };
        struct state s;
        int r = state_now(ro, &s);

        if (r >= 0)
                r = state_read_history(ro->arena, ro->state, ro->app, &history);
        if (r < 0)
                return r;

        if (str_eq(s.accepted, ro->revision))
                v.previous = accept_find_previous(&s, &history, ro->revision);
        if (!str_is_absent(v.previous) && stored_load(ro->arena, ro->state, ro->app, v.previous, &tree) < 0)
                v.previous = (struct str){ 0 };
        v.is_marked =
                str_eq(s.accepted, ro->revision) ? !str_is_absent(v.previous) : !str_is_absent(s.accepted);

        *ret = v;
        return 0;
}

/* A first revision is tried again and again: one message is enough. */
static void tell_others(struct rollout_run *ro, const struct describing *d, const struct verdict *v,
                        struct str reason) {
        struct message m = { .event = str_is_absent(v->previous) ? STR(MESSAGE_REJECTED)
                                                                 : STR(MESSAGE_REVERTED),
                             .reason = reason };

        if (!v->is_marked && ro->is_repeated)
                return;

        tell_add_log(ro->arena, &m, describe_log(d));
        show_event(ro, &m, ro->failure.unit);
}

static struct str what_comes(const struct rollout_run *ro, const struct verdict *v) {
        if (!v->is_marked)
                return STR("; there is no previous revision, so it is tried again");
        if (str_is_absent(v->previous))
                return STR("; the previous revision is still running");

        return ro->plan.stops_on_failure ? STR("; instances that were not restarted yet stay as they are")
                                         : STR("; returning to the previous revision");
}

/* Not again at once, if the result would be the same. Ends when another revision is wanted. */
static int hold_back(struct rollout_run *ro) {
        uint64_t end = ro->started + RETRY_PAUSE_MS * 1000ULL, now = bus_now();
        int r = wait_check_wanted(ro);

        return r == RUN_ON && now < end ? wait_pause(ro, (end - now) / 1000) : r;
}

/* The spares go: they would wait for as long as this one does. */
static void stop_spares(struct rollout_run *ro) {
        VEC_EACH(service, &ro->plan.services) {
                struct bus_job *job;

                if (service->has_spare)
                        (void) bus_start_job(ro->bus, BUS_STOP, pick_spare(ro->arena, service->unit), &job);
        }
}

int failure_stall(struct rollout_run *ro) {
        const struct describing d = { ro->arena, ro->bus, ro->is_user, ro->progress.began, STR("") };
        struct str reason = arena_join(ro->arena, STR("cannot write "), ro->state_path, STR("/"), ro->app,
                                       STR(": "), str_of(strerror(-ro->storage_error)));
        struct str message =
                arena_join(ro->arena, ro->app, STR(": revision "), ro->revision, STR(" failed: "), reason,
                           STR("; running instances are left alone, and the rollout continues "
                               "when this can be written"));
        int r;

        stop_spares(ro);
        show_phase(ro, STR("stalled"), message);
        tell(ro, &d, message, reason);
        do {
                struct arena scratch = { 0 }, *arena = ro->arena;

                r = wait_pause(ro, STALL_PAUSE_MS);
                ro->storage_error = 0;
                ro->arena = &scratch; /* for each try, however long it lasts */
                if (r == RUN_ON)
                        r = accept_prepare(ro);
                ro->arena = arena;
                arena_done(&scratch);
        } while (r < 0 && ro->storage_error < 0);

        /* Again from the beginning: RUN_END, and systemd starts this unit again since it is wanted. */
        return r == RUN_ON ? RUN_END : r;
}

/* Reported before it is recorded: if this program is killed in between, it fails again and is reported twice.
 * The reload makes the generator want the accepted revision; no instance is touched before. */
int failure_handle(struct rollout_run *ro) {
        const struct describing d = { ro->arena, ro->bus, ro->is_user, ro->progress.began, ro->failure.unit };
        struct str reason = describe_failure(&d, ro->failure.text), message;
        struct verdict v;
        int r = judge(ro, &v);

        if (r < 0)
                return r;

        message = arena_join(ro->arena, ro->app, STR(": revision "), ro->revision, STR(" failed: "), reason,
                             what_comes(ro, &v));
        show_phase(ro, STR("failed"), message);
        tell(ro, &d, message, reason);
        tell_others(ro, &d, &v, reason);
        if (v.is_marked)
                r = accept_note_failure(ro, reason, v.previous);
        if (r >= 0 && v.is_marked)
                r = bus_reload(ro->bus);
        if (r >= 0)
                r = hold_back(ro);

        return r < 0 ? r : EXIT_FAILURE;
}
