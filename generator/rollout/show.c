/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "rollout/parts.h"
#include "systemd/notify.h"

/* A rollout whose progress can't be written continues nevertheless. */
static void write_progress(struct rollout_run *ro) {
        struct arena scratch = { 0 };

        (void) progress_write(&scratch, ro->runtime, ro->app, &ro->progress);
        arena_done(&scratch);
}

/* systemd shows it to every user. */
static struct str status_of(struct arena *a, const struct rollout_run *ro) {
        return progress_is_for_root(&ro->progress) ? arena_join(a, ro->app, STR(": revision "), ro->revision,
                                                                STR(" failed; the journal has the reason"))
                                                   : ro->progress.message;
}

void show_phase(struct rollout_run *ro, struct str phase, struct str message) {
        struct arena scratch = { 0 };

        if (!str_eq(ro->progress.message, message))
                ro->progress.since = clock_usec(CLOCK_REALTIME);
        ro->progress.phase = phase;
        ro->progress.message = arena_str(ro->arena, message);
        write_progress(ro);
        notify_manager(&scratch, arena_join(&scratch, STR("STATUS="), status_of(&scratch, ro)));
        arena_done(&scratch);
}

void show_unit(struct rollout_run *ro, struct str unit, struct str state) {
        if (str_eq(progress_find(&ro->progress, unit), state))
                return;

        progress_set(ro->arena, &ro->progress, unit, state);
        write_progress(ro);
}

void show_event(struct rollout_run *ro, struct message *m, struct str unit) {
        m->app = ro->app;
        m->revision = ro->revision;
        m->part = unit;
        if (str_has_suffix(unit, STR(".service")))
                m->part.n -= strlen(".service");
        tell_event(ro->arena, ro->runtime, ro->state, m, arena_u64(ro->arena, ro->progress.started));
}
