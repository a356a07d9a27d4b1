/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/journal.h"

#include <errno.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include "base/utf8.h"

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

/* Of the unit's processes, or of systemd about the unit. */
static int add_matches(struct arena *a, sd_journal *j, const struct journal_query *q) {
        const char *own = q->is_user ? "_SYSTEMD_USER_UNIT" : "_SYSTEMD_UNIT",
                   *about = q->is_user ? "USER_UNIT" : "UNIT";
        int r = add_match(a, j, own, q->unit);

        if (!str_is_absent(q->container))
                return r < 0 ? r : add_match(a, j, "CONTAINER_NAME", q->container);
        if (r >= 0)
                r = sd_journal_add_disjunction(j);
        if (r >= 0)
                r = add_match(a, j, about, q->unit);
        /* Anybody may write UNIT=; systemd alone is process 1 (a user's manager can't be told like this). */
        return r >= 0 && !q->is_user ? add_match(a, j, "_PID", STR("1")) : r;
}

/* systemd has a line for each process that is left of a unit: as many as could push out what the unit
 * itself said. */
static bool is_of_the_end(struct str text) {
        return str_find_str(text, STR(": Killing process ")) < text.n;
}

/* The current entry's message; absent where it has none, or is of no use: Podman tells the journal each
 * event of a container. */
static int read_message(struct arena *a, sd_journal *j, struct str *ret) {
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
        if (is_of_the_end(*ret))
                *ret = (struct str){ 0 };
        return 0;
}

/* From the end back: `lines` gets the newest first. */
static int read_back(struct arena *a, sd_journal *j, const struct journal_query *q,
                     struct journal_lines *lines) {
        int r = sd_journal_seek_tail(j);

        while (r >= 0 && lines->list.n < q->n && (r = sd_journal_previous(j)) > 0) {
                struct str text;
                uint64_t time;

                r = sd_journal_get_realtime_usec(j, &time);
                if (r < 0 || time < q->since)
                        break;
                r = read_message(a, j, &text);
                if (r >= 0 && !str_is_absent(text))
                        *vec_push(a, &lines->list) = text;
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
