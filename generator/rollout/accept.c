/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/clock.h"
#include "base/fs.h"
#include "bundle/layout.h"
#include "rollout/parts.h"
#include "state/stored.h"

/* The generator may replace the bundle while it is read; then it is read again. */
enum { READ_TRIES = 20, READ_PAUSE_MS = 100 };

int state_now(struct rollout_run *ro, struct state *ret) {
        return state_read(ro->arena, ro->state, ro->app, ret);
}

int state_written(struct rollout_run *ro, int r) {
        if (r < 0)
                ro->storage_error = r;
        return r;
}

/* To be changed and written: the lock is the caller's to close. */
static int take_state(struct rollout_run *ro, struct state *ret, int *ret_lock) {
        int r = state_written(ro, state_lock(ro->state, ro->app, ret_lock));

        return r < 0 ? r : state_now(ro, ret);
}

/* A bundle in a directory of the runtime directory, if it is the revision that we are to accept. */
static int read_published(struct rollout_run *ro, struct str path, struct tree *ret) {
        CLEANUP(close_fd) int dir = fs_open_dir(ro->runtime, path.p);
        struct tree tree = { .arena = ro->arena };
        int r = dir < 0 ? dir : stored_read(ro->arena, dir, &tree);

        if (r < 0)
                return r;
        if (!str_eq(stored_revision(&tree), ro->revision))
                return -ENOENT;

        *ret = tree;
        return 0;
}

/* Copies the wanted bundle from where the generator left it: whole in wanted/, or what is published is it.
 * One that was accepted before and came back by an undo is in /var already. */
static int store(struct rollout_run *ro, struct tree *ret) {
        struct str path = layout_app(ro->arena, ro->app),
                   inner = arena_join(ro->arena, path, STR("/" LAYOUT_WANTED));
        struct tree tree;
        int r = read_published(ro, inner, &tree);

        if (r == -ENOENT)
                r = read_published(ro, path, &tree);
        if (r >= 0)
                r = state_written(ro, stored_save(ro->state, ro->app, ro->revision, &tree));
        else if (r == -ENOENT)
                r = stored_load(ro->arena, ro->state, ro->app, ro->revision, &tree);
        if (r < 0)
                return r;

        *ret = tree;
        return 0;
}

static int store_patiently(struct rollout_run *ro, struct tree *ret) {
        for (unsigned i = 0;; i++) {
                int r = store(ro, ret);

                if ((r != -ENOENT && r != -EBADMSG) || i == READ_TRIES)
                        return r;
                r = wait_tick(ro, READ_PAUSE_MS);
                if (r != RUN_ON)
                        return r;
        }
}

int accept_prepare(struct rollout_run *ro) {
        CLEANUP(close_fd) int lock = -1;
        struct tree tree = { .arena = ro->arena };
        struct state s = { 0 };
        int r = store_patiently(ro, &tree);

        if (r == RUN_ON)
                r = take_state(ro, &s, &lock);
        return r == RUN_ON ? state_written(ro, state_write(ro->arena, ro->state, ro->app, &s)) : r;
}

static const struct state_event *last_event(const struct state_history *h) {
        return h->list.n > 0 ? &h->list.at[h->list.n - 1] : NULL;
}

/* Where the last one failed after it had been accepted, this one comes back for it. */
struct str accept_reason(const struct state *s, const struct state_history *h, struct str revision) {
        const struct state_event *last = last_event(h);
        const struct state_failure *failure = last ? state_find_failure(s, last->revision) : NULL;

        if (!last)
                return STR("first");
        if (str_eq(s->pinned, revision))
                return STR("undo");
        if (failure && failure->time >= last->time && !str_eq(last->revision, revision))
                return STR("revert");

        return STR("edit");
}

struct str accept_find_previous(const struct state *s, const struct state_history *h, struct str revision) {
        const struct state_event *last = last_event(h);

        /* A revision that was accepted before, or is used again, is good: its failure now has another
         * reason. */
        if (!last || !str_eq(last->revision, revision) || str_is(last->reason, "revert"))
                return (struct str){ 0 };

        for (size_t i = h->list.n - 1; i > 0; i--) {
                struct str earlier = h->list.at[i - 1].revision;

                if (!str_eq(earlier, revision) && !state_find_failure(s, earlier))
                        return earlier;
        }

