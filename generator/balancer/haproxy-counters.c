/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/haproxy-counters.h"

#include <stddef.h>
#include <time.h>

#include "base/fs.h"
#include "bundle/layout.h"
#include "bundle/rows.h"

enum { COLUMNS_MAX = 512, SAVED_MAX = 16 << 20, RECENT_MINUTES = 10 };

/* Rows: HAProxy's name of a column, and the member for it. */
static const struct {
        const char *name;
        size_t place;
        bool is_number;
} rows[] = {
        { "pxname", offsetof(struct haproxy_counter, backend), false },
        { "svname", offsetof(struct haproxy_counter, server), false },
        { "status", offsetof(struct haproxy_counter, status), false },
        { "check_status", offsetof(struct haproxy_counter, check), false },
        { "last_chk", offsetof(struct haproxy_counter, check_says), false },
        { "addr", offsetof(struct haproxy_counter, address), false },
        { "scur", offsetof(struct haproxy_counter, n_sessions), true },
        { "qcur", offsetof(struct haproxy_counter, n_waiting), true },
        { "stot", offsetof(struct haproxy_counter, n_requests), true },
        { "econ", offsetof(struct haproxy_counter, n_connect_errors), true },
        { "eresp", offsetof(struct haproxy_counter, n_response_errors), true },
        { "hrsp_5xx", offsetof(struct haproxy_counter, n_5xx), true },
        { "act", offsetof(struct haproxy_counter, n_active), true },
};

/* The next field of a line; quotes around it go, and "" in them is one. False at the line's end. */
static bool take_field(struct arena *a, struct str *rest, struct str *ret) {
        char *text;
        size_t n = 0, i = 1;

        if (str_is_absent(*rest) || rest->n == 0 || rest->p[0] != '"')
                return str_split(rest, ',', ret);

        text = arena_alloc(a, rest->n, 1);
        for (; i < rest->n; i++) {
                if (rest->p[i] == '"' && (++i == rest->n || rest->p[i] != '"'))
                        break;
                text[n++] = rest->p[i];
        }
        *ret = (struct str){ text, n };
        *rest = i < rest->n ? str_from(*rest, i + 1) : (struct str){ 0 };
        return true;
}

/* Which of our rows each column is. */
static size_t read_heading(struct arena *a, struct str line, size_t *ret_rows) {
        struct str name;
        size_t n = 0;

        if (str_has_prefix(line, STR("# ")))
                line = str_from(line, 2);
        for (; n < COLUMNS_MAX && take_field(a, &line, &name); n++) {
                ret_rows[n] = SIZE_MAX;
                for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                        if (str_is(name, rows[i].name))
                                ret_rows[n] = i;
        }

        return n;
}

static void take(struct haproxy_counter *counter, size_t row, struct str value) {
        void *place = (char *) counter + rows[row].place;

        if (rows[row].is_number)
                (void) str_to_u64(value, UINT64_MAX, place);
        else
                *(struct str *) place = value;
}

void haproxy_parse_counters(struct arena *a, struct str answer, struct haproxy_counters *ret) {
        struct str line, field;
        size_t row_of[COLUMNS_MAX], n;

        if (!str_split(&answer, '\n', &line))
                return;
        n = read_heading(a, line, row_of);

        while (str_split(&answer, '\n', &line)) {
                struct haproxy_counter counter = {
                        .status = STR(""), .check = STR(""), .check_says = STR(""), .address = STR("")
                };

                for (size_t i = 0; i < n && take_field(a, &line, &field); i++)
                        if (row_of[i] != SIZE_MAX)
                                take(&counter, row_of[i], field);
                if (counter.server.n > 0 && !str_is(counter.server, "FRONTEND"))
                        *vec_push(a, &ret->list) = counter;
        }
}

int haproxy_count_all(const struct haproxy_client *c, struct haproxy_counters *ret) {
        struct str answer;
        int r = haproxy_ask_worker(c, STR("show stat -1 6 -1"), &answer);

        if (r < 0)
                return r;

        *ret = (struct haproxy_counters){ 0 };
        haproxy_parse_counters(c->arena, answer, ret);
        return 0;
}

struct haproxy_counter *haproxy_find_counter(const struct haproxy_counters *s, struct str backend,
                                             struct str server) {
        VEC_EACH(counter, &s->list)
                if (str_eq(counter->server, server) && str_eq(counter->backend, backend))
                        return counter;

        return NULL;
}

static int compare_servers(const void *left, const void *right) {
        const struct haproxy_counter *a = left, *b = right;
        int r = str_cmp(a->server, b->server);

        return r == 0 ? str_cmp(a->backend, b->backend) : r;
}

