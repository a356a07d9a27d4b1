/* SPDX-License-Identifier: Apache-2.0 */

/* The app's user, directories and files. */

#include <stdlib.h>

#include "app/home.h"
#include "app/place.h"
#include "base/path.h"
#include "check/check-parts.h"

#define SMALL "abcdefghijklmnopqrstuvwxyz0123456789"
#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-" SMALL

static void refuse_mark(struct world *w, struct str text, struct span at) {
        if (mark_name_in(text))
                (void) diag_add(w->ds, DIAG_INSTANCE_NOT_HERE, at,
                                "{{ %s }} cannot be used here, because all instances share the app's files",
                                mark_name_in(text));
}

/* A path that is mounted: SOURCE:TARGET. */
static bool can_be_mounted(struct world *w, struct abs_path path) {
        return type_accepts(KIND_VOLUME_SPEC, arena_join(w->arena, path.text, STR(":"), path.text));
}

static void check_mountable(struct world *w, struct abs_path path) {
        if (!has_instance_mark(path.text) && !can_be_mounted(w, path))
                (void) diag_add(
                        w->ds, DIAG_BAD_VALUE, path.at,
                        "'%.*s' cannot be mounted into a container; write a path without ':', and not '/'",
                        STR_ARG(path.text));
}

/* tmpfiles.d(5) refuses what systemd takes for no number of a user or group: user_ids(5). */
static void check_number(struct world *w, struct account account) {
        uint64_t number;

        if (str_is_made_of(account.text, "0123456789") &&
            (!str_to_u64(account.text, UINT32_MAX - 1, &number) || number == UINT16_MAX))
                (void) diag_add(w->ds, DIAG_BAD_VALUE, account.at,
                                "invalid user or group number '%.*s'; write one up to 4294967294, except "
                                "65535, without a leading zero",
                                STR_ARG(account.text));
}

/* sysusers.d(5) takes less than an existing user may be called. */
static void check_account(struct world *w, struct account account) {
        bool is_number = str_is_made_of(account.text, "0123456789");
        bool is_name = account.text.n <= 31 && str_is_made_of(account.text, NAME_CHARS) &&
                       !str_is_made_of((struct str){ account.text.p, 1 }, "0123456789-");

        if (!is_number && !is_name)
                (void) diag_add(w->ds, DIAG_BAD_VALUE, account.at,
                                "cannot create a user or group '%.*s'; "
                                "use at most 31 letters, digits, '_' and "
                                "'-', with a letter first, or name one "
                                "that the machine has and add "
                                "'ensure_user: false'",
                                STR_ARG(account.text));
}

static void check_owner(struct world *w, const struct app *app) {
        struct user_name user = app->base.container.user;

        if (!str_is_absent(app->group.text) && str_find(user.text, ':') < user.text.n)
                (void) diag_add(w->ds, DIAG_MISPLACED_KEY, app->group.at,
                                "'user:' already has a group after its ':'; remove one of the two");
        check_number(w, app->home->user);
        if (!str_eq(app->home->group.text, app->home->user.text))
                check_number(w, app->home->group);
        if (!app->home->makes_user)
                return;

        check_account(w, app->home->user);
        if (!str_eq(app->home->group.text, app->home->user.text))
                check_account(w, app->home->group);
}

static void check_directory(struct world *w, const struct app *app, struct abs_path directory) {
        struct str rest = directory.text.n > 0 ? str_from(directory.text, 1) : directory.text;

        refuse_mark(w, directory.text, directory.at);
        if (str_is_absent(directory.text))
                return;

        if (str_find(rest, '/') == rest.n)
                (void) diag_add(w->ds, DIAG_BAD_VALUE, directory.at,
                                "'%.*s' is not a directory for one app; write one that lies deeper, such as "
                                "/applications/%.*s",
                                STR_ARG(directory.text), STR_ARG(app->name.text));
        else
                check_mountable(w, directory);
}

/* Each build replaces the code, and what is mounted at or above it hides that of the image. */
static void check_code(struct world *w, const struct app *app) {
        const struct home *h = app->home;
        const struct abs_path others[] = { h->config, h->data };
        struct abs_path code = h->code;

        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                struct str other = others[i].text;
                bool is_apart = !path_is_within(code.text, other) && !path_is_within(other, code.text);
                struct span at = str_is_absent(app->code_dir.text) ? others[i].at : code.at;

                if (!app->source || is_apart)
                        continue;
                (void) diag_add(w->ds, DIAG_BAD_VALUE, at,
                                "the directory of the code, '%.*s', and '%.*s' cannot contain each other; "
                                "choose separate directories",
                                STR_ARG(code.text), STR_ARG(other));
        }
}

/* Podman resolves what it mounts by name, and the user could rename what lies in a directory of theirs. */
static void check_nesting(struct world *w, const struct home *h) {
        const struct abs_path roots[] = { h->root, h->app, h->config, h->data };
        const struct abs_path users[] = { h->config, h->data };

        for (size_t i = 0; i < ARRAY_SIZE(roots); i++)
                for (size_t k = 0; k < ARRAY_SIZE(users); k++) {
                        struct str path = roots[i].text, own = users[k].text;
                        bool is_same = i < 2 && str_eq(path, own);

                        if (is_same || path_is_below(path, own))
                                (void) diag_add(w->ds, DIAG_BAD_VALUE, roots[i].at,
                                                "'%.*s' cannot be in '%.*s', which belongs to the "
                                                "application's user; choose a directory beside it",
                                                STR_ARG(path), STR_ARG(own));
                }
}

