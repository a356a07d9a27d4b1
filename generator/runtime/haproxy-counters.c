/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/haproxy-counters.h"

#include <stddef.h>

enum { COLUMNS_MAX = 512 };

/* Rows: HAProxy's name of a column, where it goes. */
static const struct {
        const char *name;
        size_t place;
        bool is_number;
} rows[] = {
        { "pxname",     offsetof(struct haproxy_counter, backend), false },
        { "svname",     offsetof(struct haproxy_counter, server), false },
        { "status",     offsetof(struct haproxy_counter, status), false },
        { "check_status", offsetof(struct haproxy_counter, check), false },
        { "last_chk",   offsetof(struct haproxy_counter, check_says), false },
        { "addr",       offsetof(struct haproxy_counter, address), false },
        { "scur",       offsetof(struct haproxy_counter, n_sessions), true },
        { "qcur",       offsetof(struct haproxy_counter, n_waiting), true },
        { "stot",       offsetof(struct haproxy_counter, n_requests), true },
        { "econ",       offsetof(struct haproxy_counter, n_connect_errors), true },
        { "eresp",      offsetof(struct haproxy_counter, n_response_errors), true },
        { "hrsp_5xx",   offsetof(struct haproxy_counter, n_5xx), true },
        { "act",        offsetof(struct haproxy_counter, n_active), true },
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
        *ret = (struct str) { text, n };
        *rest = i < rest->n ? str_from(*rest, i + 1) : (struct str) { 0 };
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
                struct haproxy_counter counter = { .status = STR(""), .check = STR(""), .check_says = STR(""), .address = STR("") };

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

        *ret = (struct haproxy_counters) { 0 };
        haproxy_parse_counters(c->arena, answer, ret);
        return 0;
}

const struct haproxy_counter *haproxy_find_counter(const struct haproxy_counters *s, struct str backend, struct str server) {
        VEC_EACH(counter, &s->list)
                if (str_eq(counter->server, server) && str_eq(counter->backend, backend))
                        return counter;

        return NULL;
}
