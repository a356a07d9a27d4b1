/* SPDX-License-Identifier: Apache-2.0 */
#include "state/stored.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/hash.h"
#include "bundle/layout.h"
#include "bundle/plan.h"
#include "state/old-bundle.h"
#include "state/state.h"

enum { MANIFEST_MAX = 4 << 20 };

#define MANIFEST LAYOUT_MANIFEST

static const struct str kinds[] = {
        [TREE_REVISION] = STR_INIT("revision"),
        [TREE_TASK] = STR_INIT("task"),
        [TREE_SCALE] = STR_INIT("scale"),
        [TREE_PLAN] = STR_INIT("plan"),
};

struct str stored_manifest(const struct tree *t) {
        struct buf text = buf_in(t->arena);

        VEC_EACH(file, &t->files) {
                buf_put_str(&text, kinds[file->kind]);
                buf_put_char(&text, ' ');
                buf_put_str(&text, str_is_absent(file->owner) ? STR("-") : file->owner);
                buf_put(&text, file->mode == 0600 ? " 0600 " : " 0644 ");
                buf_put_str(&text, file->path);
                buf_put_char(&text, '\n');
        }

        return buf_str(&text);
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

static bool parse_kind(struct str word, enum tree_kind *ret) {
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (str_eq(word, kinds[i])) {
                        *ret = (enum tree_kind) i;
                        return true;
                }

        return false;
}

/* "KIND OWNER MODE PATH"; a path may have blanks. */
static bool parse_line(struct str line, struct tree_file *ret) {
        struct str kind, owner, mode;

        if (!str_split(&line, ' ', &kind) || !str_split(&line, ' ', &owner) ||
            !str_split(&line, ' ', &mode) || str_is_absent(line))
                return false;
        if (!parse_kind(kind, &ret->kind) || owner.n == 0 || !is_path(line))
                return false;
        if (!str_is(mode, "0600") && !str_is(mode, "0644"))
                return false;

        ret->mode = str_is(mode, "0600") ? 0600 : 0644;
        ret->owner = str_is(owner, "-") ? (struct str){ 0 } : owner;
        ret->path = line;
        return true;
}

static int parse_manifest(struct arena *a, struct str rest, struct tree *ret) {
        struct str line = STR(""), last = STR("");

        while (str_split(&rest, '\n', &line) && !str_is_absent(rest)) {
                struct tree_file file = { 0 };

                if (!parse_line(line, &file) || str_cmp(last, file.path) >= 0)
                        return -EBADMSG;

                last = file.path;
                file.path = arena_str(a, file.path);
                *vec_push(a, &ret->files) = file;
        }

        return line.n == 0 ? 0 : -EBADMSG; /* the last line has its end */
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
        struct tree t = { .arena = a };
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