static void check_directories(struct world *w, const struct app *app) {
        const struct abs_path given[] = {
                app->root, app->app_dir, app->code_dir, app->config_dir, app->data_dir,
        };
        const struct home *h = app->home;

        for (size_t i = 0; i < ARRAY_SIZE(given); i++)
                check_directory(w, app, given[i]);
        check_code(w, app);
        check_nesting(w, h);
        if (str_eq(h->config.text, h->data.text))
                (void) diag_add(w->ds, DIAG_BAD_VALUE, h->data.at,
                                "'%.*s' cannot be the directory for both configuration and data; change one",
                                STR_ARG(h->data.text));
}

static void check_secret(struct world *w, const struct app *app, struct name secret) {
        struct str names[64], hint;
        size_t n = 0;

        LIST_EACH(s, &app->base.container.secrets) {
                if (str_eq(s->key.text, secret.text)) {
                        if (!str_is_absent(s->value.podman.text))
                                (void) diag_add(w->ds, DIAG_SECRET_SOURCE, secret.at,
                                                "'%.*s' is a Podman "
                                                "secret, which only "
                                                "containers can read; "
                                                "use another source "
                                                "to write it to a "
                                                "file of the machine",
                                                STR_ARG(secret.text));
                        refuse_mark(w, s->value.file.text, s->value.file.at);
                        return;
                }
                if (n < ARRAY_SIZE(names))
                        names[n++] = s->key.text;
        }

        hint = diag_hint(w->arena, secret.text, names, n, STR("add it to 'secrets:' at the top"));
        (void) diag_add(w->ds, DIAG_UNKNOWN_SECRET, secret.at, "unknown secret '%.*s'; %.*s",
                        STR_ARG(secret.text), STR_ARG(hint));
}

static void check_content(struct world *w, const struct app *app, size_t i) {
        const struct app_file *f = &app->files.at[i];
        const struct node *node = place_of_part(app, "files", i);
        bool has_content = node && node_get(node, "content"), has_source = !str_is_absent(f->source.text);

        if (has_content && has_source)
                (void) diag_add(w->ds, DIAG_MISPLACED_KEY, place_in_part(app, "files", i, "source"),
                                "a file has either 'content:' or 'source:'; remove one");
        else if (!has_content && !has_source)
                (void) diag_add(w->ds, DIAG_MISSING_KEY, f->dest.at,
                                "'%.*s' has no content; add 'content:' or 'source:'", STR_ARG(f->dest.text));
        refuse_mark(w, f->source.text, f->source.at);
        refuse_mark(w, f->content.text.text, f->content.at);
        if (!str_is_absent(f->content.secret.text))
                check_secret(w, app, f->content.secret);
}

/* One of the app's directories, or above one. */
static bool is_directory(const struct home *h, struct str path) {
        const struct str own[] = { h->root.text, h->app.text, h->code.text, h->config.text, h->data.text };

        for (size_t i = 0; i < ARRAY_SIZE(own); i++)
                if (path_is_within(own[i], path))
                        return true;

        return false;
}

static void check_dest(struct world *w, const struct app *app, const struct app_file *f) {
        refuse_mark(w, f->dest.text, f->dest.at);
        check_mountable(w, f->dest);
        if (is_directory(app->home, f->dest.text))
                (void) diag_add(w->ds, DIAG_BAD_VALUE, f->dest.at,
                                "'%.*s' is a directory that the app needs; name a file",
                                STR_ARG(f->dest.text));
        else if (app->source && path_is_below(f->dest.text, app->home->code.text))
                (void) diag_add(w->ds, DIAG_BAD_VALUE, f->dest.at,
                                "'%.*s' lies in the directory of the code, which each build replaces; write "
                                "the file to %.*s",
                                STR_ARG(f->dest.text), STR_ARG(app->home->config.text));

        for (const struct app_file *other = app->files.at; other < f; other++) {
                struct diag *d;

                if (!path_is_within(other->dest.text, f->dest.text) &&
                    !path_is_within(f->dest.text, other->dest.text))
                        continue;
                d = diag_add(w->ds, DIAG_FILE_TAKEN, f->dest.at,
                             "'%.*s' and '%.*s' cannot both be files; change one", STR_ARG(f->dest.text),
                             STR_ARG(other->dest.text));
                diag_note(w->ds, d, other->dest.at, "the other one is here");
        }
}

/* Settings without effect. */
static void check_homeless(struct world *w, const struct app *app) {
        if (!str_is_absent(app->group.text))
                (void) diag_add(w->ds, DIAG_MISPLACED_KEY, app->group.at,
                                "'group:' owns the directories of an app with 'source:', 'files:' or "
                                "'root:'; add one of these, or write 'user: USER:GROUP'");
        if (node_get(app->node, "ensure_user"))
                (void) diag_add(w->ds, DIAG_MISPLACED_KEY, place_of_key(app, "ensure_user"),
                                "only an app with 'source:', 'files:' or 'root:' has a user of the machine; "
                                "add one of these, or remove this");
}

void check_home(struct world *w, struct app *app) {
        if (!app->home) {
                check_homeless(w, app);
                return;
        }
        if (w->places.is_user) {
                static const char *const keys[] = { "files", "root", "app_dir", "config_dir" };
                const char *key = "data_dir";

                for (size_t i = ARRAY_SIZE(keys); i-- > 0;)
                        if (node_get(app->node, keys[i]))
                                key = keys[i];
                (void) diag_add(w->ds, DIAG_MISPLACED_KEY, place_of_key(app, key),
                                "'%s:' works only for the system's applications, not for a user's; remove it",
                                key);
                return;
        }

        check_owner(w, app);
        check_directories(w, app);
        for (size_t i = 0; i < app->files.n; i++) {
                check_dest(w, app, &app->files.at[i]);
                check_content(w, app, i);
        }
}
