/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/proxy-place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fs.h"
#include "bundle/layout.h"

/* Hidden, so HAProxy passes it over, and below the real one, so that what is mounted into a container is
 * mounted with it. */
#define CANDIDATE ".pyservice-candidate"

static struct str path_below(const struct proxy_place *p, struct str path) {
        return arena_join(p->arena, str_of(p->root), path);
}

static bool is_ours(int dir, const char *name) {
        CLEANUP(close_fd) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        char first[sizeof(PROXY_MARK) - 1];

        return fd >= 0 && pread(fd, first, sizeof(first), 0) == (ssize_t) sizeof(first) &&
               memcmp(first, PROXY_MARK, sizeof(first)) == 0;
}

/* Where HAProxy finds a path of the machine: while it checks, or when it runs (then without the root
 * directory). */
static bool sees(const struct proxy_place *p, struct str path, bool is_check, struct str *ret) {
        if (is_check || !str_is_absent(p->haproxy->settings->container.text))
                return haproxy_sees(p->haproxy, path, ret);

        *ret = path;
        return true;
}

/* The proxies of host.yaml, with the paths of their files as HAProxy finds them. */
static const struct host_front *seen_proxies(const struct proxy_place *p, bool is_check) {
        const struct host_front *front = p->host_front;
        struct host_front *seen;

        if (!front)
                return NULL;

        seen = arena_new(p->arena, struct host_front);
        *seen = *front;
        seen->trusted_proxies.at = arena_array(p->arena, front->trusted_proxies.n, struct address_set);
        for (size_t i = 0; i < front->trusted_proxies.n; i++) {
                struct address_set *set = &seen->trusted_proxies.at[i];

                *set = front->trusted_proxies.at[i];
                if (str_has_prefix(set->text, STR("/")))
                        (void) sees(p, set->text, is_check, &set->text);
        }
        return seen;
}

static bool refuse_unseen(const struct proxy_place *p, const char *what, struct str path,
                          struct str *ret_message) {
        struct str container = p->haproxy->settings->container.text;

        *ret_message =
                p->haproxy->mounts.n > 0
                        ? arena_printf(p->arena, "%s '%.*s' is not mounted into HAProxy's container '%.*s'",
                                       what, STR_ARG(path), STR_ARG(container))
                        : arena_printf(p->arena,
                                       "HAProxy's container '%.*s' is not running and never ran, so its path "
                                       "of %s '%.*s' is unknown; start it",
                                       STR_ARG(container), what, STR_ARG(path));
        return false;
}

static struct str candidate_path(const struct proxy_place *p, const struct proxy_directory *d) {
        return arena_join(p->arena, d->path, STR("/" CANDIDATE));
}

/* In a preview, without certificates that a reload would make first. Always without what listens on a port
 * that the administrator's own configuration has. */
static struct proxy_directory readable(const struct proxy_place *p, const struct proxy_directory *d) {
        struct proxy_directory all = *d;

        all.listens.n = all.listens.room = 0;
        all.listens.at = NULL;
        VEC_EACH(l, &d->listens)
                if (!front_taken_listen(p->front, l))
                        *vec_push(p->arena, &all.listens) = *l;
        if (!p->is_preview)
                return all;

        all.certificates.n = all.certificates.room = 0;
        all.certificates.at = NULL;
        VEC_EACH(c, &d->certificates)
                if (str_is_absent(layout_acme_domain(c->path)) || access(path_below(p, c->path).p, F_OK) == 0)
                        *vec_push(p->arena, &all.certificates) = *c;
        return all;
}

/* The intended content of `d`, with the generated files, whose paths are those of the candidate if
 * `is_check`. */
static bool complete(const struct proxy_place *p, const struct proxy_directory *wanted, bool is_check,
                     struct proxy_directory *ret, struct str *ret_message) {
        const struct proxy_directory known = readable(p, wanted), *d = &known;
        const struct host_haproxy *settings = p->haproxy->settings;
        struct proxy_frontend f = { .mark = STR(PROXY_MARK),
                                    .http_port = settings->http_port.n,
                                    .https_port = settings->https_port.n,
                                    .has_ipv6 = p->front->has_ipv6,
                                    .thumbprint = p->thumbprint,
                                    .pages = settings->errors,
                                    .closed = &p->closed,
                                    .proxies = seen_proxies(p, is_check),
                                    .is_left_out = front_taken(p->front, d) != NULL };
        struct str *certificates = arena_array(p->arena, d->certificates.n, struct str);
        struct proxy_directory all = { .path = d->path };

        VEC_EACH(file, &d->files)
                *vec_push(p->arena, &all.files) = *file;
        if (d->routes.n == 0) {
                proxy_frontend_add(p->arena, &f, d, certificates, &all);
                *ret = all;
                return true;
        }

        if (!sees(p, is_check ? candidate_path(p, d) : d->path, is_check, &f.directory))
                return refuse_unseen(p, "directory", d->path, ret_message);
        if (!proxy_frontend_is_directory(f.directory)) {
                *ret_message = arena_printf(
                        p->arena,
                        "HAProxy cannot read files in '%.*s'; use a directory of letters, digits "
                        "and ._-+@:=~",
                        STR_ARG(f.directory));
                return false;
        }
        for (size_t i = 0; i < d->certificates.n; i++)
                if (!sees(p, d->certificates.at[i].path, is_check, &certificates[i]))
                        return refuse_unseen(p, "certificate", d->certificates.at[i].path, ret_message);

        proxy_frontend_add(p->arena, &f, d, certificates, &all);
        *ret = all;
        return true;
}

