/* SPDX-License-Identifier: Apache-2.0 */
#include "systemd/journal-walk.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

struct journal_walk {
        sd_journal *journal;
        const struct journal_filter *filter;
        struct arena scratch; /* of one entry */
        uint64_t until;
        bool is_at_entry; /* the current entry was not given out yet */
        bool is_empty;    /* none of the units is in the journal */
};

/* The fields that name a unit, in the entries of its processes and in those of the manager about it. */
static const char *own_field(const struct journal_walk *w) {
        return w->filter->is_user ? "_SYSTEMD_USER_UNIT" : "_SYSTEMD_UNIT";
}

static const char *about_field(const struct journal_walk *w) {
        return w->filter->is_user ? "USER_UNIT" : "UNIT";
}

void journal_close(struct journal_walk **w) {
        if (*w && (*w)->journal)
                sd_journal_close((*w)->journal);
        if (*w)
                arena_done(&(*w)->scratch);
        *w = NULL;
}

static int add_match(struct journal_walk *w, const char *field, struct str value) {
        struct str match = arena_join(&w->scratch, str_of(field), STR("="), value);

        return sd_journal_add_match(w->journal, match.p, match.n);
}

/* A match for each unit in the journal that is meant; gives their number. */
static int add_units(struct journal_walk *w, const char *field) {
        const void *data;
        size_t n;
        int r = sd_journal_query_unique(w->journal, field), n_units = 0;

        while (r >= 0 && (r = sd_journal_enumerate_unique(w->journal, &data, &n)) > 0) {
                struct str unit = str_from((struct str){ data, n }, strlen(field) + 1);

                if (!w->filter->is_meant(w->filter->data, unit))
                        continue;
                r = sd_journal_add_match(w->journal, data, n);
                n_units++;
        }

        return r < 0 ? r : n_units;
}

/* Anybody may write UNIT=: only the manager is believed. */
static int add_manager(struct journal_walk *w) {
        return w->filter->is_user ? add_match(w, "_SYSTEMD_USER_UNIT", STR("init.scope"))
                                  : add_match(w, "_PID", STR("1"));
}

static int add_matches(struct journal_walk *w) {
        int r = add_units(w, own_field(w)), n = r;

        if (r > 0)
                r = sd_journal_add_disjunction(w->journal);
        if (r >= 0) {
                r = add_units(w, about_field(w));
                n += r > 0 ? r : 0;
        }
        if (r > 0)
                r = add_manager(w);
        w->is_empty = n == 0;
        return r < 0 ? r : 0;
}

int journal_open(struct arena *a, const struct journal_filter *filter, struct journal_walk **ret) {
        struct journal_walk *w = arena_new(a, struct journal_walk);
        int r;

        *w = (struct journal_walk){ .filter = filter, .until = UINT64_MAX };
        r = sd_journal_open(&w->journal, SD_JOURNAL_LOCAL_ONLY);
        if (r >= 0)
                r = add_matches(w);
        if (r < 0) {
                journal_close(&w);
                return r;
        }

        *ret = w;
        return 0;
}

/* A copy: the journal's data is valid until the next call only. Absent if the entry has none. */
static struct str get(struct journal_walk *w, const char *field) {
        const void *data;
        size_t n;

        if (sd_journal_get_data(w->journal, field, &data, &n) < 0)
                return (struct str){ 0 };

        return arena_str(&w->scratch, str_from((struct str){ data, n }, strlen(field) + 1));
}

static bool is_managers(struct journal_walk *w) {
        return w->filter->is_user ? str_is(get(w, own_field(w)), "init.scope") : str_is(get(w, "_PID"), "1");
}

static bool is_meant(struct journal_walk *w, struct str unit) {
        return !str_is_absent(unit) && w->filter->is_meant(w->filter->data, unit);
}

/* `podman run -d` prints the container's name, conmon that it finds no cgroup, systemd has a line for each
 * process that is left. */
static bool is_noise(struct journal_walk *w, const struct journal_entry *e) {
        static const char id[] = "0123456789abcdef";

        if (e->is_systemds)
                return str_find_str(e->message, STR(": Killing process ")) < e->message.n ||
                       str_find_str(e->message, STR(": Consumed ")) < e->message.n;
        if (str_is(get(w, "SYSLOG_IDENTIFIER"), "conmon"))
                return str_find_str(e->message, STR(" <nwarn>: ")) < e->message.n ||
                       str_find_str(e->message, STR(" <ninfo>: ")) < e->message.n;

        return e->message.n == 64 && str_is_made_of(e->message, id) && str_is(get(w, "_COMM"), "podman");
}

