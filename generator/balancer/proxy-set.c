/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/proxy-set.h"

#include <stdlib.h>

#include "schema/type.h"

/* The set that is being built. */
struct building {
        struct arena *arena;
        struct proxy_set *set;
        struct str problem;
};

struct proxy_directory *proxy_set_directory(struct arena *a, struct proxy_set *set, struct str path) {
        struct proxy_directory *d;

        VEC_EACH(known, &set->list)
                if (str_eq(known->path, path))
                        return known;

        d = vec_push(a, &set->list);
        d->path = path;
        return d;
}

static bool is_kind(struct str name, struct str kind) {
        return str_has_prefix(name, kind) && (name.n == kind.n || name.p[kind.n] == '.');
}

/* "example.com" and "/api/" give "example.com/api/"; a query does not belong to it. */
static struct str route_key(struct arena *a, struct str domain, struct str path) {
        path.n = str_find(path, '?');
        while (path.n > 0 && path.p[path.n - 1] == '/')
                path.n--;

        return arena_join(a, domain, path, STR("/"));
}

static bool add_route(struct building *b, struct proxy_directory *d, struct str app, struct str line) {
        struct str rest = line, domain, path, backend;
        struct proxy_route *route;

        if (!str_split(&rest, ' ', &domain) || !str_split(&rest, ' ', &path) ||
            !str_split(&rest, ' ', &backend) || domain.n == 0 || backend.n == 0 ||
            !str_has_prefix(path, STR("/")) || (!str_is(rest, "plain") && !str_is(rest, "https"))) {
                b->problem = arena_printf(b->arena, "application '%.*s' has a malformed route '%.*s'",
                                          STR_ARG(app), STR_ARG(line));
                return false;
        }

        route = vec_push(b->arena, &d->routes);
        *route = (struct proxy_route){ .domain = domain,
                                       .backend = backend,
                                       .app = app,
                                       .is_redirected = str_is(rest, "https"),
                                       .key = route_key(b->arena, domain, path) };
        return true;
}

/* The words come from our own files; they are judged again because they become arguments. */
static bool add_listen(struct building *b, struct proxy_directory *d, struct str app, struct str line) {
        struct str rest = line, on;

        if (!str_split(&rest, ' ', &on) || !type_accepts(KIND_LISTENER, on) ||
            !type_accepts(KIND_BACKEND_NAME, rest)) {
                b->problem = arena_printf(b->arena, "application '%.*s' has a malformed listener '%.*s'",
                                          STR_ARG(app), STR_ARG(line));
                return false;
        }

        *vec_push(b->arena, &d->listens) = (struct proxy_listen){ { on, NOWHERE }, { rest, NOWHERE }, app };
        return true;
}

static bool add_certificate(struct building *b, struct proxy_directory *d, struct str app, struct str line) {
        if (!str_has_prefix(line, STR("/"))) {
                b->problem = arena_printf(b->arena, "application '%.*s' has a malformed certificate '%.*s'",
                                          STR_ARG(app), STR_ARG(line));
                return false;
        }

        *vec_push(b->arena, &d->certificates) = (struct proxy_certificate){ line, app };
        return true;
}

static bool add_file(struct building *b, struct proxy_directory *d, struct str app,
                     const struct proxy_part *part) {
        VEC_EACH(file, &d->files)
                if (str_eq(file->name, part->name)) {
                        b->problem = arena_printf(b->arena,
                                                  "applications '%.*s' and '%.*s' both have a file "
                                                  "'%.*s/%.*s'; give one another "
                                                  "'backend' or 'order'",
                                                  STR_ARG(file->app), STR_ARG(app), STR_ARG(d->path),
                                                  STR_ARG(part->name));
                        return false;
                }

        *vec_push(b->arena, &d->files) = (struct proxy_file){ part->name, part->text, app };
        return true;
}