        return (struct str){ 0 };
}

bool accept_is_recent(const struct state_history *h, struct str runs, const struct state_failure *failure) {
        for (size_t i = h->list.n; i > 0; i--) {
                const struct state_event *e = &h->list.at[i - 1];

                if (str_eq(e->revision, runs) && !str_is(e->reason, "revert"))
                        return failure->time >= e->time;
        }

        return true;
}

static void keep(struct arena *a, struct bus_names *kept, struct str revision) {
        if (!str_is_absent(revision) && !VEC_HAS(&kept->list, revision))
                *vec_push(a, &kept->list) = revision;
}

void accept_find_kept(struct arena *a, const struct state *s, const struct state_history *h, size_t max,
                      struct bus_names *ret) {
        keep(a, ret, s->accepted);
        keep(a, ret, s->pinned);
        /* An undo without a revision returns to a good one: those come before the failed ones. */
        for (unsigned failed = 0; failed < 2; failed++)
                for (size_t i = h->list.n; i > 0 && ret->list.n < max; i--) {
                        struct str revision = h->list.at[i - 1].revision;

                        if (!state_find_failure(s, revision) == (failed == 0))
                                keep(a, ret, revision);
                }
}

static bool names_image(const struct tree *t, struct str image) {
        VEC_EACH(part, &t->record->parts)
                if (str_eq(part->image, image))
                        return true;

        return false;
}

/* True if the revision has an image that `pyservicectl update` found. */
static bool is_update(struct rollout_run *ro, const struct state *s, const struct tree *now) {
        struct tree before = { .arena = ro->arena };

        if (str_is_absent(s->accepted) ||
            stored_load(ro->arena, ro->state, ro->app, s->accepted, &before) < 0)
                return false;

        VEC_EACH(image, &s->images)
                if (names_image(now, image->pinned) && !names_image(&before, image->pinned))
                        return true;

        return false;
}

static int add_event(struct rollout_run *ro, struct str revision, struct str reason) {
        const struct state_event event = { clock_usec(CLOCK_REALTIME), revision, reason };

        return state_written(ro, state_add_history(ro->arena, ro->state, ro->app, event));
}

/* The state comes first: if this program is killed in between, the history gets its line when the rollout
 * continues. The first revision gets it when its rollout is done (accept_note_first()): only its tasks are
 * known of it now. */
static int note_accepted(struct rollout_run *ro, const struct tree *tree) {
        CLEANUP(close_fd) int lock = -1;
        struct state_history history = { 0 };
        struct state s = { 0 };
        struct str reason;
        int r = take_state(ro, &s, &lock);

        if (r >= 0)
                r = state_read_history(ro->arena, ro->state, ro->app, &history);
        if (r < 0)
                return r;

        reason = accept_reason(&s, &history, ro->revision);
        if (str_is(reason, "edit") && tree && is_update(ro, &s, tree))
                reason = STR("update");
        if (!str_eq(s.accepted, ro->revision)) {
                s.accepted = ro->revision;
                s.emptied = s.held = (struct str){ 0 };
                r = state_written(ro, state_write(ro->arena, ro->state, ro->app, &s));
        } else if (last_event(&history) && str_eq(last_event(&history)->revision, ro->revision))
                return RUN_ON;

        return r < 0 || history.list.n == 0 ? r : add_event(ro, ro->revision, reason);
}

int accept_is_first(struct rollout_run *ro, bool *ret) {
        struct state_history history = { 0 };
        int r = state_read_history(ro->arena, ro->state, ro->app, &history);

        *ret = r >= 0 && history.list.n == 0;
        return r;
}

int accept_note_first(struct rollout_run *ro) {
        CLEANUP(close_fd) int lock = -1;
        struct state s = { 0 };
        bool is_first = false;
        int r = take_state(ro, &s, &lock);

        if (r >= 0)
                r = accept_is_first(ro, &is_first);
        return r >= 0 && is_first ? add_event(ro, ro->revision, STR("first")) : r;
}

