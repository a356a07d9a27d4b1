/* SPDX-License-Identifier: Apache-2.0 */
#include "load/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/attempt.h"
#include "app/machine.h"
#include "base/fs.h"
#include "check/check.h"
#include "load/finish.h"
#include "load/foreign.h"
#include "load/pages.h"

/* "shop" of "shop.yaml" and "shop.yml". */
static struct str stem_of(struct str file_name) {
        return (struct str){ file_name.p, file_name.n - (str_has_suffix(file_name, STR(".yml")) ? 4 : 5) };
}

/* Reports the suffix that should be .yaml; `what`: "definition". False if it reported one. */
static bool check_suffix(struct world *w, const char *what, struct str file_name, struct span at) {
        if (!str_has_suffix(file_name, STR(".yml")))
                return true;

        (void) diag_add(w->ds, DIAG_BAD_FILE_NAME, at,
                        "a %s's name ends in .yaml; rename '%.*s' to '%.*s.yaml'", what, STR_ARG(file_name),
                        STR_ARG(stem_of(file_name)));
        return false;
}

/* A mask has a file, and those that are passed over have one. */
static bool has_file(const struct world *w, struct str file_name) {
        struct stat st;

        for (size_t i = 0; i < ARRAY_SIZE(w->places.definitions) && !str_is_absent(w->places.definitions[i]);
             i++)
                if (fstatat(w->root,
                            world_below(arena_join(w->arena, w->places.definitions[i], STR("/"), file_name)),
                            &st, AT_SYMLINK_NOFOLLOW) == 0)
                        return true;

        return false;
}

/* It may be proposed only. */
static bool has_definition(const struct world *w, struct str file_name) {
        return world_find(w, stem_of(file_name)) || has_file(w, file_name);
}

static void check_drop_ins_in(struct world *w, struct str directory) {
        struct fs_names names = { 0 }, inside = { 0 };

        (void) fs_list(w->arena, w->root, world_below(directory), &names);
        VEC_EACH(name, &names.list) {
                struct str path = arena_join(w->arena, directory, STR("/"), *name),
                           file_name = { name->p, name->n - 2 };

                if (!str_has_suffix(*name, STR(".yaml.d")) || has_definition(w, file_name) ||
                    fs_list(w->arena, w->root, world_below(path), &inside) < 0 || inside.list.n == 0)
                        continue;
                (void) diag_add(w->ds, DIAG_UNUSED_DROP_IN,
                                (struct span){ .file = source_add(w->arena, w->sources, path, STR("")) },
                                "these drop-ins have no definition '%.*s'; write one, or remove them",
                                STR_ARG(file_name));
        }
}

/* Warns of drop-ins that are never read: the directory has a name without a definition, for example after a
 * rename. All definitions were read. */
static void check_drop_ins(struct world *w) {
        w->ds->owner = (struct str){ NULL, 0 };
        for (size_t i = 0; i < ARRAY_SIZE(w->places.definitions) && !str_is_absent(w->places.definitions[i]);
             i++)
                check_drop_ins_in(w, w->places.definitions[i]);
}

/* Who else may not write. */
static mode_t forbidden(const struct world *w, const struct stat *st) {
        uid_t user = geteuid();

        return w->places.is_user && user != 0 && st->st_uid == user && st->st_gid == user ? S_IWOTH
                                                                                          : S_IWGRP | S_IWOTH;
}

/* True if the owner and the writers of a file that decides what runs are root, or for a user's manager that
 * user as well. If a user has a private group (of the same number), its members may write, since the user is
 * the only member; Debian's umask for users allows this. Also true if ownership does not matter: check
 * FILE. */
static bool is_trusted(const struct world *w, const struct stat *st) {
        uid_t owner = w->places.is_user ? geteuid() : 0;

        if (w->trusts_all)
                return true;

        return (st->st_uid == owner || st->st_uid == 0) && (st->st_mode & forbidden(w, st)) == 0;
}

