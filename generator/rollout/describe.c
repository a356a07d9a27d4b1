/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/describe.h"

#include <string.h>

#include "base/utf8.h"
#include "podman/podman-advice.h"
#include "systemd/journal.h"
#include "systemd/readiness.h"

#define NOT_READY STR(READINESS_NOT_READY)
#define NOT_READY_BECAUSE STR(READINESS_NOT_READY ": ")

enum {
        LOG_LINES = 10,
        CHECK_LINES = 50,
        LOG_TRIES = 4, /* for who may not request that the journal writes all that it has */
        LOG_PAUSE_MS = 100,
        YOUNG_SECONDS = 5, /* a start that is younger is not worth a word */
        PRINTED_MAX = 200,
        SIGNAL_STATUS =
                128, /* the exit status of a container whose process a signal ended, less the signal */
};

/* A start of a unit that failed. Without an invocation it is unknown which, or when. */
struct attempt {
        struct str invocation;
        uint64_t status; /* of its main process; an exit status, or a signal */
        bool is_killed, is_known;
};

/* The last `n` lines of the unit, of one invocation or, if that is absent, of all. */
static struct journal_query query_of(const struct describing *d, struct str invocation, size_t n) {
        return (struct journal_query){
                .unit = d->unit, .invocation = invocation, .is_user = d->is_user, .since = d->since, .n = n
        };
}

static int read_log(const struct describing *d, struct str unit, size_t n, struct journal_lines *ret) {
        struct journal_query query = query_of(d, (struct str){ 0 }, n);

        query.unit = unit;
        return journal_read(d->arena, &query, ret);
}

static struct str span_text(struct arena *a, uint64_t usec) {
        uint64_t ms = usec / 1000;

        if (ms >= 60000 && ms % 60000 == 0)
                return arena_join(a, arena_u64(a, ms / 60000), STR("min"));
        return ms % 1000 == 0 ? arena_join(a, arena_u64(a, ms / 1000), STR("s"))
                              : arena_join(a, arena_u64(a, ms), STR("ms"));
}

struct str describe_late(struct arena *a, uint64_t limit, struct str answer) {
        return arena_join(a, STR(READINESS_NOT_READY " within "), span_text(a, limit),
                          str_is_absent(answer) || answer.n == 0 ? STR("") : STR(": "),
                          str_is_absent(answer) ? STR("") : answer);
}

/* The last line that has one of two texts, from there on; its text is absent if none has. */
static struct journal_line find_line(const struct journal_lines *lines, struct str one, struct str other) {
        for (size_t i = lines->list.n; i > 0; i--) {
                struct journal_line line = lines->list.at[i - 1];
                size_t at = str_find_str(line.text, one);

                if (at == line.text.n)
                        at = str_find_str(line.text, other);
                if (at < line.text.n)
                        return (struct journal_line){ str_from(line.text, at), line.time };
        }

        return (struct journal_line){ 0 };
}

/* The result of the unit's own check: pyservice-instance logs it when it gives up (hooks/instance.c). */
static struct journal_line find_check(const struct describing *d, struct str invocation) {
        struct journal_query query = query_of(d, invocation, CHECK_LINES);
        struct journal_lines lines = { 0 };

        return journal_read(d->arena, &query, &lines) < 0
                       ? (struct journal_line){ 0 }
                       : find_line(&lines, NOT_READY, STR(READINESS_EXITED));
}

/* Every user can see a unit's status, and only some the journal: there is what a health command printed
 * (hooks/lifecycle.c). */
struct str describe_answer(const struct describing *d, const struct bus_unit *u) {
        static const struct str failed = STR_INIT(READINESS_HEALTH_FAILED ": ");
        struct journal_query query = query_of(d, u->invocation, CHECK_LINES);
        struct journal_lines lines = { 0 };
        struct str text = { 0 };

        if (str_is(u->status, READINESS_HEALTH_FAILED) && journal_read(d->arena, &query, &lines) >= 0)
                text = find_line(&lines, failed, failed).text;
        return str_is_absent(text) ? u->status : text;
}

/* The last output of a process may reach the journal after systemd knows that it ended. */
static struct journal_line await_check(const struct describing *d, unsigned n_tries) {
        struct journal_line found = find_check(d, (struct str){ 0 });

        for (unsigned i = 1; i < n_tries && str_is_absent(found.text); i++) {
                (void) bus_wait(d->bus, LOG_PAUSE_MS);
                found = find_check(d, (struct str){ 0 });
        }

        return found;
}

