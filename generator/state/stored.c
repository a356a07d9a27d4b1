/* SPDX-License-Identifier: Apache-2.0 */
#include "state/stored.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/hash.h"
#include "bundle/layout.h"
#include "bundle/plan.h"
#include "bundle/rows.h"
#include "state/old-bundle.h"
#include "state/state.h"

enum { MANIFEST_MAX = 4 << 20 };

#define MANIFEST LAYOUT_MANIFEST

static const char *const kinds[] = {
        [TREE_REVISION] = "revision",
        [TREE_TASK] = "task",
        [TREE_SCALE] = "scale",
        [TREE_PLAN] = "plan",
        NULL,
};
static const char *const modes[] = { "0644", "0600", NULL };

static const struct row_kind rows[] = {
        ROW_LIST("file", struct tree, files, ROW_WORD(ROW_CHOICE, struct tree_file, kind, kinds),
                 ROW_FIELD(ROW_TEXT, struct tree_file, owner),
                 ROW_WORD(ROW_FLAG, struct tree_file, is_private, modes),
                 ROW_FIELD(ROW_NAME, struct tree_file, path)),
};

static const struct row_file manifest =
        ROW_FILE(struct tree, rows, .name = "pyservice-manifest", .version = 1, .bare_word = "file");

struct str stored_manifest(const struct tree *t) {
        return rows_text(t->arena, &manifest, t);
}

static bool is_path(struct str path) {
        struct str part;

        if (path.n >= PATH_MAX)
                return false;
        while (str_split(&path, '/', &part))
                if (part.n == 0 || part.n > NAME_MAX || str_is(part, ".") || str_is(part, ".."))
                        return false;

        return true;
}

static int parse_manifest(struct arena *a, struct str text, struct tree *ret) {
        struct str last = STR("");

        if (rows_parse(a, &manifest, text, ret) < 0)
                return -EBADMSG;

        ret->arena = a;
        VEC_EACH(file, &ret->files) {
                if (!is_path(file->path) || str_cmp(last, file->path) >= 0)
                        return -EBADMSG;
                last = file->path;
        }

        return 0;
}

static int read_text(struct arena *a, int dir, struct tree_file *file) {
        int r = -ENOENT;

        /* A pyservice that made no records kept the text here of what upholds a part that was stopped. */
        if (file->kind == TREE_SCALE && str_find_str(file->path, STR(".target.d/")) < file->path.n)
                r = fs_read(a, dir, arena_join(a, STR(LAYOUT_WHOLE "/"), file->path).p, BUF_MAX, &file->text);
        return r == -ENOENT ? fs_read(a, dir, file->path.p, BUF_MAX, &file->text) : r;
}

void stored_set_record(struct tree *t, struct record *record) {
        struct str path = STR(LAYOUT_RECORD), text = record_text(t->arena, record);

        t->record = record;
        VEC_EACH(file, &t->files)
                if (str_eq(file->path, path)) {
                        file->text = text;
                        return;
                }
        tree_mark(tree_add(t, path, 0644, text), TREE_PLAN, (struct str){ 0 });
        tree_sort(t);
}

/* A bundle of a pyservice that made no records gets one; -EBADMSG if it has one that only a later pyservice
 * understands. */
static int read_record(struct tree *t) {
        const struct tree_file *file = tree_find(t, STR(LAYOUT_RECORD));

        t->record = arena_new(t->arena, struct record);
        if (file)
                return record_parse(t->arena, file->text, t->record) < 0 ? -EBADMSG : 0;

        record_from_files(t, t->record);
        stored_set_record(t, t->record);
        return 0;
}

/* During a rollout, the published bundle has a plan that its manifest does not name, because the plan belongs
 * to another bundle. */
static int read_plan(struct tree *t) {
        const struct tree_file *file = tree_find(t, STR(LAYOUT_PLAN));

        if (!file)
                return 0;

        t->plan = arena_new(t->arena, struct plan);
        return plan_parse(t->arena, file->text, t->plan) < 0 ? -EBADMSG : 0;
}

int stored_read(struct arena *a, int dir, struct tree *ret) {
        struct tree t;
        struct str text;
        int r = fs_read(a, dir, MANIFEST, MANIFEST_MAX, &text);

        if (r >= 0)
                r = parse_manifest(a, text, &t);
        if (r < 0)
                return r;

        VEC_EACH(file, &t.files) {
                r = read_text(a, dir, file);
                if (r < 0)
                        return r == -ENOENT || r == -ENOTDIR ? -EBADMSG : r;
        }

        r = read_record(&t);
        if (r >= 0)
                r = read_plan(&t);
        if (r >= 0)
                *ret = t;
        return r;
}

