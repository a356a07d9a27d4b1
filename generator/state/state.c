/* SPDX-License-Identifier: Apache-2.0 */
#include "state/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/utf8.h"
#include "bundle/layout.h"

enum { STATE_FILE_MAX = 1 << 20 };

#define NO_REVISION STR("-")

bool state_is_revision(struct str text) {
        return text.n == REVISION_DIGITS && str_is_made_of(text, "0123456789abcdef");
}

static bool is_word(struct str text) {
        for (size_t i = 0; i < text.n; i++)
                if ((unsigned char) text.p[i] <= ' ' || text.p[i] == 0x7f)
                        return false;

        return text.n > 0;
}

static bool is_line(struct str text) {
        for (size_t i = 0; i < text.n; i++)
                if ((unsigned char) text.p[i] < ' ')
                        return false;

        return text.n <= STATE_REASON_MAX;
}

/* Takes a word off the front of the line. */
static struct str next_word(struct str *line) {
        struct str word = { 0 };

        (void) str_split(line, ' ', &word);
        return word;
}

/* The last word of a line is a revision, and there is none yet. */
static bool take_revision(struct str *line, struct str *revision) {
        bool is_first = str_is_absent(*revision);

        *revision = next_word(line);
        return is_first && state_is_revision(*revision);
}

static bool take_pinned(struct str *line, struct state *s) {
        if (!take_revision(line, &s->pinned))
                return false;

        s->pinned_over = next_word(line);
        if (state_is_revision(s->pinned_over))
                return true;
        if (!str_eq(s->pinned_over, NO_REVISION))
                return false;

        s->pinned_over = (struct str){ 0 };
        return true;
}

static bool take_failure(struct arena *a, struct str *line, struct state *s) {
        struct state_failure failure = { .revision = next_word(line) };
        bool is_good =
                str_to_u64(next_word(line), UINT64_MAX, &failure.time) && state_is_revision(failure.revision);

        if (!is_good || str_is_absent(*line) || !is_line(*line))
                return false;

        failure.reason = *line;
        *line = (struct str){ 0 };
        *vec_push(a, &s->failed) = failure;
        return true;
}

static bool take_task(struct arena *a, struct str *line, struct state *s) {
        struct state_task task = { .revision = next_word(line) };

        task.unit = next_word(line);
        *vec_push(a, &s->tasks) = task;
        return state_is_revision(task.revision) && is_word(task.unit);
}

static bool take_image(struct arena *a, struct str *line, struct state *s) {
        struct state_image image = { .reference = next_word(line) };

        image.pinned = next_word(line);
        *vec_push(a, &s->images) = image;
        return is_word(image.reference) && is_word(image.pinned);
}

static bool take_paused(struct state *s) {
        bool is_first = !s->is_paused;

        s->is_paused = true;
        return is_first;
}

static bool take_line(struct arena *a, struct str line, struct state *s) {
        struct str key = next_word(&line);
        bool is_good = (str_is(key, "accepted") && take_revision(&line, &s->accepted)) ||
                       (str_is(key, "pinned") && take_pinned(&line, s)) ||
                       (str_is(key, "emptied") && take_revision(&line, &s->emptied)) ||
                       (str_is(key, "held") && take_revision(&line, &s->held)) ||
                       (str_is(key, "paused") && take_paused(s)) ||
                       (str_is(key, "failed") && take_failure(a, &line, s)) ||
                       (str_is(key, "task") && take_task(a, &line, s)) ||
                       (str_is(key, "image") && take_image(a, &line, s));

        return is_good && str_is_absent(line);
}

/* An app without a directory, and no directory at all, are like an empty file. */
static int read_file(struct arena *a, int dir, struct str app, const char *name, struct str *ret) {
        struct str path = arena_join(a, app, STR("/"), str_of(name));
        int r = dir < 0 ? -ENOENT : fs_read(a, dir, path.p, STATE_FILE_MAX, ret);

        if (r == -ENOENT || r == -ENOTDIR) {
                *ret = STR("");
                return 0;
        }

        return r;
}

int state_read(struct arena *a, int dir, struct str app, struct state *ret) {
        struct state s = { 0 };
        struct str rest, line;
        int r = read_file(a, dir, app, LAYOUT_STATE_FILE, &rest);

        if (r < 0)
                return r;

        while (str_split(&rest, '\n', &line)) {
                if (str_is_absent(rest) && line.n == 0)
                        break;
                /* Without its end a line may be half of one. */
                if (str_is_absent(rest) || !take_line(a, line, &s))
                        return -EBADMSG;
        }

        *ret = s;
        return 0;
}

static void put_line(struct buf *text, const char *key, const struct str *words, size_t n) {
        buf_put(text, key);
        for (size_t i = 0; i < n; i++) {
                buf_put_char(text, ' ');
                buf_put_str(text, words[i]);
        }
        buf_put_char(text, '\n');
}

#define PUT_LINE(text, key, ...)                                     \
        put_line((text), (key), (const struct str[]){ __VA_ARGS__ }, \
                 ARRAY_SIZE(((const struct str[]){ __VA_ARGS__ })))

static void put_revision(struct buf *text, const char *key, struct str revision) {
        if (!str_is_absent(revision))
                PUT_LINE(text, key, revision);
}

static struct str make_text(struct arena *a, const struct state *s) {
        struct buf text = buf_in(a);