static bool is_image(struct str unit) {
        return str_has_suffix(unit, STR("-image.service")) || str_has_suffix(unit, STR("-build.service"));
}

/* Its start waits for its image's unit, but does not need it to succeed: the image may be there. */
static struct str find_bad_image(const struct describing *d) {
        struct bus_names wants = { 0 };

        (void) bus_get_dependencies(d->bus, d->arena, d->unit, "Wants", &wants);
        VEC_EACH(name, &wants.list) {
                struct journal_lines lines = { 0 };
                struct bus_unit u = { 0 };
                struct str said, when = STR("");
                bool is_build = str_has_suffix(*name, STR("-build.service"));

                if (!is_image(*name) || bus_get_unit(d->bus, d->arena, *name, &u) < 0 ||
                    !str_is(u.active, "failed"))
                        continue;
                (void) read_log(d, *name, LOG_LINES, &lines);
                said = find_line(&lines, STR("Error: "), STR("error: ")).text;
                if (str_is(u.result, "timeout"))
                        when = arena_join(d->arena, STR(" within "), span_text(d->arena, u.start_timeout));
                return arena_join(d->arena, STR("its image could not be "),
                                  is_build ? STR("built") : STR("fetched"), when, STR(", see "), *name,
                                  str_is_absent(said) ? STR("") : STR(": "), said);
        }

        return (struct str){ 0 };
}

/* "exited with status 3". conmon passes on the status of the container's process. */
static struct str describe_end(struct arena *a, const struct attempt *at) {
        bool is_killed = at->is_killed || at->status > SIGNAL_STATUS;
        const char *name =
                is_killed ? sigabbrev_np((int) (at->is_killed ? at->status : at->status - SIGNAL_STATUS))
                          : NULL;

        return name ? arena_join(a, STR("ended by SIG"), str_of(name))
                    : arena_join(a, STR("exited with status "), arena_u64(a, at->status));
}

/* The words of a program of ours that runs before the main process, and ended the start: a secret is missing,
 * a directory cannot be made. */
static struct str find_own(const struct journal_lines *lines) {
        struct str found = find_line(lines, STR("pyservice-environment: "), STR("pyservice-setup: ")).text;
        size_t at = str_find_str(found, STR(": "));

        return at < found.n ? str_from(found, at + strlen(": ")) : (struct str){ 0 };
}

/* A user's program may have ended before journald knew its unit. Quadlet sets the identifier. */
static struct str find_lost(const struct describing *d) {
        struct journal_query query = query_of(d, (struct str){ 0 }, LOG_LINES);
        struct journal_lines lines = { 0 };
        struct str check;

        query.identifier = d->unit;
        query.identifier.n -= str_has_suffix(d->unit, STR(".service")) ? strlen(".service") : 0;
        (void) journal_read(d->arena, &query, &lines);
        check = find_line(&lines, NOT_READY_BECAUSE, NOT_READY_BECAUSE).text;
        return str_is_absent(check) ? find_own(&lines) : str_from(check, NOT_READY_BECAUSE.n);
}

/* From how the main process ended, or else from the result; and why Podman made no container. */
static struct str describe_result(const struct describing *d, const struct bus_unit *u,
                                  const struct attempt *at) {
        struct journal_query query = query_of(d, at->invocation, LOG_LINES);
        struct journal_lines lines = { 0 };
        const char *advice;
        struct str said;

        if (str_is(u->result, "start-limit-hit"))
                return STR("it was started as often as its 'max_starts' allows");
        if (!at->is_known && str_is(u->result, "success"))
                return STR("it was stopped");

        (void) journal_read(d->arena, &query, &lines);
        said = find_own(&lines);
        if (!at->is_known && str_is_absent(said) && d->is_user)
                said = find_lost(d);
        if (!at->is_known && !str_is_absent(said))
                return said;

        said = find_line(&lines, STR("Error: "), STR("error: ")).text;
        advice = podman_advice(said);
        if (advice)
                said = arena_join(d->arena, said, STR("; "), str_of(advice));
        return arena_join(d->arena,
                          at->is_known       ? describe_end(d->arena, at)
                          : u->result.n == 0 ? STR("it failed")
                                             : arena_join(d->arena, STR("it failed ("), u->result, STR(")")),
                          str_is_absent(said) ? STR("") : STR(": "), str_is_absent(said) ? STR("") : said);
}

/* systemd gave up, and the check noted what it had answered last ("not ready: …"), or still has it as its
 * status. */
static struct str describe_timeout(const struct describing *d, const struct bus_unit *u, struct str check) {
        struct str answer =
                str_has_prefix(check, NOT_READY) ? str_from(check, NOT_READY.n) : describe_answer(d, u);

