/* SPDX-License-Identifier: Apache-2.0 */
#include "systemd/journal.h"

#include <errno.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <systemd/sd-messages.h>
#include <unistd.h>

#include "base/utf8.h"
#include "runtime/spawn.h"

/* Longer lines are cut: they are for people. */
enum { LINE_MAX_BYTES = 1000, FIELDS_MAX = 32 };

static void close_journal(sd_journal **j) {
        if (*j)
                sd_journal_close(*j);
}

static int add_match(struct arena *a, sd_journal *j, const char *field, struct str value) {
        struct str match = arena_join(a, str_of(field), STR("="), value);

        return sd_journal_add_match(j, match.p, match.n);
}

/* Matches entries of systemd about the unit. Every process may write UNIT=; only systemd is process 1 (a
 * user's manager can't be recognized like this). */
static int add_about(struct arena *a, sd_journal *j, const struct journal_query *q) {
        int r = add_match(a, j, q->is_user ? "USER_UNIT" : "UNIT", q->unit);

        return r >= 0 && !q->is_user ? add_match(a, j, "_PID", STR("1")) : r;
}

/* Matches entries of the unit's processes, or of systemd about the unit. */
static int add_matches(struct arena *a, sd_journal *j, const struct journal_query *q) {
        int r;

        if (!str_is_absent(q->identifier)) {
                r = add_match(a, j, "SYSLOG_IDENTIFIER", q->identifier);
                return r < 0 ? r : add_match(a, j, "_UID", arena_u64(a, geteuid()));
        }

        r = add_match(a, j, q->is_user ? "_SYSTEMD_USER_UNIT" : "_SYSTEMD_UNIT", q->unit);

        if (r >= 0 && !str_is_absent(q->invocation))
                r = add_match(a, j, "_SYSTEMD_INVOCATION_ID", q->invocation);
        if (r >= 0 && !str_is_absent(q->container))
                r = add_match(a, j, "CONTAINER_NAME", q->container);
        if (r < 0 || !str_is_absent(q->container) || !str_is_absent(q->invocation))
                return r;

        r = sd_journal_add_disjunction(j);
        return r < 0 ? r : add_about(a, j, q);
}

/* A field of the current entry; absent if it has none. */
static struct str get(struct arena *a, sd_journal *j, const char *field) {
        const void *data;
        size_t n;

        if (sd_journal_get_data(j, field, &data, &n) < 0)
                return (struct str){ 0 };

        return utf8_clean(a, str_from((struct str){ data, n }, strlen(field) + 1));
}

/* systemd has a line for each remaining process of a unit: there may be so many that the unit's own lines are
 * out of reach. A container may print such lines too, without end. */
static bool is_of_the_end(struct arena *a, sd_journal *j, const struct journal_query *q, struct str text) {
        return str_find_str(text, STR(": Killing process ")) < text.n &&
               (q->is_user ? str_is(get(a, j, "_SYSTEMD_USER_UNIT"), "init.scope")
                           : str_is(get(a, j, "_PID"), "1"));
}

/* The current entry's message; absent if it has none, or is of no use: Podman logs each event of a
 * container. */
static int read_message(struct arena *a, sd_journal *j, const struct journal_query *q, struct str *ret) {
        const void *data;
        size_t n;
        int r;

        *ret = (struct str){ 0 };
        if (sd_journal_get_data(j, "PODMAN_EVENT", &data, &n) >= 0)
                return 0;

        r = sd_journal_get_data(j, "MESSAGE", &data, &n);
        if (r == -ENOENT || r == -EBADMSG)
                return 0;
        if (r < 0)
                return r;

        *ret = str_from((struct str){ data, n }, strlen("MESSAGE="));
        *ret = str_trim(utf8_clean_line(a, *ret, LINE_MAX_BYTES));
        if (is_of_the_end(a, j, q, *ret))
                *ret = (struct str){ 0 };
        return 0;
}

/* 1 if the current entry is too old. Who sets the clock does not change monotonic times. */
static int is_before(sd_journal *j, uint64_t since) {
        uint64_t time = 0;
        int r = since > 0 ? sd_journal_get_monotonic_usec(j, &time, NULL) : 0;

        return r == -ESTALE ? 1 : r < 0 ? r : time < since;
}

