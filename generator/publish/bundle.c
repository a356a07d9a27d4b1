/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/bundle.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "bundle/alive.h"
#include "bundle/layout.h"
#include "publish/parts.h"

int bundle_mark_unkept(const struct publisher *p, struct str app) {
        struct path path;
        int r = fs_make_dirs(p->runtime, LAYOUT_UNKEPT, false);

        if (r >= 0)
                r = fs_write(p->runtime, path_join(&path, STR(LAYOUT_UNKEPT "/"), app), 0644, STR(""));
        return r == -EEXIST ? 0 : r;
}

static int open_apps(const struct publisher *p) {
        int r = fs_make_dirs(p->runtime, LAYOUT_APPS, false);

        return r < 0 ? r : fs_open_dir(p->runtime, LAYOUT_APPS);
}

/* Without Quadlet nothing new can be published. */
static void report_no_quadlet(struct publishing *pub) {
        struct publisher *p = pub->p;

        p->ds->owner = (struct str){ NULL, 0 };
        (void) diag_add(p->ds, DIAG_QUADLET_REFUSED, NOWHERE,
                        "'%s' does not exist; install Podman 5.0 or later. Until then the previously "
                        "published units stay",
                        p->quadlet);
}

static void decide_one(struct publishing *pub, struct job *job) {
        struct bundle *bundle = job->bundle;
        int r = stamp_read(pub->p->arena, pub->apps, bundle->app, &job->old);
        struct str hash;

        job->now = job->old;
        if (r < 0)
                publishing_fail(pub, job, r);
        if (bundle->choice != BUNDLE_WANTED || job->is_given_up)
                return;

        if (str_is_absent(pub->identity)) {
                job->is_given_up = true;
                return;
        }

        hash = stamp_hash(&bundle->tree, STR(""), pub->identity);
        if (str_eq(hash, job->old.tree))
                return;

        job->is_changed = true;
        stamp_make(&bundle->tree, pub->identity, &job->now);
        job->needs_quadlet = !str_eq(job->now.quadlet, job->old.quadlet);
}

/* Returns how many are to be published. */
static size_t decide(struct publishing *pub) {
        size_t n_wanted = 0, n_changed = 0;

        for (size_t i = 0; i < pub->n; i++) {
                decide_one(pub, &pub->jobs[i]);
                n_wanted += pub->jobs[i].bundle->choice == BUNDLE_WANTED;
                n_changed += pub->jobs[i].is_changed;
        }
        if (n_wanted > 0 && str_is_absent(pub->identity))
                report_no_quadlet(pub);

        return n_changed;
}

/* One step for all that are still good. */
static void each_changed(struct publishing *pub, int (*step)(struct publishing *, struct job *)) {
        for (size_t i = 0; i < pub->n; i++) {
                struct job *job = &pub->jobs[i];
                int r = job->is_changed && !job->is_given_up ? step(pub, job) : 0;

                if (r < 0)
                        publishing_fail(pub, job, r);
        }
}

static void publish_changed(struct publishing *pub) {
        struct conversion *conversion;
        int r = stage_open(pub);

        if (r < 0) {
                publishing_fail(pub, NULL, r);
                for (size_t i = 0; i < pub->n; i++)
                        pub->jobs[i].is_given_up |= pub->jobs[i].is_changed;
                return;
        }

        /* Quadlet works while the rest is written. */
        each_changed(pub, stage_quadlet);
        conversion = convert_start(pub);
        each_changed(pub, stage_rest);
        convert_finish(conversion);
        each_changed(pub, stage_retired);
        each_changed(pub, stage_keep);
        each_changed(pub, stage_publish);
}

/* Those that were given up and have something else to run. Returns how many are to be published. */
static size_t decide_again(struct publishing *pub) {
        size_t n_changed = 0;

        for (size_t i = 0; i < pub->n; i++) {
                struct job *job = &pub->jobs[i];
                struct bundle *bundle = job->bundle;

                if (job->is_given_up && bundle->choice == BUNDLE_WANTED && bundle->fallback.files.n > 0) {
                        bundle->tree = bundle->after = bundle->fallback;
                        *job = (struct job){ .bundle = bundle };
                        decide_one(pub, job);
                } else
                        job->is_changed = job->needs_quadlet = false;
                n_changed += job->is_changed;
        }

        return n_changed;
}