static bool add_part(struct building *b, struct str app, const struct proxy_part *part) {
        struct proxy_directory *d = proxy_set_directory(b->arena, b->set, part->directory);
        bool (*add)(struct building *, struct proxy_directory *, struct str, struct str) =
                is_kind(part->name, STR("routes"))         ? add_route
                : is_kind(part->name, STR("listens"))      ? add_listen
                : is_kind(part->name, STR("certificates")) ? add_certificate
                                                           : NULL;
        struct str rest = part->text, line;

        if (!add)
                return add_file(b, d, app, part);

        while (str_split(&rest, '\n', &line)) {
                if (line.n == 0 || line.p[0] == '#')
                        continue;
                if (!add(b, d, app, line))
                        return false;
        }

        return true;
}

static int compare_routes(const void *x, const void *y) {
        const struct proxy_route *a = x, *b = y;
        int r = str_cmp(b->key, a->key);

        return r != 0 ? r : str_cmp(a->app, b->app);
}

static int compare_listens(const void *x, const void *y) {
        const struct proxy_listen *a = x, *b = y;
        int r = str_cmp(a->on.text, b->on.text);

        return r != 0 ? r : str_cmp(a->app, b->app);
}

static int compare_certificates(const void *x, const void *y) {
        const struct proxy_certificate *a = x, *b = y;
        int r = str_cmp(a->path, b->path);

        return r != 0 ? r : str_cmp(a->app, b->app);
}

static int compare_files(const void *x, const void *y) {
        return str_cmp(((const struct proxy_file *) x)->name, ((const struct proxy_file *) y)->name);
}

static bool sort_listens(struct building *b, struct proxy_directory *d) {
        if (d->listens.n > 0)
                qsort(d->listens.at, d->listens.n, sizeof(*d->listens.at), compare_listens);
        for (size_t i = 1; i < d->listens.n; i++) {
                struct proxy_listen *one = &d->listens.at[i - 1], *other = &d->listens.at[i];

                if (!str_eq(one->on.text, other->on.text))
                        continue;
                b->problem = arena_printf(
                        b->arena,
                        "applications '%.*s' and '%.*s' both listen on '%.*s'; give one another port",
                        STR_ARG(one->app), STR_ARG(other->app), STR_ARG(one->on.text));
                return false;
        }

        return true;
}

static bool sort_directory(struct building *b, struct proxy_directory *d) {
        size_t kept = 0;

        if (d->files.n > 0)
                qsort(d->files.at, d->files.n, sizeof(*d->files.at), compare_files);
        if (d->routes.n > 0)
                qsort(d->routes.at, d->routes.n, sizeof(*d->routes.at), compare_routes);
        for (size_t i = 1; i < d->routes.n; i++) {
                struct proxy_route *one = &d->routes.at[i - 1], *other = &d->routes.at[i];

                if (!str_eq(one->key, other->key))
                        continue;
                b->problem = arena_printf(
                        b->arena,
                        "applications '%.*s' and '%.*s' both use '%.*s'; give one another domain or path",
                        STR_ARG(one->app), STR_ARG(other->app), STR_ARG(one->key));
                return false;
        }

        if (d->certificates.n > 0)
                qsort(d->certificates.at, d->certificates.n, sizeof(*d->certificates.at),
                      compare_certificates);
        for (size_t i = 0; i < d->certificates.n; i++)
                if (kept == 0 || !str_eq(d->certificates.at[kept - 1].path, d->certificates.at[i].path))
                        d->certificates.at[kept++] = d->certificates.at[i];
        d->certificates.n = kept;
        return sort_listens(b, d);
}

bool proxy_set_build(struct arena *a, const struct proxy_app *apps, size_t n, struct proxy_set *ret,
                     struct str *ret_problem) {
        struct proxy_set set = { 0 };
        struct building b = { .arena = a, .set = &set };
        bool is_good = true;

        for (size_t i = 0; i < n && is_good; i++) {
                if (!apps[i].parts)
                        continue;
                VEC_EACH(part, &apps[i].parts->list)
                        is_good = is_good && add_part(&b, apps[i].name, part);
        }
        VEC_EACH(d, &set.list)
                is_good = is_good && sort_directory(&b, d);

        if (!is_good) {
                *ret_problem = b.problem;
                return false;
        }

        *ret = set;
        return true;
}
