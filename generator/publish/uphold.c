/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "bundle/layout.h"
#include "output/unit.h"
#include "publish/parts.h"

#define ALIVE LAYOUT_ALIVE
#define DROP_IN_DIR "pyservice.target.d"
#define DROP_IN DROP_IN_DIR "/50-pyservice.conf"

/* 4,096 apps with a line for the target and one for its errors. */
enum { TEXT_FILE_MAX = 4 << 20 };

/* Files that belong to no app; upper case, so it can't be an app's name. */
#define HOST STR("HOST")

static bool says(struct arena *a, int dir, const char *name, struct str text) {
        struct str old;

        return fs_read(a, dir, name, TEXT_FILE_MAX, &old) >= 0 && str_eq(old, text);
}

/* Does not write a file that already has this text. */
static int replace(struct arena *a, int dir, const char *name, mode_t mode, struct str text) {
        return says(a, dir, name, text) ? 0 : fs_replace(dir, name, mode, text);
}

static struct str owner_of(const struct diag *d) {
        bool is_name = d->owner.n > 0 && d->owner.n < NAME_MAX && d->owner.p[0] != '-' &&
                       str_is_made_of(d->owner, "abcdefghijklmnopqrstuvwxyz0123456789-");

        return is_name ? d->owner : HOST;
}

static int compare_owners(const void *left, const void *right) {
        const struct diag *a = *(const struct diag *const *) left, *b = *(const struct diag *const *) right;
        int r = str_cmp(owner_of(a), owner_of(b));

        return r != 0 ? r : a < b ? -1 : a > b; /* elements of one array: their addresses are their order */
}

/* The errors have changed: pyservice-config@.path waits for this file, and its service removes it. */
static int mark_unseen(const struct publisher *p, struct str owner) {
        struct str path = arena_join(p->arena, STR(LAYOUT_ERRORS_UNSEEN "/"), owner);
        int r = fs_make_dirs(p->runtime, path.p, true);

        if (r >= 0)
                r = fs_write(p->runtime, path.p, 0644, STR(""));
        return r == -EEXIST ? 0 : r;
}

/* `own`: those of the owner alone, since a search through all for each owner would take the square of their
 * number. */
static int write_errors_of(const struct publisher *p, int dir, const struct diags *own, struct str owner) {
        struct buf text = buf_in(p->arena);
        struct path path;
        int r;

        diag_print(&text, own, (struct str){ 0 }, 0);
        if (says(p->arena, dir, path_join(&path, owner), buf_str(&text)))
                return 0;

        /* First the mark: cut off in between, the next run does both again. */
        r = mark_unseen(p, owner);
        return r < 0 ? r : fs_replace(dir, path_join(&path, owner), 0600, buf_str(&text));
}

/* Files of owners that have no errors now. Both lists are sorted. */
static int remove_stale(const struct publisher *p, int dir, const struct fs_names *owners) {
        struct fs_names names;
        size_t at = 0;
        int r = fs_list(p->arena, dir, ".", &names);

        if (r < 0)
                return r;

        VEC_EACH(name, &names.list) {
                while (at < owners->list.n && str_cmp(owners->list.at[at], *name) < 0)
                        at++;
                if (at < owners->list.n && str_eq(owners->list.at[at], *name))
                        continue;
                if (unlinkat(dir, name->p, 0) < 0 && errno != ENOENT)
                        return -errno;
        }

        return 0;
}

/* `sorted`: all diagnostics, by owner. */
static int write_all_errors(const struct publisher *p, int dir, struct diag *sorted,
                            struct fs_names *owners) {
        struct diags own = *p->ds;
        size_t n = p->ds->list.n;

        for (size_t i = 0, end; i < n; i = end) {
                struct str owner = owner_of(&sorted[i]);
                bool has_errors = false;
                int r;

                for (end = i; end < n && str_eq(owner_of(&sorted[end]), owner); end++)
                        has_errors |= sorted[end].severity == SEVERITY_ERROR;
                if (!has_errors)
                        continue;

                own.list.at = &sorted[i];
                own.list.n = end - i;
                *vec_push(p->arena, &owners->list) = owner;
                r = write_errors_of(p, dir, &own, owner);
                if (r < 0)
                        return r;
        }

        return 0;
}

static struct diag *sort_by_owner(struct arena *a, const struct diags *ds) {
        const struct diag **order = arena_array(a, ds->list.n, const struct diag *);
        struct diag *sorted = arena_array(a, ds->list.n, struct diag);

        for (size_t i = 0; i < ds->list.n; i++)
                order[i] = &ds->list.at[i];
        if (ds->list.n > 1)
                qsort(order, ds->list.n, sizeof(*order), compare_owners);
        for (size_t i = 0; i < ds->list.n; i++)
                sorted[i] = *order[i];

