/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "hooks/probe.h"
#include "runtime/http.h"
#include "runtime/spawn.h"

#define SEEN ".seen"

enum {
        FILE_MAX = 64 << 10,
        SEEN_MAX = 4 << 20,
        EARLY = 10,                     /* a tenth of its interval: timers are not exact */
};

struct round {
        struct watch *watch;
        int directory;
        uint64_t now;
        VEC(struct watched) all;
        VEC(struct watched *) asked;    /* this time */
};

int watch_write(struct arena *a, const char *path, const struct watched *w) {
        int r = fs_make_dirs(AT_FDCWD, path, true);

        return r < 0 ? r : fs_replace(AT_FDCWD, path, 0644, watch_text(a, w));
}

/* What it says; false where it is gone, or says nothing. */
static bool read_one(struct arena *a, int directory, struct str unit, struct watched *ret) {
        struct str text;

        *ret = (struct watched) { .unit = unit };
        return fs_read(a, directory, unit.p, FILE_MAX, &text) >= 0 && watch_parse(text, ret);
}

void watch_forget(struct arena *a, int directory, const struct watched *w) {
        struct watched now;

        if (read_one(a, directory, w->unit, &now) && str_eq(now.invocation, w->invocation))
                (void) unlinkat(directory, w->unit.p, 0);
}

static int read_all(struct round *r) {
        struct arena *a = r->watch->arena;
        struct fs_names names;
        int error = fs_list(a, r->directory, ".", &names);

        if (error < 0)
                return error;

        VEC_EACH(name, &names.list) {
                struct watched w;

                if (name->p[0] != '.' && read_one(a, r->directory, *name, &w))
                        *vec_push(a, &r->all) = w;
        }

        return 0;
}

/* "UNIT INVOCATION FAILED ASKED-AT" */
static void take_seen(struct round *r, struct str line) {
        struct str unit, invocation, failed;
        uint64_t n_failed, asked_at;

        if (!str_split(&line, ' ', &unit) || !str_split(&line, ' ', &invocation) || !str_split(&line, ' ', &failed) ||
            !str_to_u64(failed, UINT32_MAX, &n_failed) || !str_to_u64(line, UINT64_MAX, &asked_at))
                return;

        VEC_EACH(w, &r->all)
                if (str_eq(w->unit, unit) && str_eq(w->invocation, invocation)) {
                        w->n_failed = n_failed;
                        w->asked_at = asked_at;
                }
}

static void read_seen(struct round *r) {
        struct str text, line;

        if (fs_read(r->watch->arena, r->directory, SEEN, SEEN_MAX, &text) < 0)
                return;

        while (str_split(&text, '\n', &line))
                take_seen(r, line);
}

static int write_seen(struct round *r) {
        struct buf b = buf_in(r->watch->arena);

        VEC_EACH(w, &r->all) {
                buf_put_str(&b, w->unit);
                buf_put_char(&b, ' ');
                buf_put_str(&b, w->invocation);
                buf_put_char(&b, ' ');
                buf_put_u64(&b, w->n_failed);
                buf_put_char(&b, ' ');
                buf_put_u64(&b, w->asked_at);
                buf_put_char(&b, '\n');
        }

        return fs_replace(r->directory, SEEN, 0644, buf_str(&b));
}

static void note_answer(struct round *r, struct watched *w, const struct http_answer *answer) {
        struct arena *a = r->watch->arena;

        w->asked_at = r->now;
        if (answer->status > 0 && probe_accepts(w->codes, answer->status)) {
                w->n_failed = 0;
                return;
        }

        w->n_failed++;
        w->problem = answer->status == 0 ? arena_join(a, STR("it does not answer: "), answer->problem) :
                arena_join(a, STR("it answers with status "), arena_u64(a, answer->status), STR(", not with "), w->codes);
}