int stored_record(struct arena *a, int dir, struct record *ret) {
        struct tree t;
        struct str text;
        int r = fs_read(a, dir, LAYOUT_RECORD, BUF_MAX, &text);

        if (r == -ENOENT) {
                r = stored_read(a, dir, &t);
                if (r >= 0)
                        *ret = *t.record;
                return r;
        }
        return r < 0 ? r : record_parse(a, text, ret);
}

int stored_load(struct arena *a, int dir, struct str app, struct str revision, struct tree *ret) {
        CLEANUP(close_fd) int bundle = -1;

        if (dir < 0)
                return -ENOENT;

        bundle = fs_open_dir(dir, layout_bundle(a, app, revision).p);
        return bundle < 0 ? bundle : stored_read(a, bundle, ret);
}

/* The directories of `path`; for what only root may read. */
static int make_private_dirs(int dir, const char *path) {
        char part[PATH_MAX];

        for (size_t i = 1; path[i] != '\0'; i++) {
                if (path[i] != '/')
                        continue;

                memcpy(part, path, i);
                part[i] = '\0';
                if (mkdirat(dir, part, 0700) < 0 && errno != EEXIST)
                        return -errno;
        }

        return 0;
}

static int write_file(int dir, struct str path, struct str text) {
        char name[PATH_MAX];
        int r;

        if (path.n >= sizeof(name))
                return -ENAMETOOLONG;

        memcpy(name, path.p, path.n);
        name[path.n] = '\0';
        r = make_private_dirs(dir, name);
        if (r >= 0)
                r = fs_write(dir, name, 0600, text);
        return r < 0 ? r : fs_sync(dir, name);
}

static int write_bundle(int dir, const struct tree *t) {
        VEC_EACH(file, &t->files) {
                int r = write_file(dir, file->path, file->text);

                if (r < 0)
                        return r;
        }

        return write_file(dir, STR(MANIFEST), stored_manifest(t));
}

static int put_in_place(int bundles, const char *temporary, const char *name) {
        int r = fs_swap(bundles, temporary, bundles, name);

        return r < 0 ? r : fs_remove_tree(bundles, temporary);
}

static int open_bundles(int dir, struct str app) {
        char path[NAME_MAX + sizeof("/" LAYOUT_BUNDLES "/")];
        int r;

        if (app.n == 0 || app.n > NAME_MAX)
                return -EINVAL;

        (void) snprintf(path, sizeof(path), "%.*s/" LAYOUT_BUNDLES "/", STR_ARG(app));
        r = make_private_dirs(dir, path);
        return r < 0 ? r : fs_open_dir(dir, path);
}

int stored_save(int dir, struct str app, struct str revision, const struct tree *t) {
        CLEANUP(close_fd) int bundles = -1, bundle = -1;
        char name[REVISION_DIGITS + 1], temporary[sizeof(name) + 5];
        int r;

        if (!state_is_revision(revision))
                return -EINVAL;

        bundles = open_bundles(dir, app);
        if (bundles < 0)
                return bundles;

        (void) snprintf(name, sizeof(name), "%.*s", STR_ARG(revision));
        (void) snprintf(temporary, sizeof(temporary), ".%s.new", name);
        r = fs_remove_tree(bundles, temporary);
        if (r >= 0 && mkdirat(bundles, temporary, 0700) < 0)
                r = -errno;
        if (r < 0)
                return r;

        bundle = fs_open_dir(bundles, temporary);
        r = bundle < 0 ? bundle : write_bundle(bundle, t);
        if (r >= 0)
                r = put_in_place(bundles, temporary, name);
        if (r < 0)
                (void) fs_remove_tree(bundles, temporary);

        return r < 0 ? r : fs_sync(bundles, ".");
}

int stored_prune(struct arena *a, int dir, struct str app, const struct str *keep, size_t n) {
        CLEANUP(close_fd) int bundles = fs_open_dir(dir, layout_bundles(a, app).p);
        struct fs_names names;
        int r = bundles < 0 ? bundles : fs_list(a, bundles, ".", &names);

        if (r < 0)
                return r == -ENOENT ? 0 : r;

        VEC_EACH(name, &names.list) {
                int q = str_is_among(*name, keep, n) ? 0 : fs_remove_tree(bundles, name->p);

                r = r < 0 ? r : q;
        }

        return r;
}

struct str stored_revision(const struct tree *t) {
        struct hash_state *h = hash_start(t->arena);

        VEC_EACH(file, &t->files) {
                if (file->kind != TREE_REVISION && file->kind != TREE_TASK)
                        continue;
                hash_add(h, file->path);
                hash_add(h, file->text);
        }

        return hash_digits(t->arena, h, REVISION_DIGITS);
}