bool proxy_place_sees(const struct proxy_place *p, struct str path, struct str *ret) {
        return sees(p, path, false, ret);
}

static const struct proxy_file *find_file(const struct proxy_directory *d, struct str name) {
        VEC_EACH(file, &d->files)
                if (str_eq(file->name, name))
                        return file;

        return NULL;
}

static bool is_foreign(const struct proxy_place *p, const struct proxy_directory *d, int dir,
                       struct str *ret_message) {
        VEC_EACH(file, &d->files) {
                if (faccessat(dir, file->name.p, F_OK, AT_SYMLINK_NOFOLLOW) < 0 || is_ours(dir, file->name.p))
                        continue;

                *ret_message = arena_printf(p->arena,
                                            "'%.*s/%.*s' exists and was not written by pyservice; move it "
                                            "away, or set another 'backend' or 'order'",
                                            STR_ARG(d->path), STR_ARG(file->name));
                return true;
        }

        return false;
}

static int write_files(int dir, const struct proxy_directory *d) {
        int r = 0;

        VEC_EACH(file, &d->files)
                if (r >= 0)
                        r = fs_write(dir, file->name.p, 0644, file->text);

        return r;
}

/* The administrator's own files, as links, and ours. 1 if HAProxy would find something to read, else 0: a
 * directory without configuration is not an error, but HAProxy takes no directory with only other files. */
static int fill_candidate(const struct proxy_place *p, int dir, int candidate,
                          const struct proxy_directory *d) {
        bool has_any = d->files.n > 0;
        struct fs_names names;
        int r = fs_list(p->arena, dir, ".", &names);

        if (r < 0)
                return r;

        VEC_EACH(name, &names.list) {
                if (name->p[0] == '.' || !str_has_suffix(*name, STR(".cfg")) || is_ours(dir, name->p))
                        continue;
                has_any = true;
                if (symlinkat(arena_join(p->arena, STR("../"), *name).p, candidate, name->p) < 0)
                        return -errno;
        }

        r = write_files(candidate, d);
        return r < 0 ? r : has_any;
}

/* Makes the candidate's directory again and fills it, as fill_candidate() does. */
static int build_candidate(const struct proxy_place *p, int dir, const struct proxy_directory *all) {
        CLEANUP(close_fd) int candidate = -1;
        int r = fs_remove_tree(dir, CANDIDATE);

        if (r < 0)
                return r;
        if (mkdirat(dir, CANDIDATE, 0755) < 0)
                return -errno;

        candidate = fs_open_dir(dir, CANDIDATE);
        return candidate < 0 ? candidate : fill_candidate(p, dir, candidate, all);
}

/* 0; 1 with a message; negative errno. *ret_seen is the candidate as HAProxy sees it; unchanged if it has
 * nothing to read. */
static int make_candidate(const struct proxy_place *p, const struct proxy_directory *d, struct str *ret_seen,
                          struct str *ret_message) {
        struct str real = path_below(p, d->path), seen;
        bool is_check = p->haproxy->can_check, is_wanted = d->files.n > 0 || d->routes.n > 0;
        CLEANUP(close_fd) int dir = -1;
        struct proxy_directory all;
        int r = is_wanted ? fs_make_dirs(AT_FDCWD, real.p, false) : 0;

        if (r < 0)
                return r;

        dir = fs_open_dir(AT_FDCWD, real.p);
        if (dir < 0)
                return dir == -ENOENT && !is_wanted ? 0 : dir;
        if (is_check && !haproxy_sees(p->haproxy, candidate_path(p, d), &seen))
                return is_wanted ? !refuse_unseen(p, "directory", d->path, ret_message) : 0;
        if (!complete(p, d, is_check, &all, ret_message) || is_foreign(p, &all, dir, ret_message))
                return 1;
        if (!is_check)
                return 0;

        r = build_candidate(p, dir, &all);
        if (r > 0)
                *ret_seen = seen;
        return r < 0 ? r : 0;
}

