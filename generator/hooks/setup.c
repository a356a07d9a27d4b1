/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/macro.h"
#include "base/walk.h"
#include "bundle/layout.h"
#include "runtime/spawn.h"

static void complain(struct setup *s, struct str text) {
        *vec_push(s->arena, &s->problems) = text;
}

bool setup_wish(struct setup *s, struct str argument) {
        size_t equals = str_find(argument, '=');
        struct setup_copy copy = { .name = { argument.p, equals } };

        if (equals == argument.n || equals == 0 || argument.p[0] == '.' || str_find(copy.name, '/') < equals)
                return false;

        copy.name = arena_str(s->arena, copy.name);
        copy.path = arena_str(s->arena, str_from(argument, equals + 1));
        *vec_push(s->arena, &s->copies) = copy;
        return str_has_prefix(copy.path, STR("/"));
}

static int copy_files(struct setup *s) {
        CLEANUP(close_fd) int dir = -1;

        if (s->copies.n == 0)
                return 0;

        dir = s->directory ? fs_open_dir(AT_FDCWD, s->directory) : -ENOENT;
        if (dir < 0)
                return dir;

        VEC_EACH(copy, &s->copies) {
                struct str text, problem = { 0 };
                int r = walk_read(s->arena, copy->path.p, BUF_MAX, &text, &problem);

                if (r >= 0)
                        r = fs_replace(dir, copy->name.p, 0400, text);
                if (!str_is_absent(problem))
                        complain(s, problem);
                else if (r == -ENOENT || r == -ENOTDIR || r == -EISDIR || r == -ENOTSUP || r == -EFBIG)
                        complain(s, arena_printf(s->arena, "cannot copy '%s': %s", copy->path.p,
                                                 r == -EFBIG ? "it is larger than 16 MiB" : strerror(-r)));
                else if (r < 0)
                        return r;
        }

        return s->problems.n > 0;
}

static int hash_directory(struct setup *s, struct hash_state *hash) {
        CLEANUP(close_fd) int dir = -1;
        struct fs_names names = { 0 };
        int r;

        if (!s->directory)
                return 0;

        dir = fs_open_dir(AT_FDCWD, s->directory);
        if (dir < 0)
                return dir;
        r = fs_list(s->arena, dir, ".", &names);
        VEC_EACH(name, &names.list) {
                struct str text;

                if (r >= 0)
                        r = fs_read(s->arena, dir, name->p, BUF_MAX, &text);
                if (r < 0)
                        return r;
                hash_add(hash, *name);
                hash_add(hash, text);
        }

        return r;
}

/* A hash of everything that is written. */
static int make_mark(struct setup *s, struct str *ret) {
        const char *const files[] = { s->sysusers, s->tmpfiles };
        struct hash_state *hash = hash_start(s->arena);
        struct str text;
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                r = files[i] ? fs_read(s->arena, AT_FDCWD, files[i], BUF_MAX, &text) : 0;
                if (r < 0)
                        return r;
                if (files[i])
                        hash_add(hash, text);
        }

        r = hash_directory(s, hash);
        if (r >= 0)
                *ret = hash_text(s->arena, hash);
        return r;
}

static int run_program(struct setup *s, const char *name, const char *option, const char *file) {
        struct str program = spawn_find(s->arena, name);
        const char *argv[] = { program.p, option, file, NULL };
        struct spawn_result result;
        int r;

        if (str_is_absent(program)) {
                complain(s, arena_printf(s->arena, "the program %s is missing; install it", name));
                return 1;
        }

        r = spawn_run(s->arena, argv, &result);
        if (r == 0 && result.status != 0)
                complain(s, arena_printf(s->arena, "%s failed: %.*s", name, STR_ARG(str_trim(result.err))));
        return r < 0 ? r : result.status != 0;
}

static int write_all(struct setup *s) {
        int r = s->sysusers ? run_program(s, "systemd-sysusers", "--", s->sysusers) : 0;

        if (r != 0)
                return r;
        if (s->directory && setenv("CREDENTIALS_DIRECTORY", s->directory, true) < 0)
                return -errno;

        return run_program(s, "systemd-tmpfiles", "--create", s->tmpfiles);
}

/* A number, or what the machine calls so. */
static bool find_user(struct str name, uint64_t *ret) {
        struct passwd *entry = getpwnam(name.p);

        if (entry)
                *ret = entry->pw_uid;
        return entry || str_to_u64(name, UINT32_MAX - 1, ret);
}

static bool find_group(struct str name, uint64_t *ret) {
        struct group *entry = getgrnam(name.p);

        if (entry)
                *ret = entry->gr_gid;
        return entry || str_to_u64(name, UINT32_MAX - 1, ret);
}

static int write_ready(struct setup *s, int marks) {
        size_t colon = str_find(s->owner, ':');
        struct str user, group, text;
        uint64_t uid, gid;

        if (str_is_absent(s->owner))
                return fs_replace(marks, s->ready.p, 0644, STR("\n"));

        user = arena_str(s->arena, (struct str){ s->owner.p, colon });
        group = colon < s->owner.n ? arena_str(s->arena, str_from(s->owner, colon + 1)) : user;
        if (!find_user(user, &uid) || !find_group(group, &gid)) {
                complain(s, arena_printf(s->arena,
                                         "this machine has no user '%s' with group '%s'; create them, or "
                                         "remove 'ensure_user: false'",
                                         user.p, group.p));
                return 1;
        }

        text = arena_printf(s->arena, "PYSERVICE_USER=%llu:%llu\n", (unsigned long long) uid,
                            (unsigned long long) gid);
        return fs_replace(marks, s->ready.p, 0644, text);
}

