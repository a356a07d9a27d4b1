/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/lifecycle.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/path.h"
#include "base/utf8.h"
#include "bundle/layout.h"
#include "bundle/rows.h"
#include "hooks/start-record.h"
#include "runtime/spawn.h"
#include "systemd/bus.h"
#include "systemd/notify.h"
#include "systemd/readiness.h"

enum { PAUSE_MIN_MS = 100, PAUSE_SHARE = 4, ANSWER_MAX = 300 };

/* For the signal handler. The words are complete before it is set up, and `explanation` is replaced by one
 * assignment. */
static const char *stop_words[] = { NULL, "container", "stop", "--ignore", "--", NULL, NULL };
static struct str *volatile explanation;

/* Only calls that are safe in a signal handler (signal-safety(7)), execv() among them. */
static void stop_by_podman(int number) {
        const struct str *text = explanation;
        sigset_t none;

        if (text && write(STDERR_FILENO, text->p, text->n) < 0)
                explanation = NULL;
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) execv(stop_words[0], (char *const *) (uintptr_t) stop_words);
        _exit(128 + number);
}

void lifecycle_stop_when_told(struct instance *i) {
        struct str podman = spawn_find(i->arena, "podman");

        if (str_is_absent(i->name) || str_is_absent(podman))
                return;

        stop_words[0] = podman.p;
        stop_words[5] = i->name.p;
        (void) signal(SIGTERM, stop_by_podman);
}

void lifecycle_explain(struct instance *i, struct str text) {
        struct str *line = arena_new(i->arena, struct str);

        *line = arena_join(i->arena, i->name, STR(": " READINESS_NOT_READY ": "), utf8_clean(i->arena, text),
                           STR("\n"));
        explanation = str_is_absent(text) ? NULL : line;
}

static struct str revision_now(void) {
        const char *text = getenv("PYSERVICE_REVISION");

        return text ? str_of(text) : (struct str){ 0 };
}

/* A record that another version wrote counts as none; the next start replaces it. */
static bool read_record(struct instance *i, struct start_record *ret) {
        int r = start_record_read(i->arena, AT_FDCWD, i->record, ret);

        if (r < 0 && r != -ENOENT)
                instance_note(i, arena_join(i->arena, STR("cannot read "), str_of(i->record), STR(": "),
                                            str_of(rows_problem(r))));
        return r >= 0;
}

static void write_record(struct instance *i, const struct start_record *record) {
        int r = start_record_write(i->arena, i->record, record);

        if (r < 0)
                instance_note(i, arena_join(i->arena, STR("cannot write "), str_of(i->record), STR(": "),
                                            str_of(strerror(-r))));
}

static void note_start(struct instance *i, uint64_t ready) {
        struct start_record old = { 0 }, record = { .revision = revision_now(), .ready = ready };

        if (!i->record || str_is_absent(record.revision))
                return;

        record.was_killed = read_record(i, &old) && old.was_killed && str_eq(old.revision, record.revision);
        write_record(i, &record);
}

void lifecycle_note_start(struct instance *i) {
        note_start(i, 0);
}

void lifecycle_note_ready(struct instance *i) {
        note_start(i, clock_ms(CLOCK_BOOTTIME));
}

/* True if a stop ended with SIGKILL. conmon ends with the status of the container's first process. */
static bool was_killed(void) {
        const char *code = getenv("EXIT_CODE"), *status = getenv("EXIT_STATUS");

        return code && status &&
               ((strcmp(code, "exited") == 0 && strcmp(status, "137") == 0) ||
                (strcmp(code, "killed") == 0 && strcmp(status, "KILL") == 0));
}

/* A reset also makes its result "success", from which systemd decides whether to start it again: so only
 * what is started again whatever the result is reset (`settled`), and never what an ExecCondition= kept
 * from starting, which would start again for ever. */
static bool may_reset(const struct instance *i, const struct start_record *record) {
        const char *result = getenv("SERVICE_RESULT");
        bool has_run = result && strcmp(result, "exec-condition") != 0;

        return has_run && i->settled > 0 && record->ready > 0 &&
               clock_ms(CLOCK_BOOTTIME) - record->ready >= i->settled;
}

void lifecycle_note_end(struct instance *i) {
        struct start_record record = { 0 }, old;
        const char *slash = i->record ? strrchr(i->record, '/') : NULL;
        struct str unit = slash ? str_of(slash + 1) : STR("");
        struct bus *bus = NULL;
        bool is_stopping = false;

        if (!slash || !read_record(i, &record) || bus_open_private(i->arena, i->is_user, &bus) < 0)
                return;

        old = record;
        /* No stop was requested before a crash, and SIGKILL does not show whether it was part of a stop. */
        if (bus_is_stopping(bus, unit, &is_stopping) >= 0 && is_stopping)
                record.was_killed = was_killed();
        else if (may_reset(i, &record))
                (void) bus_reset_failed(bus, unit);
        bus_close(&bus);

        /* The next start may fail before it is noted, and was then never ready. */
        record.ready = 0;
        if (old.was_killed != record.was_killed || old.ready != record.ready)
                write_record(i, &record);
}

