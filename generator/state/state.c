/* SPDX-License-Identifier: Apache-2.0 */
#include "state/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/utf8.h"
#include "bundle/layout.h"
#include "bundle/rows.h"

enum { STATE_FILE_MAX = 1 << 20 };

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

static const struct row_kind state_kinds[] = {
        ROW_ONCE("accepted", ROW_FIELD(ROW_NAME, struct state, accepted)),
        ROW_ONCE("pinned", ROW_FIELD(ROW_NAME, struct state, pinned),
                 ROW_FIELD(ROW_TEXT, struct state, pinned_over)),
        ROW_ONCE("emptied", ROW_FIELD(ROW_NAME, struct state, emptied)),
        ROW_ONCE("held", ROW_FIELD(ROW_NAME, struct state, held)),
        ROW_ONCE("unanswered", ROW_FIELD(ROW_NAME, struct state, unanswered)),
        ROW_MARK("paused", struct state, is_paused),
        ROW_LIST("failed", struct state, failed, ROW_FIELD(ROW_NAME, struct state_failure, revision),
                 ROW_FIELD(ROW_NUMBER, struct state_failure, time),
                 ROW_FIELD(ROW_NAME, struct state_failure, reason)),
        ROW_LIST("task", struct state, tasks, ROW_FIELD(ROW_NAME, struct state_task, revision),
                 ROW_FIELD(ROW_NAME, struct state_task, unit)),
        ROW_LIST("image", struct state, images, ROW_FIELD(ROW_NAME, struct state_image, reference),
                 ROW_FIELD(ROW_NAME, struct state_image, pinned)),
};

static const struct row_file state_file =
        ROW_FILE(struct state, state_kinds, .name = "pyservice-state", .version = 1);

static const struct row_kind history_kinds[] = {
        ROW_LIST("event", struct state_history, list, ROW_FIELD(ROW_NUMBER, struct state_event, time),
                 ROW_FIELD(ROW_NAME, struct state_event, revision),
                 ROW_FIELD(ROW_NAME, struct state_event, reason)),
};

static const struct row_file history_file = ROW_FILE(
        struct state_history, history_kinds, .name = "pyservice-history", .version = 1, .bare_word = "event");

static bool is_state(const struct state *s) {
        const struct str revisions[] = { s->accepted, s->pinned, s->pinned_over,
                                         s->emptied,  s->held,   s->unanswered };

        for (size_t i = 0; i < ARRAY_SIZE(revisions); i++)
                if (!str_is_absent(revisions[i]) && !state_is_revision(revisions[i]))
                        return false;
        VEC_EACH(failure, &s->failed)
                if (!state_is_revision(failure->revision) || !is_line(failure->reason))
                        return false;
        VEC_EACH(task, &s->tasks)
                if (!state_is_revision(task->revision) || !is_word(task->unit))
                        return false;
        VEC_EACH(image, &s->images)
                if (!is_word(image->reference) || !is_word(image->pinned))
                        return false;

        return true;
}

static bool is_history(const struct state_history *h) {
        VEC_EACH(event, &h->list)
                if (!state_is_revision(event->revision) || !is_word(event->reason))
                        return false;

        return true;
}

/* An app without a directory, and no directory at all, are like an empty file. */
static int read_file(struct arena *a, int dir, struct str path, const struct row_file *file, void *ret) {
        struct str text = STR("");
        int r = dir < 0 ? -ENOENT : fs_read(a, dir, path.p, STATE_FILE_MAX, &text);

        if (r < 0 && r != -ENOENT && r != -ENOTDIR)
                return r;

        return rows_parse(a, file, text, ret) < 0 ? -EBADMSG : 0;
}

int state_read(struct arena *a, int dir, struct str app, struct state *ret) {
        struct state s;
        int r = read_file(a, dir, arena_join(a, app, STR("/" LAYOUT_STATE_FILE)), &state_file, &s);

        if (r >= 0 && !is_state(&s))
                r = -EBADMSG;
        if (r >= 0)
                *ret = s;
        return r;
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
        VEC_EACH(failure, &s->failed)
                failure->reason = utf8_clean_line(a, failure->reason, STATE_REASON_MAX);

        return is_state(s) ? replace_file(dir, app, LAYOUT_STATE_FILE, rows_text(a, &state_file, s))
                           : -EINVAL;
}

int state_lock(int dir, struct str app, int *ret) {
        CLEANUP(close_fd) int app_dir = open_app(dir, app);
        int r;

        if (app_dir < 0)
                return app_dir;

        r = fs_lock(app_dir, LAYOUT_LOCK);
        if (r < 0)
                return r;

        *ret = r;
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
        struct state_history history;
        int r = read_file(a, dir, arena_join(a, app, STR("/" LAYOUT_HISTORY)), &history_file, &history);

        if (r >= 0 && !is_history(&history))
                r = -EBADMSG;
        if (r >= 0)
                *ret = history;
        return r;
}

int state_add_history(struct arena *a, int dir, struct str app, struct state_event event) {
        struct state_history history = { 0 };
        int r = state_read_history(a, dir, app, &history);

        if (r < 0 && r != -EBADMSG)
                return r;

        *vec_push(a, &history.list) = event;
        if (!is_history(&history))
                return -EINVAL;
        if (history.list.n > STATE_EVENTS_MAX) {
                history.list.at += history.list.n - STATE_EVENTS_MAX;
                history.list.n = STATE_EVENTS_MAX;
        }

        return replace_file(dir, app, LAYOUT_HISTORY, rows_text(a, &history_file, &history));
}