/* The units of the accepted revision must be loaded before anything is restarted. */
static int load_accepted(struct rollout_run *ro) {
        struct wanted wanted;
        int r = wanted_read(ro->arena, ro->runtime, ro->app, &wanted);

        if (r < 0 || str_eq(wanted.runs, ro->revision))
                return r;

        r = wait_reload(ro);
        if (r == RUN_ON)
                r = wanted_read(ro->arena, ro->runtime, ro->app, &wanted);
        /* The generator reports why it did not. */
        return r == RUN_ON && !str_eq(wanted.runs, ro->revision) ? -ESTALE : r;
}

/* Idempotent up to the state, and after it: who finds the revision accepted only loads it. */
int rollout_accept(struct rollout_run *ro) {
        struct tree tree = { .arena = ro->arena };
        struct state s;
        int r = state_now(ro, &s);

        if (r < 0)
                return r;
        if (str_eq(s.accepted, ro->revision)) {
                r = note_accepted(ro, NULL);
                return r == RUN_ON ? load_accepted(ro) : r;
        }

        ro->progress.has_accepted = ro->has_changed = true;
        show_phase(ro, STR("accept"), arena_join(ro->arena, STR("accepting revision "), ro->revision));
        r = store_patiently(ro, &tree);
        if (r == RUN_ON)
                r = note_accepted(ro, &tree);
        return r == RUN_ON ? load_accepted(ro) : r;
}

int rollout_set_emptied(struct rollout_run *ro, bool is_emptied) {
        CLEANUP(close_fd) int lock = -1;
        struct state s = { 0 };
        int r = take_state(ro, &s, &lock);

        if (r < 0)
                return r;

        s.emptied = is_emptied ? ro->revision : (struct str){ 0 };
        return state_written(ro, state_write(ro->arena, ro->state, ro->app, &s));
}

/* Marks the revision as failed, and returns to the accepted revision, or to `previous` if the failed one was
 * accepted already. */
int accept_note_failure(struct rollout_run *ro, struct str reason, struct str previous) {
        CLEANUP(close_fd) int lock = -1;
        struct state s = { 0 };
        int r = take_state(ro, &s, &lock);

        if (r < 0)
                return r;

        state_add_failure(ro->arena, &s,
                          (struct state_failure){ .revision = ro->revision,
                                                  .reason = reason,
                                                  .time = clock_usec(CLOCK_REALTIME) });
        s.emptied = (struct str){ 0 };
        s.unanswered = ro->revision;
        if (str_eq(s.pinned, ro->revision))
                s.pinned = s.pinned_over = (struct str){ 0 };
        if (!str_is_absent(previous)) {
                s.accepted = previous;
                s.held = ro->plan.stops_on_failure ? ro->revision : (struct str){ 0 };
        }
        r = state_written(ro, state_write(ro->arena, ro->state, ro->app, &s));
        if (r < 0 || str_is_absent(previous))
                return r;

        return add_event(ro, previous, STR("revert"));
}

int accept_note_answered(struct rollout_run *ro) {
        CLEANUP(close_fd) int lock = -1;
        struct state s = { 0 };
        int r = take_state(ro, &s, &lock);

        if (r < 0)
                return r;

        s.unanswered = (struct str){ 0 };
        return state_written(ro, state_write(ro->arena, ro->state, ro->app, &s));
}

/* The bundles to which an undo can return stay, and that of the definition: if it failed, 'rollout retry'
 * tries it again. The images are removed later, without the lock; if the rollout is killed in between, they
 * stay. */
int accept_prune(struct rollout_run *ro, struct podman_images *ret_unneeded) {
        CLEANUP(close_fd) int lock = -1;
        struct state_history history = { 0 };
        struct bus_names kept = { 0 };
        struct wanted wanted = { 0 };
        struct state s = { 0 };
        int r = take_state(ro, &s, &lock);

        if (r >= 0)
                r = state_read_history(ro->arena, ro->state, ro->app, &history);
        if (r >= 0)
                r = wanted_read_revisions(ro->arena, ro->runtime, ro->app, &wanted);
        if (r < 0 && r != -ENOENT)
                return r;

        accept_find_kept(ro->arena, &s, &history, ro->plan.keep_images, &kept);
        keep(ro->arena, &kept, wanted.file);
        images_find_unneeded(ro, &kept, ret_unneeded);
        return stored_prune(ro->arena, ro->state, ro->app, kept.list.at, kept.list.n);
}