/* Reports why the file is not trusted, and what to do. */
static void report_untrusted(struct world *w, uint32_t file, struct str path, const struct stat *st) {
        const char *who = w->places.is_user ? "yours" : "root's";
        struct span at = { file, 0, 0 };

        if (st->st_mode & forbidden(w, st))
                (void) diag_add(w->ds, DIAG_UNSAFE_PERMISSIONS, at,
                                "'%.*s' is writable by others (mode %04o), and it decides what runs; run "
                                "'chmod go-w %.*s'",
                                STR_ARG(path), (unsigned) (st->st_mode & 07777), STR_ARG(path));
        else
                (void) diag_add(
                        w->ds, DIAG_UNSAFE_PERMISSIONS, at,
                        "'%.*s' is not %s but belongs to user %u, and it decides what runs; change its owner",
                        STR_ARG(path), who, (unsigned) st->st_uid);
}

/* Looks up a proposed file. Returns 0 and fills *ret, as if root had written it; -ENOENT if `path` is to be
 * removed; 1 if nothing is proposed for `path`. */
static int read_proposed(const struct world *w, struct str path, struct fs_file *ret) {
        VEC_EACH(p, &w->proposed) {
                if (!str_eq(p->path, path))
                        continue;
                if (str_is_absent(p->text))
                        return -ENOENT;

                *ret = (struct fs_file){ .text = p->text, .stat = { .st_mode = S_IFREG | p->mode } };
                return 0;
        }

        return 1;
}

/* Adds the names that are proposed in `directory` and are not yet in `names`. */
static void list_proposed(const struct world *w, struct str directory, struct fs_names *names) {
        VEC_EACH(p, &w->proposed) {
                struct str name = p->path;

                if (!str_has_prefix(name, directory) || name.n <= directory.n || name.p[directory.n] != '/')
                        continue;
                name = str_from(name, directory.n + 1);
                if (str_find(name, '/') == name.n && !VEC_HAS(&names->list, name))
                        *vec_push(w->arena, &names->list) = name;
        }
}

static struct span whole(uint32_t file) {
        return (struct span){ file, 0, 0 };
}

/* True if there is a link that leads nowhere. */
static bool is_dangling(const struct world *w, struct str path) {
        struct stat st;

        return fstatat(w->root, world_below(path), &st, AT_SYMLINK_NOFOLLOW) >= 0 && S_ISLNK(st.st_mode);
}

/* True if only root can read it, so that it is not an error of this user. */
static bool is_hidden(const struct world *w, int r) {
        return r == -EACCES && geteuid() != 0 && !w->places.is_user && !w->trusts_all;
}

static const char *describe(int r) {
        if (r == -ENOENT)
                return "the link leads to a missing file; create that file, or remove the link";
        if (r == -E2BIG)
                return "pyservice ran out of memory or time on this file; make it smaller, or split the "
                       "application";
        if (r == -EISDIR)
                return "this is a directory; a definition must be a file";

        return r == -ENOTSUP ? "this is not a regular file; a definition must be one" : NULL;
}

/* False if another program may still be writing the file, so that it has to wait. If the clock is behind the
 * file's time, its age is unknown, and it does not wait. */
static bool is_whole(struct world *w, uint32_t file, const struct fs_file *read) {
        const struct timespec *t = &read->stat.st_mtim;
        uint64_t written = (uint64_t) t->tv_sec * 1000000 + (uint64_t) t->tv_nsec / 1000;

        if (read->text.n > 0 && read->text.p[read->text.n - 1] == '\n')
                return true;

        w->written = written > w->written ? written : w->written;
        if (w->now == 0 && read->text.n > 0)
                (void) diag_add(w->ds, DIAG_HALF_WRITTEN, whole(file),
                                "the file does not end with a line feed; add one if the file is complete");
        if (w->now == 0 || w->now < written || w->now - written >= SETTLE_USEC)
                return true;

        w->n_waiting++;
        (void) diag_add(w->ds, DIAG_HALF_WRITTEN, whole(file),
                        "the file was written just now and does not end with a line feed, so it may be "
                        "incomplete; it takes effect once it has one, or in a few seconds");
        return false;
}