static void remove_candidates(const struct proxy_place *p, const struct proxy_set *set) {
        VEC_EACH(d, &set->list)
                (void) fs_remove_tree(AT_FDCWD, path_below(p, candidate_path(p, d)).p);
}

/* In HAProxy's messages: the candidates' paths as the real ones. */
static struct str real_paths(const struct proxy_place *p, const struct proxy_set *set, const struct str *seen,
                             struct str text) {
        for (size_t i = 0; i < set->list.n; i++) {
                struct str rest = text, out = STR("");

                if (str_is_absent(seen[i]))
                        continue;
                for (size_t at; (at = str_find_str(rest, seen[i])) < rest.n;
                     rest = str_from(rest, at + seen[i].n))
                        out = arena_join(p->arena, out, (struct str){ rest.p, at }, set->list.at[i].path);
                text = arena_join(p->arena, out, rest);
        }

        return text;
}

int proxy_place_try(struct proxy_place *p, const struct proxy_set *set, struct str *ret_message) {
        struct str *seen = arena_array(p->arena, set->list.n, struct str),
                   *given = arena_array(p->arena, set->list.n, struct str);
        struct str message = STR("");
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < set->list.n && r == 0; i++) {
                p->at = set->list.at[i].path;
                r = make_candidate(p, &set->list.at[i], &seen[i], &message);
                if (!str_is_absent(seen[i]))
                        given[n++] = seen[i];
        }
        if (r == 0 && p->haproxy->can_check)
                r = haproxy_check(p->haproxy, given, n, &message);
        remove_candidates(p, set);

        if (r > 0)
                *ret_message = real_paths(p, set, seen, message);
        return r;
}

bool proxy_place_lacks_front(const struct proxy_place *p, const struct proxy_set *set,
                             struct str *ret_problem, struct str *ret_advice) {
        VEC_EACH(d, &set->list) {
                const struct front_listen *l = front_taken(p->front, d);
                struct str routes = d->path;

                VEC_EACH(listen, &d->listens) {
                        const struct front_listen *by = front_taken_listen(p->front, listen);

                        if (!by)
                                continue;
                        *ret_problem = front_problem_listen(p->arena, by, listen);
                        *ret_advice = STR(FRONT_ADVICE_LISTEN);
                        return true;
                }

                if (!l || front_leads_to(p->front, d))
                        continue;
                (void) sees(p, d->path, false, &routes);
                *ret_problem = front_problem(p->arena, l);
                *ret_advice = front_advice(p->arena, l, arena_join(p->arena, routes, STR("/" PROXY_ROUTES)));
                return true;
        }

        return false;
}

/* Our files that are no longer needed. */
static int remove_unwanted(const struct proxy_place *p, const struct proxy_directory *all, int dir,
                           bool is_dry_run, bool *changed) {
        struct fs_names names;
        int r = fs_list(p->arena, dir, ".", &names);

        if (r < 0)
                return r;

        VEC_EACH(name, &names.list) {
                if (name->p[0] == '.' || find_file(all, *name) || !is_ours(dir, name->p))
                        continue;
                *changed = true;
                if (!is_dry_run && unlinkat(dir, name->p, 0) < 0)
                        return -errno;
        }

        return 0;
}

static int put_directory(const struct proxy_place *p, const struct proxy_directory *d, bool is_dry_run,
                         bool *changed) {
        CLEANUP(close_fd) int dir = fs_open_dir(AT_FDCWD, path_below(p, d->path).p);
        struct proxy_directory all;
        struct str message;

        if (dir == -ENOENT && (is_dry_run || (d->files.n == 0 && d->routes.n == 0))) {
                *changed = *changed || d->files.n > 0 || d->routes.n > 0;
                return 0;
        }
        if (dir < 0)
                return dir;
        if (!complete(p, d, false, &all, &message)) {
                *changed = true;
                return is_dry_run ? 0 : -EINVAL;
        }

        VEC_EACH(file, &all.files) {
                struct str old;
                int r = fs_read(p->arena, dir, file->name.p, PROXY_FILE_MAX, &old);

                if (r >= 0 && str_eq(old, file->text))
                        continue;
                *changed = true;
                r = is_dry_run ? 0 : fs_replace(dir, file->name.p, 0644, file->text);
                if (r < 0)
                        return r;
        }

        return remove_unwanted(p, &all, dir, is_dry_run, changed);
}

int proxy_place_put(struct proxy_place *p, const struct proxy_set *set, bool is_dry_run, bool *ret_changed) {
        bool changed = false;

        VEC_EACH(d, &set->list) {
                int r;

                p->at = d->path;
                r = put_directory(p, d, is_dry_run, &changed);
                if (r < 0)
                        return r;
        }

        *ret_changed = changed;
        return 0;
}
