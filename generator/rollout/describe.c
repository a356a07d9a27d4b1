/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/describe.h"

#include "runtime/journal.h"

#define NOT_READY STR("not ready")

enum {
        LOG_LINES = 10,
        CHECK_LINES = 50,
        LOG_TRIES = 4, /* what a process said last may reach the journal after systemd knows that it ended */
        LOG_PAUSE_MS = 100,
};

static int read_log(const struct describing *d, struct str unit, size_t n, struct journal_lines *ret) {
        struct journal_query query = { .unit = unit, .is_user = d->is_user, .since = d->since, .n = n };

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
        return arena_join(a, STR("not ready within "), span_text(a, limit),
                          str_is_absent(answer) || answer.n == 0 ? STR("") : STR(": "),
                          str_is_absent(answer) ? STR("") : answer);
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

        return (struct str){ 0 };
}

/* What the unit's own check answered: pyservice-instance says it when it gives up (hooks/instance.c). */
static struct str find_check(const struct describing *d) {
        struct str found = { 0 };

        for (unsigned i = 0; i < LOG_TRIES && str_is_absent(found); i++) {
                struct journal_lines lines = { 0 };

                (void) bus_wait(d->bus, LOG_PAUSE_MS);
                if (read_log(d, d->unit, CHECK_LINES, &lines) >= 0)
                        found = find_line(&lines, NOT_READY, STR("exited before it was ready"));
        }

        return found;
}

/* Its start waits for its image's unit, but does not need it to succeed: the image may be there. */
static struct str find_bad_image(const struct describing *d) {
        struct bus_names wants = { 0 };

        (void) bus_get_dependencies(d->bus, d->arena, d->unit, "Wants", &wants);
        VEC_EACH(name, &wants.list) {
                struct journal_lines lines = { 0 };
                struct bus_unit u = { 0 };
                struct str said;
                bool is_build = str_has_suffix(*name, STR("-build.service"));

                if ((!is_build && !str_has_suffix(*name, STR("-image.service"))) ||
                    bus_get_unit(d->bus, d->arena, *name, &u) < 0 || !str_is(u.active, "failed"))
                        continue;
                (void) read_log(d, *name, LOG_LINES, &lines);
                said = find_line(&lines, STR("Error: "), STR("error: "));
                return arena_join(d->arena, STR("its image could not be "),
                                  is_build ? STR("built") : STR("fetched"), STR(", see "), *name,
                                  str_is_absent(said) ? STR("") : STR(": "), said);
        }

        return (struct str){ 0 };
}

/* "it failed (exit-code)", from what systemd reports, and why Podman made no container. */
static struct str describe_result(const struct describing *d, const struct bus_unit *u) {
        struct journal_lines lines = { 0 };
        struct str said;

        if (str_is(u->result, "success"))
                return STR("it was stopped");
        if (u->result.n == 0)
                return STR("it failed");

        (void) read_log(d, d->unit, LOG_LINES, &lines);
        said = find_line(&lines, STR("Error: "), STR("error: "));
        return arena_join(d->arena, STR("it failed ("), u->result, STR(")"),
                          str_is_absent(said) ? STR("") : STR(": "), str_is_absent(said) ? STR("") : said);
}

/* systemd gave up, and the check noted what it had answered last ("not ready: …"), or still has it as its
 * status. */
static struct str describe_timeout(const struct describing *d, const struct bus_unit *u, struct str check) {
        struct str answer = str_has_prefix(check, NOT_READY) ? str_from(check, NOT_READY.n) : u->status;

        while (answer.n > 0 && strchr(":, ", answer.p[0]))
                answer = str_from(answer, 1);
        return describe_late(d->arena, u->start_timeout, answer);
}

/* "shop-web@1.service" runs the container "shop-web-1". */
static struct str last_printed(const struct describing *d) {
        size_t at = str_find(d->unit, '@'),
               end = d->unit.n - (str_has_suffix(d->unit, STR(".service")) ? strlen(".service") : 0);
        struct str container = at < end ? arena_join(d->arena, (struct str){ d->unit.p, at }, STR("-"),
                                                     (struct str){ d->unit.p + at + 1, end - at - 1 })
                                        : (struct str){ d->unit.p, end };
        struct journal_query query = {
                .unit = d->unit, .container = container, .is_user = d->is_user, .since = d->since, .n = 1
        };
        struct journal_lines lines = { 0 };

        return journal_read(d->arena, &query, &lines) >= 0 && lines.list.n > 0 ? lines.list.at[0]
                                                                               : (struct str){ 0 };
}

struct str describe_failure(const struct describing *d, struct str text) {
        struct bus_unit u = { 0 };
        struct str status, printed;

        (void) bus_get_unit(d->bus, d->arena, d->unit, &u);
        if (str_is_absent(text)) {
                text = find_check(d);
                if (str_is(u.result, "timeout"))
                        text = describe_timeout(d, &u, text);
        }
        if (str_is_absent(text))
                text = find_bad_image(d);
        if (str_is_absent(text))
                text = describe_result(d, &u);

        /* Of the container, unless that still ran and systemd stopped it. */
        status = u.exit_status == 0 ? STR("")
                                    : arena_join(d->arena, STR("; exit status "),
                                                 arena_u64(d->arena, (uint64_t) (unsigned) u.exit_status));
        printed = last_printed(d);
        return arena_join(d->arena, d->unit, STR(": "), text, status,
                          str_is_absent(printed) ? STR("") : STR("; it printed last: "),
                          str_is_absent(printed) ? STR("") : printed);
}

struct str describe_log(const struct describing *d) {
        struct journal_lines lines = { 0 };
        struct str text = STR("");

        (void) read_log(d, d->unit, LOG_LINES, &lines);
        VEC_EACH(line, &lines.list)
                text = arena_join(d->arena, text, text.n > 0 ? STR("\n") : STR(""), *line);

        return text;
}
