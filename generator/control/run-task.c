/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl run APP TASK: systemd runs the task as at any other time; this verb shows its output, and
 * passes on its result. */

#include <errno.h>

#include "base/clock.h"
#include "control/run.h"
#include "systemd/journal-walk.h"
#include "systemd/journal.h"
#include "terminal/log-line.h"

enum { LOOK_MS = 100, LOOKS_MAX = 20 };

struct work {
        struct ctl *c;
        struct bus *bus;
        struct str unit;
        struct str invocation; /* absent until it began */
        struct journal_walk *journal;
        bool *has_ended; /* systemd reported it in the journal */
};

static bool is_meant(const void *data, struct str unit) {
        const struct work *w = data;

        return str_eq(unit, w->unit);
}

/* The end of the output has systemd's result, in a word. */
static bool is_shown(const void *data, const struct journal_entry *e) {
        const struct work *w = data;

        if (!str_eq(e->invocation, w->invocation))
                return false;

        *w->has_ended |= e->is_systemds && (str_has_prefix(e->message, STR("Finished ")) ||
                                            str_has_prefix(e->message, STR("Failed to start ")));
        return !e->is_systemds;
}

/* A task may print without end: what is shown is not kept. */
static int show(struct work *w) {
        struct journal_entry e;
        int r;

        while ((r = journal_next(w->journal, &e)) > 0) {
                struct arena scratch = { 0 };
                struct buf out = buf_in(&scratch);

                log_put_text(&out, e.message);
                buf_put_char(&out, '\n');
                if (ctl_write(stdout, buf_str(&out)) != CTL_GOOD)
                        r = -EIO;
                arena_done(&scratch);
                if (r < 0)
                        break;
        }

        return r;
}

/* The journal may be behind, so that the last lines of a unit would be missing. */
static int show_rest(struct work *w) {
        bool is_synced = journal_sync(&w->c->arena);
        int r = show(w);

        for (unsigned i = 0; r >= 0 && !is_synced && !*w->has_ended && i < LOOKS_MAX; i++) {
                r = bus_wait(w->bus, LOOK_MS);
                if (r >= 0)
                        r = show(w);
        }

        return r;
}

static int wait_for(struct work *w, struct bus_job *job) {
        struct bus_unit u;
        int r = 0;

        while (r >= 0 && str_is_absent(job->result)) {
                r = bus_wait(w->bus, LOOK_MS);
                if (r >= 0)
                        r = bus_look_at_job(w->bus, job);
                if (r >= 0 && str_is_absent(w->invocation) &&
                    bus_get_unit(w->bus, &w->c->arena, w->unit, &u) >= 0 && str_is(u.active, "activating"))
                        w->invocation = u.invocation;
                if (r >= 0 && !str_is_absent(w->invocation))
                        r = show(w);
        }

        return r;
}

static int tell_failure(struct work *w, const struct bus_job *job, const struct bus_unit *u) {
        bool is_signal = str_is(u->result, "signal") || str_is(u->result, "core-dump");
        int status = (int) u->exit_status;

        status = str_is(u->result, "exit-code") ? status : is_signal ? 128 + status : 0;

        if (status > 0 && !is_signal)
                (void) fprintf(stderr, "pyservicectl: %.*s: ended with status %d\n", STR_ARG(w->unit),
                               status);
        else
                (void) fprintf(stderr, "pyservicectl: %.*s: %s; see 'systemctl status %.*s'\n",
                               STR_ARG(w->unit),
                               str_is(job->result, "dependency") ? "a unit that it requires failed"
                               : str_is(u->result, "timeout")    ? "it took longer than its timeout"
                               : is_signal                       ? "it was killed"
                                                                 : "it could not be started",
                               STR_ARG(w->unit));
        return status > 0 ? status : EXIT_SYSTEM;
}

static int work(struct work *w) {
        struct bus_unit u = { 0 };
        struct bus_job *job = NULL;
        uint64_t now = clock_usec(CLOCK_REALTIME);
        int r = bus_get_unit(w->bus, &w->c->arena, w->unit, &u);

        /* One that is under way is joined, from its beginning. */
        if (r >= 0)
                r = journal_follow(w->journal,
                                   str_is(u.active, "activating") && u.started_at > 0 ? u.started_at : now);
        if (r >= 0)
                r = bus_start_job(w->bus, BUS_START, w->unit, &job);
        if (r >= 0)
                r = wait_for(w, job);
        if (r >= 0)
                r = bus_get_unit(w->bus, &w->c->arena, w->unit, &u);
        if (r < 0)
                return ctl_fail(w->unit.p, r);

        if (str_is_absent(w->invocation) && str_is(job->result, "done")) {
                (void) fprintf(stderr,
                               "pyservicectl: %.*s: skipped: one of its unit conditions is not met; see "
                               "'systemctl status %.*s'\n",
                               STR_ARG(w->unit), STR_ARG(w->unit));
                return CTL_ERROR;
        }
        if (str_is_absent(w->invocation))
                w->invocation = u.invocation;
        r = show_rest(w);
        if (r < 0)
                return ctl_fail("the journal", r);

        return str_is(job->result, "done") ? CTL_GOOD : tell_failure(w, job, &u);
}

int run_task(struct ctl *c, const struct aim *aim) {
        bool has_ended = false;
        struct work w = { .c = c,
                          .has_ended = &has_ended,
                          .unit = arena_join(&c->arena, aim->part->unit, STR(".service")) };
        struct journal_filter filter = { c->is_user, is_meant, is_shown, &w };
        int r = bus_open(&c->arena, c->is_user, -1, &w.bus);

        if (r >= 0)
                r = journal_open(&c->arena, &filter, &w.journal);
        r = r < 0 ? ctl_fail_systemd(r) : work(&w);
        journal_close(&w.journal);
        bus_close(&w.bus);
        return r;
}