/* Root's programs resolve the path by name, some time after this check: no other user may change where it
 * leads. A path that does not exist yet is good. */
static int check_path(struct setup *s, const char *path, bool is_roots, struct str *ret_problem) {
        CLEANUP(walk_close) struct walk w = WALK_INIT;
        int r = walk_to(&w, s->arena, AT_FDCWD, path, WALK_LAST | (is_roots ? WALK_ROOTS : 0));

        *ret_problem = w.problem;
        return r == -ENOENT || !str_is_absent(w.problem) ? 0 : r;
}

static int report_path(struct setup *s, const char *path, bool is_roots) {
        struct str problem;
        int r = check_path(s, path, is_roots, &problem);

        if (!str_is_absent(problem))
                complain(s, problem);
        return r;
}

/* systemd-tmpfiles makes `paths`, and Podman mounts `mounts`: both are root, and resolve these paths
 * again. */
static int check_paths(struct setup *s, bool is_roots) {
        int r = 0;

        VEC_EACH(path, &s->paths)
                r = r < 0 ? r : report_path(s, *path, false);
        VEC_EACH(path, &s->mounts)
                r = r < 0 ? r : report_path(s, *path, is_roots);

        return r < 0 ? r : s->problems.n > 0;
}

static int forget(int marks, struct str name) {
        return unlinkat(marks, name.p, 0) < 0 && errno != ENOENT ? -errno : 0;
}

static bool is_missing(const struct setup *s) {
        VEC_EACH(path, &s->paths)
                if (access(*path, F_OK) < 0)
                        return true;
        VEC_EACH(path, &s->mounts)
                if (access(*path, F_OK) < 0)
                        return true;

        return false;
}

/* Directories that an earlier version or an administrator gave to the user belong to root again after a
 * write. */
static bool is_changed(struct setup *s) {
        struct str problem = { 0 };
        int r = 0;

        VEC_EACH(path, &s->mounts)
                if (r >= 0 && str_is_absent(problem))
                        r = check_path(s, *path, true, &problem);

        return r < 0 || !str_is_absent(problem);
}

/* With the lock held. */
static int set_up(struct setup *s, int marks) {
        struct str mark, old = { 0 };
        int r;

        r = check_paths(s, false);
        if (r == 0)
                r = make_mark(s, &mark);
        if (r != 0)
                return r;
        r = fs_read(s->arena, marks, s->app.p, BUF_MAX, &old);
        if (r < 0 && r != -ENOENT)
                return r;

        if (!str_eq(mark, old) || is_missing(s) || is_changed(s)) {
                /* An incomplete setup has no mark. */
                r = forget(marks, s->app);
                if (r >= 0)
                        r = forget(marks, s->ready);
                if (r >= 0)
                        r = write_all(s);
                /* From here on the user can't change where the paths lead; and it reports which directory
                 * systemd-tmpfiles refuses, and why. */
                if (r >= 0)
                        r = check_paths(s, true);
                if (r == 0)
                        r = fs_replace(marks, s->app.p, 0600, mark);
                if (r != 0)
                        return r;
        }

        return write_ready(s, marks);
}

/* The hash in the names of the setup's units; the mark is APP.HASH. */
static const char *hash_of(const struct setup *s) {
        const char *dot = strchr(s->ready.p, '.');

        return dot ? dot + 1 : "HASH";
}

/* The unit that decrypts them has failed, and its directory went with it. */
static int report_secrets(struct setup *s) {
        complain(s, arena_printf(s->arena,
                                 "the secrets in the files of '%s' could not be decrypted; see 'systemctl "
                                 "status %s-%s-creds.service'",
                                 s->app.p, s->app.p, hash_of(s)));
        return 1;
}

int setup_run(struct setup *s) {
        CLEANUP(close_fd) int marks = -1;
        CLEANUP(close_fd) int lock = -1;
        int r;

        r = fs_make_dirs(AT_FDCWD, s->marks, false);
        if (r < 0)
                return r;
        marks = fs_open_dir(AT_FDCWD, s->marks);
        if (marks < 0)
                return marks;
        lock = fs_lock(marks, LAYOUT_LOCK);
        if (lock < 0)
                return lock;

        r = s->directory && access(s->directory, F_OK) < 0 ? report_secrets(s) : copy_files(s);
        if (r == 0)
                r = set_up(s, marks);
        if (r != 0)
                (void) forget(marks, s->ready);
        return r;
}

int setup_check(struct setup *s) {
        struct str path = arena_join(s->arena, str_of(s->marks), STR("/"), s->ready);

        if (access(path.p, F_OK) == 0)
                return 0;
        if (errno != ENOENT)
                return -errno;

        complain(s, arena_printf(s->arena,
                                 "the user, directories and files of '%s' could not be created; see "
                                 "'systemctl status %s-%s-setup.service'",
                                 s->app.p, s->app.p, hash_of(s)));
        return 1;
}
