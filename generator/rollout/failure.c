/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "rollout/parts.h"
#include "runtime/journal.h"
#include "state/stored.h"

/* units/pyservice.catalog explains it. */
#define MESSAGE_ID "cad48d3599b642bf97d442df792b28a5"

enum {
        LOG_LINES = 10,
        CHECK_LINES = 50,
        LOG_TRIES = 4,                  /* what a process said last may reach the journal after systemd knows that it ended */
        LOG_PAUSE_MS = 100,
        RETRY_PAUSE_MS = 30000,
};

static int read_log(struct rollout_run *ro, struct str unit, size_t n, struct journal_lines *ret) {
        struct journal_query query = { .unit = unit, .is_user = ro->is_user, .since = ro->progress.started, .n = n };

        return journal_read(ro->arena, &query, ret);
}

/* The last line that has one of two texts, from there on; absent where none has. */
static struct str find_line(const struct journal_lines *lines, struct str one, struct str other) {
        for (size_t i = lines->list.n; i > 0; i--) {
                struct str line = lines->list.at[i - 1];
                size_t at = str_find_str(line, one);

                if (at == line.n)
                        at = str_find_str(line, other);
                if (at < line.n)
                        return str_from(line, at);
        }

        return (struct str) { 0 };
}

/* What the unit's own check answered: pyservice-instance says it when it gives up (hooks/instance.c). */
static struct str find_check(struct rollout_run *ro) {
        struct str found = { 0 };

        for (unsigned i = 0; i < LOG_TRIES && str_is_absent(found); i++) {
                struct journal_lines lines = { 0 };

                (void) bus_wait(ro->bus, LOG_PAUSE_MS);
                if (read_log(ro, ro->failure.unit, CHECK_LINES, &lines) >= 0)
                        found = find_line(&lines, STR("not ready, asked for"), STR("ended before it was ready"));
        }

        return found;
}

/* Its start waits for its image's unit, but does not need it to succeed: the image may be there. */
static struct str find_bad_image(struct rollout_run *ro) {
        struct bus_names wants = { 0 };

        (void) bus_get_dependencies(ro->bus, ro->arena, ro->failure.unit, "Wants", &wants);
        VEC_EACH(name, &wants.list) {
                struct journal_lines lines = { 0 };
                struct bus_unit u = { 0 };
                struct str said;
                bool is_build = str_has_suffix(*name, STR("-build.service"));

                if ((!is_build && !str_has_suffix(*name, STR("-image.service"))) || bus_get_unit(ro->bus, ro->arena, *name, &u) < 0 || !str_is(u.active, "failed"))
                        continue;
                (void) read_log(ro, *name, LOG_LINES, &lines);
                said = find_line(&lines, STR("Error: "), STR("error: "));
                return arena_join(ro->arena, STR("its image could not be "), is_build ? STR("built") : STR("fetched"), STR(", see "), *name, str_is_absent(said) ? STR("") : STR(": "), said);
        }

        return (struct str) { 0 };
}

/* "it failed (exit-code 3)": from what systemd says. */
static struct str describe_result(struct rollout_run *ro, const struct bus_unit *u) {
        if (str_is(u->result, "success"))
                return STR("it was stopped");
        if (u->result.n == 0)
                return STR("it failed");

        return arena_join(ro->arena, STR("it failed ("), u->result, STR(")"));
}

/* One line: the unit, the check, what it answered. */
static struct str describe(struct rollout_run *ro) {
        struct str text = ro->failure.text, status;
        struct bus_unit u = { 0 };

        if (str_is_absent(text))
                text = find_check(ro);
        if (str_is_absent(text))
                text = find_bad_image(ro);
        (void) bus_get_unit(ro->bus, ro->arena, ro->failure.unit, &u);
        if (str_is_absent(text))
                text = describe_result(ro, &u);

        /* Of the container, unless that still ran and systemd stopped it. */
        status = u.exit_status == 0 ? STR("") : arena_join(ro->arena, STR("; exit status "), arena_u64(ro->arena, (uint64_t) (unsigned) u.exit_status));
        return arena_join(ro->arena, ro->failure.unit, STR(": "), text, status);
}

static struct str read_last_lines(struct rollout_run *ro) {
        struct journal_lines lines = { 0 };
        struct str text = STR("");

        (void) read_log(ro, ro->failure.unit, LOG_LINES, &lines);
        VEC_EACH(line, &lines.list)
                text = arena_join(ro->arena, text, text.n > 0 ? STR("\n") : STR(""), *line);

        return text;
}

static void tell(struct rollout_run *ro, struct str message, struct str reason) {
        const struct journal_field fields[] = {
                { "MESSAGE", message },
                { "MESSAGE_ID", STR(MESSAGE_ID) },
                { "PRIORITY", STR("3") },
                { "PYSERVICE_APP", ro->app },
                { "PYSERVICE_REVISION", ro->revision },
                { "PYSERVICE_UNIT", ro->failure.unit },
                { "REASON", reason },
                { "PYSERVICE_LOG", read_last_lines(ro) },
        };
        int r = journal_send(ro->arena, fields, ARRAY_SIZE(fields));

        if (r < 0 || !getenv("JOURNAL_STREAM"))
                (void) fprintf(stderr, "%.*s\n", STR_ARG(message));
}

/* What is to be done about it. */
struct verdict {
        bool is_marked;                 /* the revision failed; else nothing is there to go back to, and it is tried again */
        struct str previous;            /* absent where it was not accepted yet */
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
                v.previous = (struct str) { 0 };
        v.is_marked = str_eq(s.accepted, ro->revision) ? !str_is_absent(v.previous) : !str_is_absent(s.accepted);

        *ret = v;
        return 0;
}

static struct str what_comes(const struct rollout_run *ro, const struct verdict *v) {
        if (!v->is_marked)
                return STR("; there is nothing to go back to, so it is tried again");
        if (str_is_absent(v->previous))
                return STR("; what ran before still runs");

        return ro->plan.stops_on_failure ? STR("; what was not restarted yet stays as it was") : STR("; going back to what ran before");
}

/* Not again at once, where it would be the same again. Ends when something else is wanted. */
static int hold_back(struct rollout_run *ro) {
        uint64_t end = ro->started + RETRY_PAUSE_MS * 1000ULL, now = bus_now();
        int r = wait_check_wanted(ro);

        return r == RUN_ON && now < end ? wait_pause(ro, (end - now) / 1000) : r;
}

/* Told before it is noted: killed in between, it fails again and is told twice. The reload makes the generator want what is
 * accepted; no instance is touched before. */
int failure_handle(struct rollout_run *ro) {
        struct str reason = describe(ro), message;
        struct verdict v;
        int r = judge(ro, &v);

        if (r < 0)
                return r;

        message = arena_join(ro->arena, ro->app, STR(": revision "), ro->revision, STR(" failed: "), reason, what_comes(ro, &v));
        show_phase(ro, STR("failed"), message);
        tell(ro, message, reason);
        if (v.is_marked)
                r = accept_note_failure(ro, reason, v.previous);
        if (r >= 0 && v.is_marked)
                r = bus_reload(ro->bus);
        if (r >= 0)
                r = hold_back(ro);

        return r < 0 ? r : EXIT_FAILURE;
}