/* From the end back: `lines` gets the newest first. */
static int read_back(struct arena *a, sd_journal *j, const struct journal_query *q,
                     struct journal_lines *lines) {
        int r = sd_journal_seek_tail(j);

        while (r >= 0 && lines->list.n < q->n && (r = sd_journal_previous(j)) > 0) {
                struct str text;
                uint64_t time;

                r = is_before(j, q->since);
                if (r == 0)
                        r = sd_journal_get_realtime_usec(j, &time);
                if (r != 0)
                        break;
                if (q->until > 0 && time > q->until)
                        continue;
                r = read_message(a, j, q, &text);
                if (r >= 0 && !str_is_absent(text))
                        *vec_push(a, &lines->list) = (struct journal_line){ text, time };
        }

        return r < 0 ? r : 0;
}

int journal_read(struct arena *a, const struct journal_query *q, struct journal_lines *ret) {
        CLEANUP(close_journal) sd_journal *j = NULL;
        struct journal_lines newest_first = { 0 }, lines = { 0 };
        int r = sd_journal_open(&j, SD_JOURNAL_LOCAL_ONLY);

        if (r >= 0)
                r = add_matches(a, j, q);
        if (r >= 0)
                r = read_back(a, j, q, &newest_first);
        if (r < 0)
                return r;

        for (size_t i = newest_first.list.n; i > 0; i--)
                *vec_push(a, &lines.list) = newest_first.list.at[i - 1];
        *ret = lines;
        return 0;
}

bool journal_sync(struct arena *a) {
        const char *argv[] = { spawn_find(a, "journalctl").p, "--sync", NULL };
        struct spawn_result result;

        return argv[0] && spawn_run(a, argv, &result) >= 0 && result.status == 0;
}

int journal_read_end(struct arena *a, const struct journal_query *q, struct journal_end *ret) {
        CLEANUP(close_journal) sd_journal *j = NULL;
        int r = sd_journal_open(&j, SD_JOURNAL_LOCAL_ONLY);

        if (r >= 0)
                r = add_about(a, j, q);
        if (r >= 0)
                r = add_match(a, j, "MESSAGE_ID", STR(SD_MESSAGE_UNIT_PROCESS_EXIT_STR));
        if (r >= 0)
                r = sd_journal_seek_tail(j);
        while (r >= 0 && (r = sd_journal_previous(j)) > 0) {
                struct str message = get(a, j, "MESSAGE");
                uint64_t time = 0;

                r = is_before(j, q->since);
                if (r == 0)
                        r = sd_journal_get_realtime_usec(j, &time);
                if (r != 0)
                        return r < 0 ? r : 0;
                if (str_find_str(message, STR(": Main process exited")) == message.n)
                        continue;

                *ret = (struct journal_end){ .time = time,
                                             .is_killed = !str_is(get(a, j, "EXIT_CODE"), "exited") };
                ret->invocation = get(a, j, q->is_user ? "USER_INVOCATION_ID" : "INVOCATION_ID");
                return str_to_u64(get(a, j, "EXIT_STATUS"), UINT8_MAX, &ret->status);
        }

        return r < 0 ? r : 0;
}

int journal_read_out_of_memory(struct arena *a, bool is_user, uint64_t since, struct journal_lines *ret) {
        CLEANUP(close_journal) sd_journal *j = NULL;
        int r = sd_journal_open(&j, SD_JOURNAL_LOCAL_ONLY);

        if (r >= 0)
                r = add_match(a, j, "MESSAGE_ID", STR(SD_MESSAGE_UNIT_OUT_OF_MEMORY_STR));
        /* Every process may write UNIT=, and so claim that another one was killed. */
        if (r >= 0 && !is_user)
                r = add_match(a, j, "_UID", STR("0"));
        if (r >= 0)
                r = sd_journal_seek_realtime_usec(j, since);
        while (r >= 0 && (r = sd_journal_next(j)) > 0) {
                struct str unit = get(a, j, is_user ? "USER_UNIT" : "UNIT");

                if (!str_is_absent(unit))
                        *vec_push(a, &ret->list) = (struct journal_line){ unit, 0 };
        }

        return r < 0 ? r : 0;
}

int journal_send(struct arena *a, const struct journal_field *fields, size_t n) {
        struct iovec entry[FIELDS_MAX];

        if (n > FIELDS_MAX)
                return -E2BIG;

        for (size_t i = 0; i < n; i++) {
                struct str value = utf8_clean(a, fields[i].value);
                struct str text = arena_join(a, str_of(fields[i].name), STR("="), value);

                entry[i] = (struct iovec){ (char *) (uintptr_t) text.p, text.n };
        }

        return sd_journal_sendv(entry, (int) n);
}