/* Reads one file into the sources; false if something was reported. */
static int read_source(struct world *w, struct str path, uint32_t *ret_file, bool *ret_good) {
        struct fs_file read = { .text = { "", 0 } };
        int r = attempt_has_given_up(w, path) ? -E2BIG : read_proposed(w, path, &read);

        if (r > 0)
                r = fs_read_file(w->arena, w->root, world_below(path), SOURCE_MAX, &read);
        if (r == -ENOENT && !is_dangling(w, path))
                return r;

        *ret_file = source_add(w->arena, w->sources, path, read.text);
        *ret_good = r >= 0;
        if (r == -EFBIG)
                (void) diag_add(
                        w->ds, DIAG_FILE_TOO_LARGE, whole(*ret_file),
                        "the file is larger than 1 MiB; split the application, or remove unrelated content");
        else if (is_hidden(w, r)) {
                w->n_hidden++;
                (void) diag_add(w->ds, DIAG_FILE_UNREADABLE, whole(*ret_file),
                                "only root can read this file; run this command as root");
        } else if (r < 0 && describe(r))
                (void) diag_add(w->ds, DIAG_FILE_UNREADABLE, whole(*ret_file), "%s", describe(r));
        else if (r < 0)
                (void) diag_add(w->ds, DIAG_FILE_UNREADABLE, whole(*ret_file), "the file cannot be read: %s",
                                strerror(-r));
        else if (!is_trusted(w, &read.stat)) {
                report_untrusted(w, *ret_file, path, &read.stat);
                *ret_good = false;
        }
        if (*ret_good)
                *ret_good = is_whole(w, *ret_file, &read);
        if (r >= 0 && (read.stat.st_mode & 004) != 0 && !w->trusts_all)
                *vec_push(w->arena, &w->public_files) = *ret_file;
        return 0;
}

/* `is_definition`: and no drop-in, nor another file. */
static int read_yaml(struct world *w, struct str path, bool is_definition, struct node **ret,
                     uint32_t *ret_file) {
        uint32_t file = 0;
        bool good = false;
        int r = read_source(w, path, &file, &good);

        if (r < 0)
                return r;

        *ret = NULL;
        *ret_file = file;
        if (good && !(is_definition && foreign_report(w->ds, file)))
                yaml_parse(w->arena, w->ds, file, ret);
        return 0;
}

int world_read(struct world *w, struct str path, struct node **ret, uint32_t *ret_file) {
        return read_yaml(w, path, false, ret, ret_file);
}

struct found {
        struct str name; /* "shop.yaml" */
        struct str directory;
};

struct found_list {
        VEC(struct found) list;
};

static int compare_found(const void *a, const void *b) {
        return str_cmp(((const struct found *) a)->name, ((const struct found *) b)->name);
}

/* Adds the names of `directory` that are not yet in `all`: earlier directories win. */
static int find_in(struct world *w, struct str directory, struct found_list *all, size_t n_before) {
        struct fs_names names = { 0 };
        int r = fs_list(w->arena, w->root, world_below(directory), &names);

        if (r < 0 && r != -ENOENT && r != -ENOTDIR)
                return r;

        list_proposed(w, directory, &names);
        VEC_EACH(name, &names.list) {
                struct found key = { *name, directory };

                if (name->p[0] == '.' ||
                    !(str_has_suffix(*name, STR(".yaml")) || str_has_suffix(*name, STR(".yml"))))
                        continue;
                if (n_before > 0 && bsearch(&key, all->list.at, n_before, sizeof(key), compare_found))
                        continue;
                *vec_push(w->arena, &all->list) = key;
        }
        return 0;
}

