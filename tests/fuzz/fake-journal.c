/* SPDX-License-Identifier: Apache-2.0 */

/* In place of sd-journal(3): a journal whose entries are in the input. Matches are not looked at, so that every entry
 * reaches the code that reads its fields. */

#include <errno.h>
#include <systemd/sd-journal.h>

#include "parsers.h"

static struct str all;
static size_t at, next_unique;          /* where the current entry begins; past the end: none */
size_t fake_journal_n_read;

void fake_journal_hold(struct str text) {
        all = text;
}

static size_t end_of_entry(size_t from) {
        return from + str_find_str(str_from(all, from), STR("\n\n"));
}

int sd_journal_open(sd_journal **ret, int flags) {
        *ret = (sd_journal *) (uintptr_t) &all;
        at = SIZE_MAX;
        next_unique = fake_journal_n_read = 0;
        return 0;
}

void sd_journal_close(sd_journal *j) {
}

int sd_journal_add_match(sd_journal *j, const void *data, size_t size) {
        return 0;
}

int sd_journal_add_disjunction(sd_journal *j) {
        return 0;
}

void sd_journal_flush_matches(sd_journal *j) {
}

int sd_journal_seek_head(sd_journal *j) {
        at = SIZE_MAX;
        return 0;
}

int sd_journal_seek_tail(sd_journal *j) {
        return sd_journal_seek_head(j);
}

int sd_journal_seek_realtime_usec(sd_journal *j, uint64_t usec) {
        return sd_journal_seek_head(j);
}

int sd_journal_next(sd_journal *j) {
        size_t begin = at == SIZE_MAX ? 0 : end_of_entry(at) + 2;

        fake_journal_n_read++;
        if (begin >= all.n)
                return 0;

        at = begin;
        return 1;
}

/* The order of entries is nothing that a parser depends on. */
int sd_journal_previous(sd_journal *j) {
        return sd_journal_next(j);
}

int sd_journal_get_realtime_usec(sd_journal *j, uint64_t *ret) {
        *ret = 1700000000000000 + at;
        return 0;
}

/* The line "FIELD=VALUE" from `from` up to `end`. */
static bool find_field(size_t from, size_t end, const char *field, struct str *ret) {
        struct str rest = { all.p + from, end - from }, line, name;

        while (str_split(&rest, '\n', &line)) {
                name = (struct str) { line.p, str_find(line, '=') };
                if (name.n < line.n && str_is(name, field)) {
                        *ret = line;
                        return true;
                }
        }

        return false;
}

int sd_journal_get_data(sd_journal *j, const char *field, const void **data, size_t *n) {
        struct str line;

        if (at >= all.n || !find_field(at, end_of_entry(at), field, &line))
                return -ENOENT;

        *data = line.p;
        *n = line.n;
        return 0;
}

static const char *unique_field;

int sd_journal_query_unique(sd_journal *j, const char *field) {
        unique_field = field;
        next_unique = 0;
        return 0;
}

int sd_journal_enumerate_unique(sd_journal *j, const void **data, size_t *n) {
        struct str line;

        while (next_unique < all.n) {
                size_t end = end_of_entry(next_unique), begin = next_unique;

                next_unique = end + 2;
                if (!find_field(begin, end, unique_field, &line))
                        continue;
                *data = line.p;
                *n = line.n;
                return 1;
        }

        return 0;
}