/* Records the results of the jobs. */
static void settle(struct publishing *pub, struct linkables *l) {
        for (size_t i = 0; i < pub->n; i++) {
                struct job *job = &pub->jobs[i];
                bool is_published = !str_is_absent(job->old.tree);

                if (job->is_given_up) {
                        job->now = job->old;
                        job->bundle->choice = BUNDLE_PUBLISHED;
                }
                if (job->bundle->choice == BUNDLE_PUBLISHED && !is_published)
                        job->bundle->choice = BUNDLE_NONE;

                *vec_push(pub->p->arena, &l->list) = (struct linkable){
                        .app = job->bundle->app.text,
                        .stamp = job->now,
                        .is_alive = job->bundle->choice != BUNDLE_NONE,
                        .is_stopped = job->bundle->is_stopped,
                };
        }
}

static int compare_names(const void *a, const void *b) {
        return str_cmp(*(const struct str *) a, ((const struct linkable *) b)->app);
}

/* Bundles whose app is not in the list yet: their definition is gone. */
static int add_others(const struct publisher *p, int apps, struct linkables *l) {
        size_t n = l->list.n;
        struct fs_names names;
        int r = fs_list(p->arena, apps, ".", &names);

        if (r < 0)
                return r;

        VEC_EACH(name, &names.list) {
                struct linkable other = { .app = *name };

                if (n > 0 && bsearch(name, l->list.at, n, sizeof(struct linkable), compare_names))
                        continue;

                r = stamp_read(p->arena, apps, (struct name){ *name, NOWHERE }, &other.stamp);
                if (r < 0)
                        return r;
                *vec_push(p->arena, &l->list) = other;
        }

        return 0;
}

/* Applications run as well without messages about them. */
static void publish_notify(struct publisher *p, int apps, const struct linkables *l) {
        int r = notify_write(p), q = notify_link(p, apps, l);

        p->notify_error = r < 0 ? r : q;
}

/* All of it, even after a failure: what is not linked stops. */
static void finish(struct publishing *pub) {
        struct publisher *p = pub->p;
        struct linkables linkables = { 0 };
        int r;

        settle(pub, &linkables);
        r = add_others(p, pub->apps, &linkables);
        if (r < 0)
                publishing_fail(pub, NULL, r);
        r = link_units(p, pub->apps, &linkables);
        if (r < 0)
                publishing_fail(pub, NULL, r);
        publish_notify(p, pub->apps, &linkables);
        r = uphold_write(p, &linkables);
        if (r < 0)
                publishing_fail(pub, NULL, r);
        r = uphold_link(p);
        if (r < 0)
                publishing_fail(pub, NULL, r);
}

int publish_all(struct publisher *p, struct bundle *bundles, size_t n) {
        CLEANUP(close_fd) int apps = open_apps(p);
        struct publishing pub = { .p = p, .n = n, .apps = apps, .staging = -1 };
        int r;

        if (apps < 0)
                return apps;

        pub.jobs = arena_array(p->arena, n, struct job);
        for (size_t i = 0; i < n; i++)
                pub.jobs[i].bundle = &bundles[i];

        r = stamp_identify(p->arena, p->quadlet, &pub.identity);
        if (r < 0 && r != -ENOENT)
                publishing_fail(&pub, NULL, r);

        if (decide(&pub) > 0)
                publish_changed(&pub);
        if (decide_again(&pub) > 0) {
                stage_close(&pub);
                publish_changed(&pub);
        }
        finish(&pub);
        stage_close(&pub);
        return pub.error;
}

int publish_existing(struct publisher *p) {
        CLEANUP(close_fd) int apps = open_apps(p);
        struct linkables linkables = { 0 };
        struct alive alive;
        int r, q;

        if (apps < 0)
                return apps;

        r = alive_read(p->arena, p->runtime, &alive);
        VEC_EACH(app, &alive.apps)
                *vec_push(p->arena, &linkables.list) =
                        (struct linkable){ .app = app->name, .is_alive = true };
        VEC_EACH(app, &linkables.list) {
                q = stamp_read(p->arena, apps, (struct name){ app->app, NOWHERE }, &app->stamp);
                r = r < 0 ? r : q;
        }

        q = add_others(p, apps, &linkables);
        r = r < 0 ? r : q;
        p->notify = notify_published(p);
        q = link_units(p, apps, &linkables);
        r = r < 0 ? r : q;
        p->notify_error = notify_link(p, apps, &linkables);
        q = uphold_link(p);
        return r < 0 ? r : q;
}