        put_revision(&text, "accepted", s->accepted);
        if (!str_is_absent(s->pinned))
                PUT_LINE(&text, "pinned", s->pinned,
                         str_is_absent(s->pinned_over) ? NO_REVISION : s->pinned_over);
        put_revision(&text, "emptied", s->emptied);
        put_revision(&text, "held", s->held);
        if (s->is_paused)
                put_line(&text, "paused", NULL, 0);
        VEC_EACH(failure, &s->failed)
                PUT_LINE(&text, "failed", failure->revision, arena_u64(a, failure->time),
                         utf8_clean_line(a, failure->reason, STATE_REASON_MAX));
        VEC_EACH(task, &s->tasks)
                PUT_LINE(&text, "task", task->revision, task->unit);
        VEC_EACH(image, &s->images)
                PUT_LINE(&text, "image", image->reference, image->pinned);

        return buf_str(&text);
}

/* Would it be read as what it is? */
static bool is_readable(struct arena *a, struct str text) {
        struct state s = { 0 };
        struct str line;

        while (str_split(&text, '\n', &line) && !str_is_absent(text))
                if (!take_line(a, line, &s))
                        return false;

        return true;
}

static int open_app(int dir, struct str app) {
        char name[NAME_MAX + 1];
        bool is_new;

        if (app.n == 0 || app.n > NAME_MAX)
                return -EINVAL;

        memcpy(name, app.p, app.n);
        name[app.n] = '\0';
        is_new = mkdirat(dir, name, 0700) >= 0;
        if (!is_new && errno != EEXIST)
                return -errno;
        if (is_new && fsync(dir) < 0)
                return -errno;

        return fs_open_dir(dir, name);
}

static int replace_file(int dir, struct str app, const char *name, struct str text) {
        CLEANUP(close_fd) int app_dir = open_app(dir, app);

        return app_dir < 0 ? app_dir : fs_replace_safely(app_dir, name, 0600, text);
}

int state_write(struct arena *a, int dir, struct str app, const struct state *s) {
        struct str text = make_text(a, s);

        return is_readable(a, text) ? replace_file(dir, app, LAYOUT_STATE_FILE, text) : -EINVAL;
}

int state_lock(int dir, struct str app, int *ret) {
        CLEANUP(close_fd) int app_dir = open_app(dir, app);
        int fd, r;

        if (app_dir < 0)
                return app_dir;

        fd = openat(app_dir, LAYOUT_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;

        do
                r = flock(fd, LOCK_EX) < 0 ? -errno : 0;
        while (r == -EINTR);
        if (r < 0) {
                (void) close(fd);
                return r;
        }

        *ret = fd;
        return 0;
}

const struct state_failure *state_find_failure(const struct state *s, struct str revision) {
        VEC_EACH(failure, &s->failed)
                if (str_eq(failure->revision, revision))
                        return failure;

        return NULL;
}

static void drop_failure(struct state *s, size_t i) {
        s->failed.n--;
        memmove(&s->failed.at[i], &s->failed.at[i + 1], (s->failed.n - i) * sizeof(struct state_failure));
}

void state_clear_failure(struct state *s, struct str revision) {
        for (size_t i = s->failed.n; i > 0; i--)
                if (str_eq(s->failed.at[i - 1].revision, revision))
                        drop_failure(s, i - 1);
}

void state_add_failure(struct arena *a, struct state *s, struct state_failure failure) {
        state_clear_failure(s, failure.revision);
        if (s->failed.n >= STATE_FAILED_MAX)
                drop_failure(s, 0);

        failure.reason = utf8_clean_line(a, failure.reason, STATE_REASON_MAX);
        *vec_push(a, &s->failed) = failure;
}

bool state_has_task(const struct state *s, struct str revision, struct str unit) {
        VEC_EACH(task, &s->tasks)
                if (str_eq(task->revision, revision) && str_eq(task->unit, unit))
                        return true;

        return false;
}

void state_add_task(struct arena *a, struct state *s, struct state_task task) {
        if (state_has_task(s, task.revision, task.unit))
                return;

        if (s->tasks.n >= STATE_TASKS_MAX) {
                s->tasks.n--;
                memmove(s->tasks.at, s->tasks.at + 1, s->tasks.n * sizeof(struct state_task));
        }
        *vec_push(a, &s->tasks) = task;
}

int state_read_history(struct arena *a, int dir, struct str app, struct state_history *ret) {
        struct state_history history = { 0 };
        struct str rest, line;
        int r = read_file(a, dir, app, LAYOUT_HISTORY, &rest);

        if (r < 0)
                return r;

        while (str_split(&rest, '\n', &line) && !str_is_absent(rest)) {
                struct state_event event = { 0 };

                if (!str_to_u64(next_word(&line), UINT64_MAX, &event.time))
                        return -EBADMSG;

                event.revision = next_word(&line);
                event.reason = next_word(&line);
                if (!state_is_revision(event.revision) || !is_word(event.reason) || !str_is_absent(line))
                        return -EBADMSG;
                *vec_push(a, &history.list) = event;
        }

        *ret = history;
        return 0;
}

int state_add_history(struct arena *a, int dir, struct str app, struct state_event event) {
        struct state_history history = { 0 };
        struct buf text = buf_in(a);
        int r = state_read_history(a, dir, app, &history);

        if (r < 0 && r != -EBADMSG)
                return r;
        if (!state_is_revision(event.revision) || !is_word(event.reason))
                return -EINVAL;

        *vec_push(a, &history.list) = event;
        for (size_t i = history.list.n > STATE_EVENTS_MAX ? history.list.n - STATE_EVENTS_MAX : 0;
             i < history.list.n; i++) {
                const struct state_event *e = &history.list.at[i];

                put_line(&text, arena_u64(a, e->time).p, (const struct str[]){ e->revision, e->reason }, 2);
        }

        return replace_file(dir, app, LAYOUT_HISTORY, buf_str(&text));
}
