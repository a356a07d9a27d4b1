/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "bundle/rows.h"
#include "hooks/probe.h"

enum {
        FILE_MAX = 64 << 10,
        TICK_MS = 100,       /* probes that are due within one run together */
        PAUSE_MS = 1000,     /* between two reads of the directory, or queries to systemd */
        SPREAD_MS = 617,     /* prime, so that it meets an interval's every part */
        LATE_MS = 1000,      /* who did not run for so long knows nothing about others */
        LIST_MAX = 64 << 20, /* bytes; a larger one is read again, without what is of no use */
};

/* A list lives in an arena of its own; the one before goes when a new one is there. */
struct watching {
        struct watch *watch;
        int directory;
        struct arena lists[2];
        unsigned current;
        VEC(struct watched) all;
        bool is_empty;           /* the directory */
        struct timespec changed; /* the directory, as it was read */
        uint64_t read_at, judged_at, now, last_id;
        struct http_pool *pool;
        struct arena scratch; /* of one turn */
};

int watch_write(struct arena *a, const char *path, const struct watched *w) {
        int r = fs_make_dirs(AT_FDCWD, path, true);

        return r < 0 ? r : fs_replace(AT_FDCWD, path, 0644, watch_text(a, w));
}

static bool is_own_error(int r) {
        return r == -EMFILE || r == -ENFILE || r == -ENOMEM;
}

/* Reads the file of a unit. 0; negative errno, or an error of rows_parse(). */
static int read_one(struct arena *a, int directory, struct str unit, struct watched *ret) {
        struct str text;
        int r = fs_read(a, directory, unit.p, FILE_MAX, &text);

        if (r >= 0)
                r = watch_parse(a, text, ret);
        ret->unit = unit;
        return r;
}

void watch_forget(struct arena *a, int directory, const struct watched *w) {
        struct watched now;

        if (read_one(a, directory, w->unit, &now) == 0 && str_eq(now.invocation, w->invocation))
                (void) unlinkat(directory, w->unit.p, 0);
}

static void update_clock(struct watching *w) {
        w->now = clock_ms(CLOCK_BOOTTIME);
}

/* The entry of this start in the list before. Both lists are sorted by name. */
static const struct watched *find_before(const struct watching *w, size_t *at, const struct watched *one) {
        while (*at < w->all.n && str_cmp(w->all.at[*at].unit, one->unit) < 0)
                (*at)++;
        if (*at == w->all.n || !str_eq(w->all.at[*at].unit, one->unit))
                return NULL;

        return str_eq(w->all.at[*at].invocation, one->invocation) ? &w->all.at[*at] : NULL;
}

/* A new instance is probed at some time within its interval, so that instances that start together are not
 * probed together for ever. */
static void take_over(struct watching *w, const struct watched *before, struct watched *one) {
        if (!before) {
                one->id = ++w->last_id;
                one->next_at = w->now + one->id * SPREAD_MS % one->interval;
                return;
        }

        one->id = before->id;
        one->n_failed = before->n_failed;
        one->asked_at = before->asked_at;
        one->next_at = before->next_at;
        one->is_asked = before->is_asked;
        one->is_doubtful = before->is_doubtful;
        if (!str_is_absent(before->problem))
                one->problem = arena_str(&w->lists[!w->current], before->problem);
}

static void say(struct watching *w, struct str text) {
        w->watch->say(text);
}

/* Its instance is not probed until it starts again and writes the file again. */
static void report_unread(struct watching *w, struct str unit, int r) {
        if (r != -ENOENT)
                say(w, arena_join(&w->scratch, unit, STR(": its probe cannot be read: "),
                                  str_of(rows_problem(r)), STR("; restart the unit")));
}

static int read_all(struct watching *w) {
        struct arena *a = &w->lists[!w->current];
        __typeof__(w->all) all = { 0 };
        struct fs_names names;
        size_t at = 0;
        int r = fs_list(a, w->directory, ".", &names);

        if (r < 0)
                return r;

        VEC_EACH(name, &names.list) {
                struct watched one;

                if (name->p[0] == '.')
                        continue;
                r = read_one(a, w->directory, *name, &one);
                if (is_own_error(r))
                        return r;
                if (r < 0) {
                        report_unread(w, *name, r);
                        continue;
                }
                take_over(w, find_before(w, &at, &one), &one);
                *vec_push(a, &all) = one;
        }

        w->is_empty = names.list.n == 0;
        arena_done(&w->lists[w->current]);
        w->current = !w->current;
        w->all = all;
        return 0;
}

/* A change within the clock's last step before it was read may not be in it. */
static bool is_settled(const struct watching *w, const struct stat *st) {
        struct timespec now;

        (void) clock_gettime(CLOCK_REALTIME, &now);
        return st->st_mtim.tv_sec == w->changed.tv_sec && st->st_mtim.tv_nsec == w->changed.tv_nsec &&
               (now.tv_sec > st->st_mtim.tv_sec + 2 * PAUSE_MS / 1000 || now.tv_sec < st->st_mtim.tv_sec);
}

static int read_if_changed(struct watching *w) {
        struct stat st;
        int r;

        if (w->read_at > 0 && w->now < w->read_at + PAUSE_MS)
                return 0;
        if (fstat(w->directory, &st) < 0)
                return -errno;

        w->read_at = w->now;
        if (is_settled(w, &st) && w->lists[w->current].total < LIST_MAX)
                return 0;

        w->changed = st.st_mtim;
        r = read_all(w);
        if (!is_own_error(r))
                return r;

        /* Known entries stay, and are read again. */
        arena_done(&w->lists[!w->current]);
        w->changed = (struct timespec){ 0 };
        return 0;
}