/* The rollout reports its spare. */
static bool is_spare(struct str unit) {
        return str_find_str(unit, STR("@next.service")) < unit.n;
}

/* True if it counts as failing from this failure on. A unit that is not started again fails for systemd
 * too, which then reports it itself (publish/notify.c). */
static bool begins_to_fail(const struct instance *i, struct bus *bus, struct str unit) {
        struct bus_unit u = { 0 };
        bool is_stopping = true;

        return bus_is_stopping(bus, unit, &is_stopping) >= 0 && !is_stopping &&
               bus_get_unit(bus, i->arena, unit, &u) >= 0 && u.n_restarts + 1 == BUS_FAILING;
}

/* host.yaml names the recipients (bundle/message.h). Another unit writes the message, in its sandbox. */
void lifecycle_report_failing(struct instance *i) {
        const char *result = getenv("SERVICE_RESULT");
        struct str record = i->record ? str_of(i->record) : STR(""), unit = path_name(record);
        size_t at = str_find_str(record, STR("/" START_RECORDS "/"));
        struct str settings = arena_join(i->arena, (struct str){ record.p, at }, STR("/" LAYOUT_NOTIFY));
        struct bus *bus = NULL;
        struct bus_job *job;

        if (!result || strcmp(result, "success") == 0 || strcmp(result, "exec-condition") == 0 ||
            at == record.n || is_spare(unit) || access(settings.p, F_OK) < 0 ||
            bus_open_private(i->arena, i->is_user, &bus) < 0)
                return;

        if (begins_to_fail(i, bus, unit))
                (void) bus_start_job(bus, BUS_START,
                                     arena_join(i->arena, STR("pyservice-notify@"), unit, STR(".service")),
                                     &job);
        bus_close(&bus);
}

/* The container's state, that of its health check, and of each run of that its exit status and what it
 * printed, quoted. */
#define FORMAT                                                                                         \
        "{{.State.Running}}\n{{with .State.Health}}{{.Status}}\n{{range .Log}}{{.ExitCode}} {{printf " \
        "\"%q\" .Output}}\n{{end}}{{end}}"

/* Unquotes a Go string as "%q" prints it: removes its quotes and the line feeds at its end; other escapes
 * stay. */
static struct str unquote(struct arena *a, struct str text) {
        if (text.n >= 2 && text.p[0] == '"')
                text = (struct str){ text.p + 1, text.n - 2 };
        while (str_has_suffix(text, STR("\\n")))
                text.n -= 2;
        return utf8_clean_line(a, text, ANSWER_MAX);
}

struct health_answer {
        struct str word;    /* as Podman has it */
        struct str problem; /* for every user */
        struct str text;    /* the same, with what the command printed, which is for the journal alone */
};

/* False if the container does not run. */
static bool ask_health(struct instance *i, struct health_answer *ret) {
        struct str podman = spawn_find(i->arena, "podman"), rest, line, last = { 0 }, status;
        struct spawn_result result;

        if (str_is_absent(podman) ||
            spawn_run(i->arena,
                      (const char *[]){ podman.p, "container", "inspect", "--format", FORMAT, "--", i->name.p,
                                        NULL },
                      &result) < 0 ||
            result.status != 0)
                return false;

        rest = result.out;
        if (!str_split(&rest, '\n', &line) || !str_is(line, "true"))
                return false;
        if (!str_split(&rest, '\n', &ret->word))
                ret->word = STR("");
        while (str_split(&rest, '\n', &line))
                last = line.n > 0 ? line : last;
        if (str_is_absent(last))
                return true;

        (void) str_split(&last, ' ', &status);
        if (str_is(status, "0"))
                return true;

        /* Podman has 1 for every status that is not 0. */
        last = unquote(i->arena, last);
        ret->problem = STR(READINESS_HEALTH_FAILED);
        ret->text = last.n == 0 ? ret->problem : arena_join(i->arena, ret->problem, STR(": "), last);
        return true;
}

static void tell_health(struct instance *i, const struct health_answer *h) {
        lifecycle_explain(i, h->text);
        if (!str_eq(h->text, h->problem))
                (void) fprintf(stderr, "%.*s: %.*s\n", STR_ARG(i->name), STR_ARG(h->text));
        notify_manager(i->arena, arena_join(i->arena, STR("STATUS="), h->problem));
}

int lifecycle_await_health(struct instance *i) {
        uint64_t pause = PAUSE_MIN_MS, most = i->probe.interval / PAUSE_SHARE;
        const struct str no_end = STR("the health command did not end yet");
        struct health_answer health = { .problem = no_end, .text = no_end };
        struct str told = { 0 };

        for (;;) {
                if (!ask_health(i, &health)) {
                        instance_note(i, arena_join(i->arena, STR(READINESS_EXITED ": "), health.text));
                        return 1;
                }
                if (str_is(health.word, "healthy"))
                        break;
                if (!str_eq(health.text, told))
                        tell_health(i, &health);
                told = health.text;
                instance_pause(pause);
                pause = pause * 2 < most ? pause * 2 : most > PAUSE_MIN_MS ? most : PAUSE_MIN_MS;
        }

        lifecycle_explain(i, (struct str){ 0 });
        notify_manager(i->arena, STR("STATUS="));
        return 0;
}