static int ask_all(struct round *r) {
        struct arena *a = r->watch->arena;
        struct http_request *requests = arena_array(a, r->all.n, struct http_request);
        struct http_answer *answers = arena_array(a, r->all.n, struct http_answer);
        int error;

        VEC_EACH(w, &r->all) {
                if (w->asked_at + w->interval - w->interval / EARLY > r->now)
                        continue;
                requests[r->asked.n] = (struct http_request) { .address = w->address, .path = w->path, .port = (unsigned) w->port, .timeout_ms = w->timeout };
                *vec_push(a, &r->asked) = w;
        }

        error = http_get_all(a, requests, r->asked.n, answers);
        for (size_t i = 0; i < r->asked.n && error >= 0; i++)
                note_answer(r, r->asked.at[i], &answers[i]);
        return error;
}

static int systemctl(struct round *r, const char *const *words, struct str *ret) {
        struct arena *a = r->watch->arena;
        VEC(const char *) argv = { 0 };
        struct spawn_result result;
        int error;

        *vec_push(a, &argv) = spawn_find(a, "systemctl").p;
        if (r->watch->is_user)
                *vec_push(a, &argv) = "--user";
        for (; *words; words++)
                *vec_push(a, &argv) = *words;
        *vec_push(a, &argv) = NULL;
        if (!argv.at[0])
                return -ENOENT;

        error = spawn_run(a, argv.at, &result);
        if (error >= 0 && result.status != 0)
                *vec_push(a, &r->watch->notes) = arena_join(a, STR("systemctl: "), str_trim(result.err));
        *ret = result.out;
        return error < 0 ? error : result.status == 0 ? 0 : -EIO;
}

/* Of those that failed in this round. */
static int find_states(struct round *r, struct unit_states *ret) {
        struct arena *a = r->watch->arena;
        VEC(const char *) words = { 0 };
        struct str text;
        int error;

        *vec_push(a, &words) = "show";
        *vec_push(a, &words) = "--property=Id,ActiveState,InvocationID,Job";
        *vec_push(a, &words) = "--";
        VEC_EACH(w, &r->asked)
                if ((*w)->n_failed > 0)
                        *vec_push(a, &words) = (*w)->unit.p;
        if (words.n == 3)
                return 0;

        *vec_push(a, &words) = NULL;
        error = systemctl(r, words.at, &text);
        if (error >= 0)
                watch_parse_states(a, text, ret);
        return error;
}

static int restart(struct round *r, struct watched *w) {
        struct arena *a = r->watch->arena;
        struct str ignored;

        *vec_push(a, &r->watch->notes) = arena_join(a, w->unit, STR(": unhealthy, asked for "), w->path, STR(" on port "), arena_u64(a, w->port), STR(" "),
                                                    arena_u64(a, w->n_failed), STR(" times: "), w->problem, STR("; it is restarted"));
        w->n_failed = 0;
        return systemctl(r, (const char *[]) { "restart", "--no-block", "--", w->unit.p, NULL }, &ignored);
}

static struct watched *find(struct round *r, struct str unit) {
        VEC_EACH(w, &r->asked)
                if (str_eq((*w)->unit, unit))
                        return *w;

        return NULL;
}

static int restart_due(struct round *r, const struct unit_states *states) {
        struct str last = STR("");

        VEC_EACH(state, &states->list) {
                struct watched *w = find(r, state->unit);
                int error;

                if (!w)
                        continue;
                /* It is not there any more. If it comes back, it writes the file anew, perhaps it has already. */
                if (str_is(state->state, "inactive") || str_is(state->state, "failed"))
                        watch_forget(r->watch->arena, r->directory, w);
                if (!watch_is_due(w, state) || watch_is_sibling(last, w->unit))
                        continue;

                last = w->unit;
                error = restart(r, w);
                if (error < 0)
                        return error;
        }

        return 0;
}

int watch_round(struct watch *w) {
        CLEANUP(close_fd) int directory = fs_open_dir(AT_FDCWD, w->directory);
        struct round r = { .watch = w, .directory = directory, .now = clock_usec(CLOCK_BOOTTIME) / 1000 };
        struct unit_states states = { 0 };
        int error = directory < 0 ? directory : read_all(&r);

        if (error < 0)
                return error == -ENOENT ? 0 : error;

        read_seen(&r);
        error = ask_all(&r);
        if (error >= 0)
                error = find_states(&r, &states);
        if (error >= 0)
                error = restart_due(&r, &states);
        if (error < 0)
                return error;

        return write_seen(&r);
}