/* The files that count, of `sub` ("" or "/NAME.yaml.d") in all directories, by name. */
static int find_files(struct world *w, struct str sub, struct found_list *ret) {
        for (size_t i = 0; i < ARRAY_SIZE(w->places.definitions) && !str_is_absent(w->places.definitions[i]);
             i++) {
                struct str directory = sub.n > 0 ? arena_join(w->arena, w->places.definitions[i], sub)
                                                 : w->places.definitions[i];
                int r = find_in(w, directory, ret, ret->list.n);

                if (r < 0)
                        return r;
                if (ret->list.n > 0)
                        qsort(ret->list.at, ret->list.n, sizeof(struct found), compare_found);
        }

        return 0;
}

struct definition *world_find(const struct world *w, struct str name) {
        VEC_EACH(d, &w->definitions)
                if (str_eq(d->name.text, name))
                        return d;

        return NULL;
}

static bool is_mask(const struct world *w, struct str path) {
        char target[16];
        ssize_t n = readlinkat(w->root, world_below(path), target, sizeof(target));

        return n >= 0 && str_eq((struct str){ target, (size_t) n }, STR("/dev/null"));
}

/* Every user who can write a directory decides its content. `sub`: "", or "/NAME.yaml.d". */
static void check_directories(struct world *w, struct str sub) {
        for (size_t i = 0; i < ARRAY_SIZE(w->places.definitions) && !str_is_absent(w->places.definitions[i]);
             i++) {
                struct str path = arena_join(w->arena, w->places.definitions[i], sub);
                struct stat st;

                if (fstatat(w->root, world_below(path), &st, 0) < 0 || is_trusted(w, &st))
                        continue;

                report_untrusted(w, source_add(w->arena, w->sources, path, STR("")), path, &st);
                *vec_push(w->arena, &w->unsafe_directories) = path;
        }
}

static bool is_in_unsafe_directory(const struct world *w, struct str directory) {
        return VEC_HAS(&w->unsafe_directories, directory);
}

static int lay_over(struct world *w, const struct found *file, struct definition *d) {
        struct str path = arena_join(w->arena, file->directory, STR("/"), file->name);
        struct node *root = NULL;
        uint32_t index = 0;
        int r;

        if (is_mask(w, path))
                return 0;

        r = world_read(w, path, &root, &index);
        if (r < 0 && r != -ENOENT)
                return r;

        (void) check_suffix(w, "drop-in", file->name, whole(index));
        d->root = schema_merge(w->arena, w->ds, &app_schema, d->root, root);
        return 0;
}