        while (answer.n > 0 && strchr(":, ", answer.p[0]))
                answer = str_from(answer, 1);
        return describe_late(d->arena, u->start_timeout, answer);
}

/* "shop-web@1.service" runs the container "shop-web-1". Absent for none. Lines after `check` are of the stop
 * that it caused: servers report that they shut down. */
static struct str last_printed(const struct describing *d, struct str invocation,
                               const struct journal_line *check) {
        size_t at = str_find(d->unit, '@'),
               end = d->unit.n - (str_has_suffix(d->unit, STR(".service")) ? strlen(".service") : 0);
        struct str container = at < end ? arena_join(d->arena, (struct str){ d->unit.p, at }, STR("-"),
                                                     (struct str){ d->unit.p + at + 1, end - at - 1 })
                                        : (struct str){ d->unit.p, end };
        struct journal_query query = query_of(d, invocation, 1);
        struct journal_lines lines = { 0 };

        query.container = container;
        query.until = check && str_has_prefix(check->text, NOT_READY) ? check->time : 0;
        return journal_read(d->arena, &query, &lines) >= 0 && lines.list.n > 0
                       ? utf8_clean_line(d->arena, lines.list.at[0].text, PRINTED_MAX)
                       : (struct str){ 0 };
}

struct str describe_printed(struct arena *a, struct str line) {
        return str_is_absent(line) ? STR("") : arena_join(a, STR("; last line: \""), line, STR("\""));
}

/* systemd has it until the next start. */
static struct attempt attempt_of(const struct bus_unit *u) {
        return (struct attempt){ .invocation = u->invocation,
                                 .status = u->exit_status,
                                 .is_killed = u->is_killed,
                                 .is_known = u->exit_status != 0 };
}

static bool is_over(const struct bus_unit *u) {
        return str_is(u->active, "failed") || bus_waits_for_restart(u->sub);
}

/* Between two starts it stops, and is inactive for a moment. */
static bool is_coming(const struct bus_unit *u) {
        return str_is(u->active, "activating") || (str_is(u->active, "inactive") && u->has_job) ||
               str_is(u->active, "deactivating");
}

/* The start before the one that is under way. */
static struct attempt find_attempt(const struct describing *d, const struct bus_unit *u) {
        struct journal_query query = query_of(d, (struct str){ 0 }, 0);
        struct journal_end end = { 0 };
        bool is_known;

        if (is_over(u))
                return attempt_of(u);

        is_known = journal_read_end(d->arena, &query, &end) > 0;
        return (struct attempt){ end.invocation, end.status, end.is_killed, is_known };
}

/* By the start that failed. It may have begun before the time that counts: systemd adds a requested start to
 * one that is under way. The journal sorts by arrival, and may have the end before what was printed. */
static struct str await_printed(const struct describing *d, const struct bus_unit *u,
                                const struct journal_line *check, unsigned n_tries) {
        struct str found = last_printed(d, (struct str){ 0 }, check);
        struct describing whole = *d;

        whole.since = 0;
        for (unsigned i = 0; i < n_tries && str_is_absent(found); i++) {
                struct attempt at = find_attempt(&whole, u);

                if (n_tries > 1)
                        (void) bus_wait(d->bus, LOG_PAUSE_MS);
                if (!str_is_absent(at.invocation))
                        found = last_printed(&whole, at.invocation, check);
        }

        return found;
}

struct str describe_failure(const struct describing *d, struct str text) {
        struct journal_line check = { 0 };
        struct attempt at;
        struct bus_unit u = { 0 };
        unsigned n_tries;

        (void) bus_get_unit(d->bus, d->arena, d->unit, &u);
        n_tries = journal_sync(d->arena) ? 1 : LOG_TRIES;
        /* systemd may have begun the next start. */
        at = u.n_restarts > 0 && is_coming(&u) ? find_attempt(d, &u) : attempt_of(&u);
        at.invocation = (struct str){ 0 };
        if (str_is_absent(text)) {
                check = await_check(d, n_tries);
                text = check.text;
                if (str_is(u.result, "timeout"))
                        text = describe_timeout(d, &u, text);
        }
        if (str_is_absent(text))
                text = find_bad_image(d);
        if (str_is_absent(text))
                text = describe_result(d, &u, &at);
        /* The exit status of the container, unless that still ran and systemd stopped it. */
        else if (at.is_known)
                text = arena_join(d->arena, text, STR("; "), describe_end(d->arena, &at));