void haproxy_sort_counters(struct haproxy_counters *s) {
        if (s->list.n > 1)
                qsort(s->list.at, s->list.n, sizeof(struct haproxy_counter), compare_servers);
}

const struct haproxy_counter *haproxy_find_server(const struct haproxy_counters *s, struct str server,
                                                  struct str backend) {
        size_t low = 0, high = s->list.n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (str_cmp(s->list.at[middle].server, server) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        for (; low < s->list.n && str_eq(s->list.at[low].server, server); low++)
                if (str_is_absent(backend) || str_eq(s->list.at[low].backend, backend))
                        return &s->list.at[low];

        return NULL;
}

/* Since the machine booted; 0 stands for the time before those that count as recent. */
static uint64_t minutes(void) {
        struct timespec t = { 0 };

        (void) clock_gettime(CLOCK_BOOTTIME, &t);
        return (uint64_t) t.tv_sec / 60 + 1;
}

static uint64_t recent_minute(uint64_t now) {
        return now > RECENT_MINUTES ? now - RECENT_MINUTES : 1;
}

/* --- across reloads --- */

struct saved {
        uint64_t minute;
        struct haproxy_counter counter;
};

struct saved_list {
        VEC(struct saved) list;
};

static const struct row_kind saved_kinds[] = { ROW_LIST(
        "server", struct saved_list, list, ROW_FIELD(ROW_NUMBER, struct saved, minute),
        ROW_FIELD(ROW_TEXT, struct saved, counter.backend), ROW_FIELD(ROW_TEXT, struct saved, counter.server),
        ROW_FIELD(ROW_NUMBER, struct saved, counter.n_requests),
        ROW_FIELD(ROW_NUMBER, struct saved, counter.n_connect_errors),
        ROW_FIELD(ROW_NUMBER, struct saved, counter.n_response_errors),
        ROW_FIELD(ROW_NUMBER, struct saved, counter.n_5xx)) };
static const struct row_file saved_file =
        ROW_FILE(struct saved_list, saved_kinds, .name = "pyservice-counters", .version = 1, .oldest = 1);

static void sum(struct haproxy_counter *to, const struct haproxy_counter *from) {
        to->n_requests += from->n_requests;
        to->n_connect_errors += from->n_connect_errors;
        to->n_response_errors += from->n_response_errors;
        to->n_5xx += from->n_5xx;
}

static void read_saved(struct arena *a, int runtime, struct saved_list *ret) {
        struct str text;

        if (fs_read(a, runtime, LAYOUT_COUNTERS, SAVED_MAX, &text) >= 0)
                (void) rows_parse(a, &saved_file, text, ret);
}

/* One row a server and minute, and one for all the time before those that count as recent. */
static void merge(struct arena *a, struct saved_list *to, struct saved new, uint64_t recent) {
        if (new.minute < recent)
                new.minute = 0;
        VEC_EACH(old, &to->list)
                if (old->minute == new.minute && str_eq(old->counter.server, new.counter.server) &&
                    str_eq(old->counter.backend, new.counter.backend)) {
                        sum(&old->counter, &new.counter);
                        return;
                }

        *vec_push(a, &to->list) = new;
}

int haproxy_save_counters(struct arena *a, int runtime, const struct haproxy_counters *ended) {
        uint64_t minute = minutes(), recent = recent_minute(minute);
        struct saved_list old = { 0 }, new = { 0 };

        if (ended->list.n == 0)
                return 0;

        read_saved(a, runtime, &old);
        VEC_EACH(row, &old.list)
                if (haproxy_find_counter(ended, row->counter.backend, row->counter.server))
                        merge(a, &new, *row, recent);
        VEC_EACH(counter, &ended->list)
                if (counter->n_requests > 0 || counter->n_5xx > 0)
                        merge(a, &new, (struct saved){ minute, *counter }, recent);
        return fs_replace(runtime, LAYOUT_COUNTERS, 0600, rows_text(a, &saved_file, &new));
}

void haproxy_add_saved_counters(struct arena *a, int runtime, bool is_recent,
                                struct haproxy_counters *counters) {
        uint64_t since = is_recent ? recent_minute(minutes()) : 0;
        struct saved_list saved = { 0 };

        if (runtime >= 0)
                read_saved(a, runtime, &saved);
        VEC_EACH(row, &saved.list) {
                struct haproxy_counter *counter =
                        haproxy_find_counter(counters, row->counter.backend, row->counter.server);

                if (counter && row->minute >= since)
                        sum(counter, &row->counter);
        }
}