static int read_drop_ins(struct world *w, struct str sub, struct definition *d) {
        struct found_list files = { 0 };
        int r = find_files(w, sub, &files);

        if (r < 0) {
                w->n_hidden += is_hidden(w, r);
                (void) diag_add(w->ds, DIAG_FILE_UNREADABLE, d->name.at,
                                "its drop-ins in '%.*s' cannot be read: %s", STR_ARG(str_from(sub, 1)),
                                strerror(-r));
                return 0;
        }

        check_directories(w, sub);
        VEC_EACH(file, &files.list) {
                r = lay_over(w, file, d);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Messages about a file without an app belong to no app. */
static struct str owner_of(struct str file_name) {
        struct str stem = stem_of(file_name);

        return type_accepts(KIND_NAME, stem) ? stem : (struct str){ NULL, 0 };
}

/* True if the last definition is the first of its name; definitions are sorted by name. */
static bool is_first_of_name(const struct world *w, struct str name) {
        return w->definitions.n < 2 || !str_eq(w->definitions.at[w->definitions.n - 2].name.text, name);
}

/* A file with a wrong suffix is an error of the app of that name, and not a reason to stop it. */
static void take_name(struct world *w, struct definition *d, struct str file_name, uint32_t file) {
        struct str stem = stem_of(file_name);
        bool is_name = type_accepts(KIND_NAME, stem);

        if (check_suffix(w, "definition", file_name, whole(file)) && !is_name)
                (void) diag_add(w->ds, DIAG_BAD_FILE_NAME, whole(file), "invalid application name '%.*s'; %s",
                                STR_ARG(stem), type_of(KIND_NAME)->rule);
        if (is_name && is_first_of_name(w, stem))
                d->name = (struct name){ arena_str(w->arena, stem), whole(file) };
}

static int read_definition(struct world *w, const struct found *file, struct str drop_ins) {
        struct definition *d;
        struct str path = arena_join(w->arena, file->directory, STR("/"), file->name);
        size_t errors = w->ds->n_errors, hidden = w->n_hidden, waiting = w->n_waiting;
        uint32_t index = 0;
        struct node *root = NULL;
        bool waits;
        int r;

        if (is_mask(w, path)) {
                if (str_has_suffix(file->name, STR(".yaml")))
                        *vec_push(w->arena, &w->masks) = (struct mask){ stem_of(file->name), path };
                return 0;
        }

        attempt_begin(w, path);
        w->ds->owner = owner_of(file->name);
        r = read_yaml(w, path, true, &root, &index);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;

        d = vec_push(w->arena, &w->definitions);
        d->path = path;
        d->root = root;
        take_name(w, d, file->name, index);
        if (!str_is_absent(d->name.text) && drop_ins.n > 0)
                r = read_drop_ins(w, drop_ins, d);
        if (r < 0)
                return r;

        waits = w->n_waiting > waiting;
        if (!d->root && w->ds->n_errors == errors && !waits)
                (void) diag_add(w->ds, DIAG_EMPTY_DEFINITION, whole(index),
                                "the file is empty; write at least 'image:', or remove it");
        /* Messages about half a definition could be wrong. */
        if (w->ds->n_errors > errors || waits)
                d->root = NULL;
        d->is_broken = w->ds->n_errors > errors || waits || is_in_unsafe_directory(w, file->directory);
        d->is_hidden = w->n_hidden > hidden && w->ds->n_errors - errors == w->n_hidden - hidden;
        return 0;
}

static void check_pool(struct world *w) {
        const struct port_pool *pool = w->host.ports;

        if (pool->last.n < pool->first.n)
                (void) diag_add(
                        w->ds, DIAG_OUT_OF_RANGE, pool->last.at.len > 0 ? pool->last.at : pool->first.at,
                        "the port pool ends at %llu, below its first port %llu; swap them, or set both",
                        (unsigned long long) pool->last.n, (unsigned long long) pool->first.n);
}

/* `at`: the key's value. */
static void check_notify(struct world *w, const struct node *at) {
        const struct host_notify *n = w->host.notify;
        const struct url *url = n && n->webhook ? &n->webhook->url : NULL;

        if (!n || at->is_refused)
                return;
        if (n->command.n == 0 && !n->webhook && !n->mail)
                (void) diag_add(w->ds, DIAG_MISSING_KEY, at->at,
                                "'notify' names nobody; add 'command', 'webhook' or 'mail'");
        if (n->command.n > 0 && n->command.at->text.p[0] != '/')
                (void) diag_add(w->ds, DIAG_BAD_COMMAND, n->command.at->at,
                                "the program must be an absolute path, such as /usr/local/bin/%.*s",
                                STR_ARG(n->command.at->text));
        if (url && url->at.len > 0 && !str_has_prefix(url->text, STR("https://")) &&
            !str_has_prefix(url->text, STR("http://")))
                (void) diag_add(w->ds, DIAG_BAD_VALUE, url->at,
                                "a webhook is reached with HTTP; write a URL that begins with https:// or "
                                "http://");
}

int world_read_host(struct world *w, struct node **ret) {
        uint32_t file;
        int r = world_read(w, w->places.host, ret, &file);

        if (r < 0 && r != -ENOENT)
                return r;
        if (*ret)
                schema_decode(w->arena, w->ds, &host_schema, *ret, &w->host);

        if (!w->host.ports)
                w->host.ports = arena_new(w->arena, struct port_pool);
        if (!w->host.haproxy)
                w->host.haproxy = arena_new(w->arena, struct host_haproxy);
        if (!w->host.nginx)
                w->host.nginx = arena_new(w->arena, struct host_nginx);
        if (!w->host.acme)
                w->host.acme = arena_new(w->arena, struct host_acme);
        schema_apply_defaults(w->arena, &host_schema, &w->host);
        return 0;
}

static int read_host(struct world *w) {
        size_t errors = w->ds->n_errors, waiting = w->n_waiting;
        struct node *root = NULL;
        int r;

        w->ds->owner = (struct str){ NULL, 0 };
        r = world_read_host(w, &root);
        if (r < 0)
                return r;

        pages_read(w, w->host.haproxy->errors);
        check_pool(w);
        check_acme(w, w->host.acme->directory, w->host.acme->email);
        check_notify(w, root ? node_get(root, "notify") : NULL);
        w->is_host_broken = w->ds->n_errors > errors || w->n_waiting > waiting;
        return 0;
}

/* A definition that is not read does not count as removed: its published bundle stays. */
static void pass_over(struct world *w, const struct found *from, const struct found *end) {
        for (const struct found *file = from; file < end; file++)
                if (str_has_suffix(file->name, STR(".yaml")) && type_accepts(KIND_NAME, stem_of(file->name)))
                        *vec_push(w->arena, &w->definitions) = (struct definition){
                                .name = { arena_str(w->arena, stem_of(file->name)), NOWHERE },
                                .is_broken = true,
                        };
}

/* "shop.yaml" comes before "shop-web.yaml", as "shop" does before "shop-web", and before "shop.yml". */
static int compare_stems(const void *a, const void *b) {
        const struct found *x = a, *y = b;
        int r = str_cmp(stem_of(x->name), stem_of(y->name));

        return r != 0 ? r : compare_found(a, b);
}

static int read_all_definitions(struct world *w) {
        struct found_list files = { 0 };
        int r = find_files(w, (struct str){ NULL, 0 }, &files);

        if (r < 0)
                return r;
        if (files.list.n > 0)
                qsort(files.list.at, files.list.n, sizeof(struct found), compare_stems);

        check_directories(w, STR(""));
        VEC_EACH(file, &files.list) {
                if (w->definitions.n >= APPS_MAX) {
                        struct str path = arena_join(w->arena, file->directory, STR("/"), file->name);

                        (void) diag_add(w->ds, DIAG_TOO_MANY_APPS,
                                        whole(source_add(w->arena, w->sources, path, STR(""))),
                                        "there are more than %u definitions; this one and those after it are "
                                        "ignored; remove some",
                                        (unsigned) APPS_MAX);
                        pass_over(w, file, files.list.at + files.list.n);
                        break;
                }
                r = read_definition(w, file, arena_join(w->arena, STR("/"), file->name, STR(".d")));
                if (r < 0)
                        return r;
        }

        check_drop_ins(w);
        return 0;
}

int world_load(struct world *w) {
        int r = read_host(w);

        if (r >= 0)
                r = machine_read(w);
        if (r >= 0)
                r = read_all_definitions(w);
        if (r >= 0)
                world_finish(w);
        return r;
}

static int read_named_file(struct world *w, struct str path) {
        size_t slash = path.n, before = w->definitions.n;
        struct found file;
        int r;

        while (slash > 0 && path.p[slash - 1] != '/')
                slash--;

        file = (struct found){ str_from(path, slash),
                               slash > 1 ? (struct str){ path.p, slash - 1 } : (struct str){ "", 0 } };
        r = read_definition(w, &file, (struct str){ NULL, 0 });
        return r >= 0 && w->definitions.n == before ? -ENOENT : r;
}

int world_load_files(struct world *w, const char *const *paths, size_t n) {
        CLEANUP(close_fd) int top = fs_open_dir(AT_FDCWD, "/");
        int root = w->root, r = top < 0 ? top : read_host(w);

        if (r >= 0)
                r = machine_read(w);

        /* The user's own files, at the given paths, not below the root. */
        w->root = top;
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = read_named_file(w, str_of(paths[i]));
        w->root = root;

        if (r >= 0)
                world_finish(w);
        return r;
}