        return arena_join(d->arena, d->unit, STR(": "), text,
                          describe_printed(d->arena, await_printed(d, &u, &check, n_tries)));
}

/* Starts failed before. The check's own words count if the check ended the start, and not the process. */
static void describe_failing(const struct describing *d, const struct bus_unit *u, struct described *ret) {
        struct attempt at = find_attempt(d, u);
        struct journal_line check = find_check(d, at.invocation);
        struct str text;

        if (is_over(u) && str_is(u->result, "timeout"))
                text = describe_timeout(d, u, check.text);
        else if (str_has_prefix(check.text, NOT_READY))
                text = check.text;
        else
                text = find_bad_image(d);
        if (str_has_prefix(text, NOT_READY_BECAUSE))
                text = str_from(text, NOT_READY_BECAUSE.n);

        ret->text = str_is_absent(text) ? describe_result(d, u, &at) : text;
        ret->n_failed = u->n_restarts + is_over(u);
        ret->printed = last_printed(d, at.invocation, &check);
}

/* No start failed yet. */
static void describe_starting(const struct describing *d, const struct bus_unit *u, struct described *ret) {
        uint64_t age = (bus_now() - u->starting_since) / 1000000;

        if (age < YOUNG_SECONDS)
                return;

        ret->printed = last_printed(d, u->invocation, NULL);
        ret->text = describe_answer(d, u);
        if (u->status.n > 0)
                return;
        ret->age = age;
        ret->text = !is_image(d->unit)                               ? STR("is starting")
                    : str_has_suffix(d->unit, STR("-build.service")) ? STR("builds the image")
                                                                     : STR("pulls the image");
}

/* Leaves the text empty if there is nothing to report. */
static void describe_own(const struct describing *d, const struct bus_unit *u, struct described *ret) {
        *ret = (struct described){ .unit = d->unit, .text = STR("") };
        if (is_over(u) || (u->n_restarts > 0 && is_coming(u)))
                describe_failing(d, u, ret);
        else if (str_is(u->active, "activating"))
                describe_starting(d, u, ret);
}

/* Its start job waits for others; the first of them that has something to report. */
static void describe_wait(const struct describing *d, struct described *ret) {
        struct bus_names before = { 0 };

        (void) bus_get_dependencies(d->bus, d->arena, d->unit, "After", &before);
        VEC_EACH(name, &before.list) {
                struct describing other = *d;
                struct bus_unit u = { 0 };

                /* The parts that an instance requires are described as such (render/order.c). */
                other.unit = *name;
                if (ret->text.n == 0 && str_find_str(*name, STR("-requires@")) == name->n &&
                    bus_get_unit(d->bus, d->arena, *name, &u) >= 0 && is_coming(&u))
                        describe_own(&other, &u, ret);
        }
}

/* A stop was requested. */
static bool is_stopped(const struct describing *d, const struct bus_unit *u) {
        bool is_stopping = false;

        return str_is(u->active, "deactivating") &&
               (bus_is_stopping(d->bus, d->unit, &is_stopping) < 0 || is_stopping);
}

bool describe_now(const struct describing *d, struct described *ret) {
        struct bus_unit u = { 0 };

        *ret = (struct described){ .unit = d->unit, .text = STR("") };
        if (bus_get_unit(d->bus, d->arena, d->unit, &u) < 0 || is_stopped(d, &u))
                return false;

        describe_own(d, &u, ret);
        if (ret->text.n == 0 && str_is(u.active, "inactive") && u.has_job)
                describe_wait(d, ret);
        else if (str_is(u.active, "reloading"))
                ret->text = u.status;
        return ret->text.n > 0;
}

bool describe_restart(const struct describing *d, struct str *ret, uint64_t *ret_time) {
        struct journal_query query = query_of(d, (struct str){ 0 }, 0);
        struct journal_end end = { 0 };
        struct attempt at;

        if (journal_read_end(d->arena, &query, &end) <= 0)
                return false;

        at = (struct attempt){ end.invocation, end.status, end.is_killed, true };
        *ret = arena_join(d->arena, describe_end(d->arena, &at),
                          describe_printed(d->arena, last_printed(d, end.invocation, NULL)));
        *ret_time = end.time;
        return true;
}

struct str describe_log(const struct describing *d) {
        struct journal_lines lines = { 0 };
        struct str text = STR("");

        (void) read_log(d, d->unit, LOG_LINES, &lines);
        VEC_EACH(line, &lines.list)
                text = arena_join(d->arena, text, text.n > 0 ? STR("\n") : STR(""), line->text);

        return text;
}
