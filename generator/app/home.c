/* SPDX-License-Identifier: Apache-2.0 */
#include "app/home.h"

#include "app/resolve.h"
#include "base/path.h"
#include "schema/syntax.h"

bool file_is_skipped(const struct app_file *f) {
        return str_is_absent(f->source.text) && str_is_absent(f->content.text.text) &&
               str_is_absent(f->content.secret.text);
}

bool path_is_machines(struct str path) {
        static const struct str directories[] = {
                STR_INIT("/dev"),
                STR_INIT("/proc"),
                STR_INIT("/run"),
                STR_INIT("/sys"),
        };

        for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
                if (path_is_within(path, directories[i]))
                        return true;

        return false;
}

static struct abs_path given_or_below(struct world *w, struct abs_path given, struct abs_path directory,
                                      struct str name) {
        if (!str_is_absent(given.text))
                return given;

        return (struct abs_path){ arena_join(w->arena, directory.text, name), directory.at };
}

struct home home_paths(struct world *w, const struct app *app) {
        const struct abs_path all = { STR("/applications"), app->name.at };
        struct home h = { 0 };

        h.root = given_or_below(w, app->root, all, arena_join(w->arena, STR("/"), app->name.text));
        h.app = given_or_below(w, app->app_dir, h.root, STR("/app"));
        h.code = given_or_below(w, app->code_dir, h.app, STR("/code"));
        h.config = given_or_below(w, app->config_dir, h.app, STR("/config"));
        h.data = given_or_below(w, app->data_dir, h.root, STR("/data"));
        return h;
}

/* "USER:GROUP" at the top, or with a source the app's own name. */
static void find_owner(struct world *w, struct app *app, struct home *h) {
        struct user_name user = app->base.container.user;
        size_t colon = str_find(user.text, ':');
        struct str group = colon < user.text.n ? str_from(user.text, colon + 1) : (struct str){ 0 };

        h->has_owner = app->source || !str_is_absent(user.text);
        if (!str_is_absent(user.text))
                h->user =
                        (struct account){ arena_str(w->arena, (struct str){ user.text.p, colon }), user.at };
        else
                h->user = h->has_owner ? (struct account){ app->name.text, app->name.at }
                                       : (struct account){ STR("root"), NOWHERE };

        if (!str_is_absent(app->group.text))
                h->group = app->group;
        else
                h->group = str_is_absent(group) ? h->user
                                                : (struct account){ arena_str(w->arena, group), user.at };
        h->makes_user = h->has_owner && app->ensure_user.yes;
}

static bool is_known(const struct home *h, struct str path) {
        const struct str known[] = { h->root.text, h->app.text, h->config.text, h->data.text };

        if (str_is_among(path, known, ARRAY_SIZE(known)))
                return true;
        LIST_EACH(parent, &h->parents)
                if (str_eq(path, parent->text))
                        return true;

        return false;
}

/* Which of the app's directories the path is in; absent if it is in none. */
static struct str find_own(const struct home *h, struct str path) {
        const struct str own[] = { h->root.text, h->app.text, h->config.text, h->data.text };

        for (size_t i = 0; i < ARRAY_SIZE(own); i++)
                if (path_is_below(path, own[i]))
                        return own[i];

        return (struct str){ 0 };
}

bool home_is_owners(const struct home *h, struct str path) {
        return path_is_below(path, h->config.text) || path_is_below(path, h->data.text);
}

/* The directories of a file that are the app's. */
static void add_parents(struct world *w, struct home *h, struct abs_path dest) {
        struct str own = find_own(h, dest.text);

        for (size_t i = own.n + 1; own.n > 0 && i < dest.text.n; i++) {
                struct str path = { dest.text.p, i };

                if (dest.text.p[i] == '/' && !is_known(h, path))
                        h->parents.at[h->parents.n++] =
                                (struct abs_path){ arena_str(w->arena, path), dest.at };
        }
}

static size_t count_slashes(const struct app *app) {
        size_t n = 0;

        LIST_EACH(f, &app->files)
                for (size_t i = 0; i < f->dest.text.n; i++)
                        n += f->dest.text.p[i] == '/';

        return n;
}

/* The mounts of the definition itself, the first `n_own`, take precedence. */
static void add_volume(struct world *w, struct container *c, size_t n_own, struct abs_path path,
                       struct str options) {
        for (size_t i = 0; i < n_own; i++)
                if (str_eq(syntax_volume_split(c->volumes.at[i].text).target, path.text))
                        return;

        c->volumes.at[c->volumes.n++] =
                (struct volume_spec){ arena_join(w->arena, path.text, STR(":"), path.text, options),
                                      path.at };
}

/* No SELinux label is requested (:z): Podman would follow a link that the owner may have put there, and label
 * what is behind it. */
static void mount(struct world *w, const struct app *app, struct container *c) {
        const struct home *h = app->home;
        size_t n_own = c->volumes.n;
        struct volume_spec *volumes =
                arena_array(w->arena, c->volumes.n + app->files.n + 2, struct volume_spec);

        if (c->volumes.n > 0)
                memcpy(volumes, c->volumes.at, c->volumes.n * sizeof(*volumes));
        c->volumes.at = volumes;

        add_volume(w, c, n_own, h->config, STR(""));
        add_volume(w, c, n_own, h->data, STR(""));
        LIST_EACH(f, &app->files)
                if (!file_is_skipped(f) && !home_is_owners(h, f->dest.text))
                        add_volume(w, c, n_own, f->dest, STR(":ro"));
}

/* Parts with an image of their own know nothing of an owner that the definition does not name. */
static bool is_owners(const struct app *app, const struct container *c) {
        if (str_is_absent(app->base.container.user.text))
                return str_is_absent(c->user.text) && is_built(app, c);

        return str_eq(c->user.text, app->base.container.user.text);
}

void resolve_home(struct world *w, struct app *app) {
        bool is_asked_for = app->files.n > 0 || !str_is_absent(app->root.text) ||
                            !str_is_absent(app->app_dir.text) || !str_is_absent(app->config_dir.text) ||
                            !str_is_absent(app->data_dir.text);
        struct container_list all = app_containers(w->arena, app);
        struct home *h;

        /* A user's manager can neither make users nor give files away. */
        if (!is_asked_for && (!app->source || w->places.is_user))
                return;

        app->home = h = arena_new(w->arena, struct home);
        *h = home_paths(w, app);
        find_owner(w, app, h);

        h->parents.at = arena_array(w->arena, count_slashes(app) + 1, struct abs_path);
        LIST_EACH(f, &app->files)
                if (!file_is_skipped(f))
                        add_parents(w, h, f->dest);
        VEC_EACH(ref, &all.list) {
                ref->container->runs_as_owner = h->has_owner && is_owners(app, ref->container);
                mount(w, app, ref->container);
        }
}

bool home_has_file(const struct app *app, struct str path) {
        LIST_EACH(f, &app->files)
                if (str_eq(f->dest.text, path))
                        return true;

        return false;
}