/* The current entry; false if it is skipped. */
static bool read_entry(struct journal_walk *w, struct journal_entry *e) {
        struct str user;
        char uid[24];

        arena_done(&w->scratch);
        *e = (struct journal_entry){ .unit = get(w, own_field(w)), .priority = 6 };
        if (!is_meant(w, e->unit)) {
                e->unit = get(w, about_field(w));
                e->is_systemds = true;
                if (!is_meant(w, e->unit) || !is_managers(w))
                        return false;
        }

        (void) snprintf(uid, sizeof(uid), "%u", getuid());
        user = get(w, "_UID");
        if ((w->filter->is_user && !str_is(user, uid)) || !str_is_absent(get(w, "PODMAN_EVENT")))
                return false;

        e->message = get(w, "MESSAGE");
        /* conmon keeps the end of the line. */
        if (str_has_suffix(e->message, STR("\n")))
                e->message.n--;
        e->invocation = get(w, !e->is_systemds      ? "_SYSTEMD_INVOCATION_ID"
                               : w->filter->is_user ? "USER_INVOCATION_ID"
                                                    : "INVOCATION_ID");
        (void) str_to_u64(get(w, "PRIORITY"), 7, &e->priority);
        return !str_is_absent(e->message) && !is_noise(w, e) && w->filter->is_shown(w->filter->data, e);
}

/* From the end back. The first one that is given out is then the current one, or follows it. */
static int go_back(struct journal_walk *w, uint64_t since, size_t n) {
        struct journal_entry e;
        int r;

        while ((r = sd_journal_previous(w->journal)) > 0) {
                uint64_t time;

                r = sd_journal_get_realtime_usec(w->journal, &time);
                if (r < 0 || time < since)
                        return r;
                n -= read_entry(w, &e);
                if (n == 0) {
                        w->is_at_entry = true;
                        return 0;
                }
        }

        return r < 0 ? r : sd_journal_seek_head(w->journal);
}

int journal_seek(struct journal_walk *w, uint64_t since, uint64_t until, size_t n) {
        int r;

        w->until = until;
        w->is_at_entry = false;
        if (w->is_empty)
                return 0;
        if (n == SIZE_MAX)
                return sd_journal_seek_realtime_usec(w->journal, since);

        r = until == UINT64_MAX ? sd_journal_seek_tail(w->journal)
                                : sd_journal_seek_realtime_usec(w->journal, until);
        return r < 0 || n == 0 ? r : go_back(w, since, n);
}

int journal_next(struct journal_walk *w, struct journal_entry *ret) {
        struct journal_entry e;
        int r = 0;

        while (!w->is_empty && (w->is_at_entry || (r = sd_journal_next(w->journal)) > 0)) {
                w->is_at_entry = false;
                if (!read_entry(w, &e))
                        continue;
                r = sd_journal_get_realtime_usec(w->journal, &e.time);
                if (r < 0 || e.time >= w->until)
                        return r < 0 ? r : 0;
                *ret = e;
                return 1;
        }

        return r < 0 ? r : 0;
}

int journal_follow(struct journal_walk *w, uint64_t from) {
        int r;

        sd_journal_flush_matches(w->journal);
        w->is_empty = false;
        w->is_at_entry = false;
        w->until = UINT64_MAX;
        /* From now on it notices what is written: nothing comes between the last read and the first wait. */
        r = sd_journal_get_fd(w->journal);
        return r < 0 ? r : sd_journal_seek_realtime_usec(w->journal, from);
}

int journal_wait(struct journal_walk *w, int out) {
        struct pollfd fds[2] = { { .fd = sd_journal_get_fd(w->journal) }, { .fd = out } };
        uint64_t until = UINT64_MAX;
        int r;

        if (fds[0].fd < 0)
                return fds[0].fd;

        fds[0].events = (short) sd_journal_get_events(w->journal);
        /* Files on a network can't report changes. */
        r = sd_journal_get_timeout(w->journal, &until);
        if (r >= 0 && poll(fds, 2, r > 0 ? 1000 : -1) < 0)
                r = errno == EINTR ? 0 : -errno;
        if (r >= 0 && fds[1].revents & (POLLERR | POLLHUP | POLLNVAL))
                return -EPIPE;

        return r < 0 ? r : sd_journal_process(w->journal);
}