static void start_due(struct watching *w) {
        VEC_EACH(one, &w->all) {
                if (one->is_asked || one->next_at > w->now)
                        continue;
                if (!http_has_room(w->pool))
                        return; /* soon */

                one->is_asked = http_start(&w->lists[w->current], w->pool, &one->request, one->id) >= 0;
                one->is_doubtful = false;
                one->asked_at = w->now;
                one->next_at = w->now + one->interval;
        }
}

static uint64_t time_to_next(const struct watching *w) {
        uint64_t next = w->now + PAUSE_MS;

        if (http_is_busy(w->pool))
                return TICK_MS;
        VEC_EACH(one, &w->all)
                if (!one->is_asked && one->next_at < next)
                        next = one->next_at > w->now ? one->next_at : w->now;

        return (next / TICK_MS + 1) * TICK_MS - w->now;
}

static struct watched *find(struct watching *w, uint64_t id) {
        VEC_EACH(one, &w->all)
                if (one->id == id)
                        return one;

        return NULL;
}

static void note_answer(struct watching *w, struct watched *one, const struct http_answer *answer) {
        struct str problem = probe_judge(&w->scratch, &one->request, one->codes, answer);

        one->is_asked = false;
        if (str_is_absent(problem)) {
                one->n_failed = 0;
                return;
        }
        if (answer->is_ours)
                say(w, arena_join(&w->scratch, STR("cannot query "), one->unit, STR(": "), answer->problem,
                                  STR("; that does not count")));
        if (answer->is_ours || one->is_doubtful)
                return;

        one->n_failed++;
        one->problem = arena_str(&w->lists[w->current], problem);
}

static int wait_for_answers(struct watching *w) {
        struct http_answer answer;
        uint64_t ms = time_to_next(w), begin = w->now, id;
        int r;

        (void) poll(NULL, 0, (int) ms);
        update_clock(w);
        VEC_EACH(one, &w->all)
                one->is_doubtful = one->is_doubtful || w->now > begin + ms + LATE_MS;
        r = http_continue(w->pool);
        while (r >= 0 && http_take(&w->scratch, w->pool, &id, &answer)) {
                struct watched *one = find(w, id);

                if (one)
                        note_answer(w, one, &answer);
        }

        return r;
}

static void restart(struct watching *w, struct bus *bus, struct watched *one) {
        struct arena *a = &w->scratch;
        struct bus_job *job;
        struct str times = arena_u64(a, one->n_failed);

        say(w,
            arena_join(a, one->unit, STR(": unhealthy, "), times, STR(" times in a row: "),
                       probe_describe(a, &one->request), STR(": "), one->problem, STR("; it is restarted")));
        if (bus_start_job(bus, BUS_RESTART, one->unit, &job) < 0)
                return;

        one->n_failed = 0;
        VEC_EACH(other, &w->all)
                if (watch_is_sibling(other->unit, one->unit))
                        other->held_until = w->now + one->interval;
}

static int judge_one(struct watching *w, struct bus *bus, struct watched *one) {
        struct bus_unit u;
        int r = bus_get_unit(bus, &w->scratch, one->unit, &u);

        if (r < 0)
                return r;

        /* If it comes back, it writes the file again; perhaps it has already. */
        if (str_is(u.active, "inactive") || str_is(u.active, "failed"))
                watch_forget(&w->scratch, w->directory, one);
        if (watch_is_due(one, &u) && w->now >= one->held_until)
                restart(w, bus, one);
        return 0;
}

/* Handles a failure since the last time: the instance is gone, or due for a restart, or not yet. If systemd
 * does not answer, the query is repeated after the next failure. */
static void judge(struct watching *w) {
        CLEANUP(bus_close) struct bus *bus = NULL;
        int r = 0;

        if (w->now < w->judged_at + PAUSE_MS)
                return;

        w->judged_at = w->now;
        VEC_EACH(one, &w->all) {
                if (str_is_absent(one->problem))
                        continue;
                if (!bus && r >= 0)
                        r = bus_open_private(&w->scratch, w->watch->is_user, &bus);
                if (r >= 0)
                        r = judge_one(w, bus, one);
                one->problem = (struct str){ 0 };
        }
        if (r < 0)
                say(w, arena_join(&w->scratch, STR("systemd does not answer: "), str_of(strerror(-r))));
}

static int turn(struct watching *w) {
        int r;

        update_clock(w);
        r = read_if_changed(w);
        if (r < 0 || w->is_empty)
                return r;

        start_due(w);
        r = http_continue(w->pool);
        if (r >= 0)
                r = wait_for_answers(w);
        judge(w);
        arena_done(&w->scratch);
        return r;
}

int watch_run(struct watch *watch) {
        CLEANUP(close_fd) int directory = fs_open_dir(AT_FDCWD, watch->directory);
        struct watching w = { .watch = watch, .directory = directory };
        int r = directory < 0 ? directory : http_open(watch->arena, &w.pool);

        do
                r = r < 0 ? r : turn(&w);
        while (r >= 0 && !w.is_empty);

        http_close(w.pool);
        for (size_t i = 0; i < ARRAY_SIZE(w.lists); i++)
                arena_done(&w.lists[i]);
        arena_done(&w.scratch);
        return r == -ENOENT ? 0 : r;
}