        return sorted;
}

/* *ret: whose definitions have errors, sorted. */
static int write_errors(const struct publisher *p, struct fs_names *ret) {
        CLEANUP(close_fd) int dir = -1;
        int r = fs_make_dirs(p->runtime, LAYOUT_ERRORS, false);

        diag_sort(p->ds);
        if (r >= 0)
                r = dir = fs_open_dir(p->runtime, LAYOUT_ERRORS);
        if (r >= 0)
                r = write_all_errors(p, dir, sort_by_owner(p->arena, p->ds), ret);

        return r < 0 ? r : remove_stale(p, dir, ret);
}

/* Writes a list of apps with files for HAProxy, or for nginx. 1 if there are any, or were; 0 if there never
 * were. */
static int write_list(const struct publisher *p, const struct linkables *l, bool is_nginx,
                      struct hash_state *h) {
        const char *name = is_nginx ? LAYOUT_LIST_NGINX : LAYOUT_LIST_HAPROXY;
        struct buf text = buf_in(p->arena);
        int r;

        VEC_EACH(app, &l->list) {
                struct str files = is_nginx ? app->stamp.nginx : app->stamp.haproxy;

                if (!app->is_alive || str_is_absent(files))
                        continue;

                hash_add(h, app->app);
                hash_add(h, files);
                buf_put_str(&text, app->app);
                buf_put_char(&text, '\n');
        }

        if (text.n == 0 && faccessat(p->runtime, name, F_OK, 0) < 0)
                return errno == ENOENT ? 0 : -errno;

        r = replace(p->arena, p->runtime, name, 0644, buf_str(&text));
        return r < 0 ? r : 1;
}

/* *ret: the hash of the files; absent if there never were any. */
static int write_proxy(const struct publisher *p, const struct linkables *l, struct str *ret) {
        struct hash_state *h = hash_start(p->arena);
        int r, q;

        *ret = (struct str){ 0 };
        if (p->is_user) /* the machine's proxy is not the user's */
                return 0;

        r = write_list(p, l, false, h);
        q = r < 0 ? r : write_list(p, l, true, h);
        if (q < 0)
                return q;
        if (r > 0 || q > 0)
                *ret = hash_text(p->arena, h);
        return 0;
}

/* The units that start the services of their name once: a service that fails would, upheld, start again
 * and again. */
static void put_config(struct unit *u, struct name instance) {
        unit_open(u, UNIT_UPHOLDS);
        unit_const(u, "pyservice-config@");
        unit_part(u, instance);
        unit_const(u, ".path");
        unit_close(u);
}

int uphold_write(const struct publisher *p, const struct linkables *l) {
        struct fs_names broken = { 0 };
        struct unit *u = unit_new(p->arena);
        struct name hash = { 0 };
        int r = write_errors(p, &broken), q = write_proxy(p, l, &hash.text);

        unit_comment_const(u, "Units that pyservice-generator upholds.");
        VEC_EACH(app, &l->list) {
                if (!app->is_alive)
                        continue;

                unit_open(u, app->is_stopped ? UNIT_STOPPED : UNIT_UPHOLDS);
                unit_part(u, ((struct name){ app->app, NOWHERE }));
                unit_const(u, ".target");
                unit_close(u);
        }
        if (p->awaits_state)
                unit_put_const(u, UNIT_UPHOLDS, "pyservice-state.service");
        if (p->awaits_files)
                unit_put_const(u, UNIT_UPHOLDS, "pyservice-settle.timer");
        if (!str_is_absent(p->notify)) {
                unit_put_const(u, UNIT_UPHOLDS, "pyservice-notify.path");
                unit_put_const(u, UNIT_UPHOLDS, "pyservice-expiry.timer");
        }
        VEC_EACH(owner, &broken.list)
                put_config(u, (struct name){ *owner, NOWHERE });
        if (hash.text.n > 0) {
                unit_open(u, UNIT_UPHOLDS);
                unit_const(u, "pyservice-proxy@");
                unit_part(u, hash);
                unit_const(u, ".timer");
                unit_close(u);
        }

        r = r < 0 ? r : q;
        q = replace(p->arena, p->runtime, ALIVE, 0644, unit_text(u));
        return r < 0 ? r : q;
}

int uphold_link(const struct publisher *p) {
        struct path path;
        int r = fs_make_dirs(p->output, DROP_IN, true);

        if (r < 0)
                return r;

        r = link_file(p->runtime, ALIVE, p->output, DROP_IN,
                      path_join(&path, p->runtime_path, STR("/" ALIVE)));
        return r == -EEXIST || r == -ENOENT ? 0 : r;
}
