/* SPDX-License-Identifier: Apache-2.0 */

/* The user, directories and files that the app's containers need on the machine. They are in two files of the
 * bundle, for systemd-sysusers and systemd-tmpfiles, and a unit has these make them: each container starts it
 * before itself, at each start, and checks its result. Its name has the hash of what it makes: a changed file
 * is another unit, and so a new revision of all that want it.
 *
 *     setup/HASH.sysusers     setup/HASH.tmpfiles (0600)
 *     setup/places            the paths that `pyservicectl purge` removes
 *
 * The content of a secret is in neither: tmpfiles takes it from the unit's runtime directory, as a credential
 * of the secret's name; a copy of one of the machine's files in the same way, as copy_N. */

#include "app/home.h"
#include "base/hash.h"
#include "base/path.h"
#include "bundle/layout.h"
#include "config.h"
#include "output/lines.h"
#include "output/tmpfiles.h"
#include "render/parts.h"

static struct file_mode mode_of(struct str digits) {
        return (struct file_mode){ digits, NOWHERE };
}

static bool is_number(struct str name) {
        return str_is_made_of(name, "0123456789");
}

static struct str copy_name(struct rendering *r, size_t i) {
        return arena_join(r->arena, STR("copy_"), arena_u64(r->arena, i));
}

/* Podman resolves a mounted path by name: so all directories above it belong to root, and no other user can
 * rename them. A file that is neither configuration nor data is mounted alone; only the group can search its
 * directories. */
static void put_directories(struct tmpfiles *t, const struct home *h) {
        const struct account root = { STR("root"), NOWHERE };
        const struct tmpfiles_access shared = { mode_of(STR("0755")), root, root };
        const struct tmpfiles_access above = { mode_of(STR("0750")), root, h->group };
        const struct tmpfiles_access own = { mode_of(STR("0750")), h->user, h->group };
        const struct tmpfiles_access below = { mode_of(STR("0700")), h->user, h->group };

        tmpfiles_directory(t, h->root, &shared);
        tmpfiles_directory(t, h->app, &shared);
        tmpfiles_directory(t, h->config, &own);
        tmpfiles_directory(t, h->data, &own);
        LIST_EACH(path, &h->parents)
                tmpfiles_directory(t, *path, home_is_owners(h, path->text) ? &below : &above);
}

static void put_files(struct rendering *r, struct tmpfiles *t) {
        const struct home *h = r->app->home;

        for (size_t i = 0; i < r->app->files.n; i++) {
                const struct app_file *f = &r->app->files.at[i];
                const struct tmpfiles_access access = {
                        f->mode,
                        str_is_absent(f->owner.text) ? h->user : f->owner,
                        str_is_absent(f->group.text) ? h->group : f->group,
                };

                if (file_is_skipped(f) || (r->is_plain && !file_is_literal(f)))
                        continue;
                if (!str_is_absent(f->source.text))
                        tmpfiles_credential(t, f->dest, &access, (struct name){ copy_name(r, i), NOWHERE });
                else if (!str_is_absent(f->content.secret.text))
                        tmpfiles_credential(t, f->dest, &access, f->content.secret);
                else
                        tmpfiles_file(t, f->dest, &access, f->content.text);
        }
}

/* sysusers.d(5): empty if numbers are enough, or if the administrator creates the user. */
static void put_users(struct rendering *r, struct lines *l) {
        const struct home *h = r->app->home;

        if (!h->makes_user)
                return;

        if (!str_eq(h->group.text, h->user.text) && !is_number(h->group.text)) {
                lines_const(l, "g");
                lines_word(l, h->group);
                lines_const(l, "-");
                lines_end(l);
        }
        if (is_number(h->user.text))
                return;

        lines_const(l, "u");
        lines_word(l, h->user);
        if (str_eq(h->group.text, h->user.text))
                lines_const(l, "-");
        else
                lines_word(l, ((struct user_name){ arena_join(r->arena, STR("-:"), h->group.text),
                                                   h->group.at }));
        lines_const(l, "-");
        lines_word(l, h->root);
        lines_end(l);
}

static void put_place(struct lines *l, struct abs_path path) {
        lines_word(l, path);
        lines_end(l);
}

/* "root PATH"; "tree PATH" and "file PATH" for what may be elsewhere. Trees come first, since one may lie in
 * the root, which is removed only if it is empty. */
static void render_places(struct rendering *r) {
        const struct app *app = r->app;
        const struct home *h = app->home;
        const struct abs_path trees[] = { app->app_dir, app->data_dir, app->config_dir, app->code_dir };
        struct lines *l = lines_new(r->arena);

        for (size_t i = 0; i < ARRAY_SIZE(trees); i++)
                if (!str_is_absent(trees[i].text)) {
                        lines_const(l, "tree");
                        put_place(l, trees[i]);
                }
        lines_const(l, "root");
        put_place(l, h->root);
        LIST_EACH(f, &app->files) {
                if (file_is_skipped(f) || path_is_below(f->dest.text, h->app.text) ||
                    home_is_owners(h, f->dest.text))
                        continue;
                lines_const(l, "file");
                put_place(l, f->dest);
        }
        tree_mark(lines_finish(l, r->tree, STR(LAYOUT_SETUP_PLACES), 0644), TREE_REVISION, (struct str){ 0 });
}

/* Those secrets that are files. */
static void choose_secrets(struct rendering *r, struct container *c, struct hash_state *hash) {
        const struct container *base = &r->app->base.container;

        c->secrets.at = arena_array(r->arena, base->secrets.n + 1, struct secret_entry);
        LIST_EACH(s, &base->secrets) {
                bool is_file = false;

                LIST_EACH(f, &r->app->files)
                        is_file |= str_eq(f->content.secret.text, s->key.text);
                if (!is_file)
                        continue;
                c->secrets.at[c->secrets.n++] = *s;
                hash_add(hash, s->key.text);
                hash_add(hash, s->value.credential.text);
                hash_add(hash, s->value.file.text);
                hash_add(hash, s->value.kms.text);
        }
}

static bool has_copies(const struct app *app) {
        LIST_EACH(f, &app->files)
                if (!str_is_absent(f->source.text))
                        return true;

        return false;
}

static void put_copies(struct rendering *r, struct unit *u) {
        for (size_t i = 0; i < r->app->files.n; i++) {
                if (str_is_absent(r->app->files.at[i].source.text))
                        continue;
                unit_word_part(u, ((struct name){ copy_name(r, i), NOWHERE }));
                unit_const(u, "=");
                unit_part(u, r->app->files.at[i].source);
        }
}

static void put_mount(struct unit *u, struct abs_path path) {
        unit_word_const(u, "--mount=");
        unit_part(u, path);
}

static void put_paths(struct rendering *r, struct unit *u) {
        const struct home *h = r->app->home;

        put_mount(u, h->config);
        put_mount(u, h->data);
        LIST_EACH(f, &r->app->files) {
                if (file_is_skipped(f))
                        continue;
                if (!home_is_owners(h, f->dest.text)) {
                        put_mount(u, f->dest);
                        continue;
                }
                unit_word_const(u, "--path=");
                unit_part(u, f->dest);
        }
}

static void put_marks(struct rendering *r, struct unit *u) {
        unit_word_const(u, "--app=");
        unit_part(u, r->app->name);
        unit_word_const(u, "--marks=");
        unit_part(u, ((struct abs_path){ r->world->places.runtime, NOWHERE }));
        unit_const(u, "/" LAYOUT_SETUP_DONE);
        unit_word_const(u, "--ready=");
        unit_part(u, r->setup_ready);
}

static void put_program(struct rendering *r, struct unit *u, struct abs_path sysusers,
                        struct abs_path tmpfiles, struct abs_path secrets) {
        const struct home *h = r->app->home;

        unit_open(u, SERVICE_EXEC_START);
        unit_word_const(u, LIBEXECDIR "/pyservice-setup");
        put_marks(r, u);
        unit_word_const(u, "--tmpfiles=");
        unit_part(u, tmpfiles);
        if (!str_is_absent(sysusers.text)) {
                unit_word_const(u, "--sysusers=");
                unit_part(u, sysusers);
        }
        if (h->has_owner) {
                unit_word_const(u, "--owner=");
                unit_part(u, h->user);
                unit_const(u, ":");
                unit_part(u, h->group);
        }
        if (!str_is_absent(secrets.text)) {
                unit_word_const(u, "--secrets=");
                unit_part(u, ((struct abs_path){ r->world->places.runtime, NOWHERE }));
                unit_const(u, "/");
                unit_part(u, secrets);
        }
        put_paths(r, u);
        put_copies(r, u);
        unit_close(u);
}

static void put_mounts(struct unit *u, const struct home *h) {
        const struct abs_path others[] = { h->app, h->config, h->data };

        unit_put(u, UNIT_REQUIRES_MOUNTS, h->root);
        for (size_t i = 0; i < ARRAY_SIZE(others); i++)
                if (!path_is_below(others[i].text, h->root.text))
                        unit_put(u, UNIT_REQUIRES_MOUNTS, others[i]);
}

static bool is_of_system(struct str path) {
        static const struct str directories[] = { STR_INIT("/boot"), STR_INIT("/efi"), STR_INIT("/usr") };

        for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
                if (path_is_below(path, directories[i]))
                        return true;

        return false;
}

static bool writes_system(const struct app *app) {
        const struct home *h = app->home;
        const struct abs_path own[] = { h->root, h->app, h->config, h->data };

        for (size_t i = 0; i < ARRAY_SIZE(own); i++)
                if (is_of_system(own[i].text))
                        return true;
        LIST_EACH(f, &app->files)
                if (is_of_system(f->dest.text))
                        return true;

        return false;
}

/* "2750" */
static bool has_special_mode(const struct app *app) {
        LIST_EACH(f, &app->files)
                if (f->mode.text.n == 4 && f->mode.text.p[0] != '0')
                        return true;

        return false;
}

static void put_sandbox(struct rendering *r, struct unit *u) {
        render_sandbox(r, u, SANDBOX_SETUP);
        if (!r->world->places.is_user && !writes_system(r->app))
                unit_put_const(u, SERVICE_PROTECT_SYSTEM, "yes");
        if (!r->world->places.is_user && !has_special_mode(r->app))
                unit_put_const(u, SERVICE_RESTRICT_SUID, "yes");
}

/* After the first words of the description. */
static void put_head(struct rendering *r, struct unit *u) {
        unit_part(u, r->app->name);
        unit_close(u);
        render_origin(r, u);
        unit_put_const(u, UNIT_START_LIMIT_INTERVAL, "0");
}

static void finish_unit(struct rendering *r, struct unit *u, struct str name) {
        struct str directory = layout_unit(r->arena, name, STR(".d/"));

        tree_mark(unit_finish(u, r->tree, layout_unit(r->arena, name)), TREE_REVISION, (struct str){ 0 });

        /* It comes with the unit: else it would be there only after the first rollout that has it. */
        VEC_EACH(f, &r->tree->files)
                if (str_has_prefix(f->path, directory))
                        tree_mark(f, TREE_REVISION, (struct str){ 0 });
}

/* The unit that decrypts with AWS KMS is separate: it needs the network and only reads files; the setup needs
 * the reverse. The plain text exists until the setup has ended. */
static void render_decryption(struct rendering *r, const struct role *role, struct unit *setup) {
        struct unit_name name = { arena_join(r->arena, role->container->unit.text, STR(".service")),
                                  NOWHERE };
        struct unit *u = unit_new(r->arena);

        unit_open(u, UNIT_DESCRIPTION);
        unit_const(u, "Decrypted files of ");
        put_head(r, u);
        unit_put_const(u, UNIT_STOP_WHEN_UNNEEDED, "yes");
        unit_put_const(u, SERVICE_TYPE, "oneshot");
        unit_put_const(u, SERVICE_REMAIN, "yes");
        render_secret_files(r, u, role, SERVICE_EXEC_START);
        render_sandbox(r, u, SANDBOX_DECRYPTION);
        finish_unit(r, u, name.text);

        unit_put(setup, UNIT_WANTS, name);
        unit_put(setup, UNIT_AFTER, name);
}

static void render_unit(struct rendering *r, const struct role *role, struct abs_path sysusers,
                        struct abs_path tmpfiles, bool is_encrypted) {
        struct unit *u = unit_new(r->arena);
        struct abs_path secrets = { 0 };

        unit_open(u, UNIT_DESCRIPTION);
        unit_const(u, "User, directories and files of ");
        put_head(r, u);
        put_mounts(u, r->app->home);
        if (is_encrypted) {
                render_decryption(r, role, u);
                secrets = secrets_directory(r, role);
        }
        unit_put_const(u, SERVICE_TYPE, "oneshot");
        if (!is_encrypted && (role->container->secrets.n > 0 || has_copies(r->app)))
                render_secret_files(r, u, role, SERVICE_EXEC_START_PRE);
        put_program(r, u, sysusers, tmpfiles, secrets);
        put_sandbox(r, u);
        finish_unit(r, u, r->setup.text);
}

static void render_all(struct rendering *r) {
        struct container *c = arena_new(r->arena, struct container);
        struct role role = { .container = c };
        struct tmpfiles *t = tmpfiles_new(r->arena);
        struct lines *users = lines_new(r->arena);
        struct hash_state *hash = hash_start(r->arena);
        struct abs_path sysusers = { 0 }, tmpfiles;
        struct str digits, stem, path;
        bool is_encrypted;

        put_directories(t, r->app->home);
        put_files(r, t);
        put_users(r, users);
        hash_add(hash, tmpfiles_text(t));
        hash_add(hash, lines_text(users));
        choose_secrets(r, c, hash);
        LIST_EACH(f, &r->app->files)
                hash_add(hash, f->source.text);
        digits = hash_digits(r->arena, hash, 8);
        is_encrypted = has_ciphertext(c);

        stem = arena_join(r->arena, r->app->name.text, STR("-"), digits);
        c->unit.text = arena_join(r->arena, stem, is_encrypted ? STR("-creds") : STR("-setup"));
        r->setup.text = arena_join(r->arena, stem, STR("-setup.service"));
        r->setup_ready =
                (struct unit_name){ arena_join(r->arena, r->app->name.text, STR("."), digits), NOWHERE };

        path = arena_join(r->arena, STR(LAYOUT_SETUP "/"), digits, STR(".tmpfiles"));
        tmpfiles = bundle_path(r, path);
        tree_mark(tmpfiles_finish(t, r->tree, path), TREE_REVISION, (struct str){ 0 });
        path = arena_join(r->arena, STR(LAYOUT_SETUP "/"), digits, STR(".sysusers"));
        if (lines_text(users).n > 0)
                sysusers = bundle_path(r, path);
        tree_mark(lines_finish(users, r->tree, path, 0644), TREE_REVISION, (struct str){ 0 });
        render_unit(r, &role, sysusers, tmpfiles, is_encrypted);
        render_places(r);
}

struct unit_name render_setup(struct rendering *r) {
        if (r->app->home && str_is_absent(r->setup.text))
                render_all(r);

        return r->setup;
}

/* Started by a command, and not as a dependency: the unit runs again for each start, and a start that
 * depended on it would wait, because of the order of jobs in systemd, for every pending stop of units that
 * depend on it too. */
static void put_start(struct rendering *r, struct unit *u) {
        unit_open(u, SERVICE_EXEC_START_PRE);
        unit_word_const(u, "-systemctl");
        render_user(r, u);
        unit_word_const(u, "start");
        unit_word_part(u, render_setup(r));
        unit_close(u);
}

static void put_check(struct rendering *r, struct unit *u) {
        unit_open(u, SERVICE_EXEC_START_PRE);
        unit_word_const(u, LIBEXECDIR "/pyservice-setup");
        put_marks(r, u);
        unit_word_const(u, "--check");
        unit_close(u);
}

/* systemd-sysusers and systemd-tmpfiles make these at each boot. */
void render_plain_setup(struct rendering *r) {
        struct tmpfiles *t = tmpfiles_new(r->arena);
        struct lines *users = lines_new(r->arena);
        struct str stem = arena_join(r->arena, STR(LAYOUT_SETUP "/"), r->app->name.text);

        if (!r->app->home)
                return;

        put_directories(t, r->app->home);
        put_files(r, t);
        put_users(r, users);
        (void) tmpfiles_finish(t, r->tree, arena_join(r->arena, stem, STR(".tmpfiles")));
        (void) lines_finish(users, r->tree, arena_join(r->arena, stem, STR(".sysusers")), 0644);
}

/* The numbers of a user without numbers are those of one machine; the administrator gives them in a drop-in.
 * Without it the start fails, since the image hardly has that user, and does not run as root. */
static void put_plain_owner(struct rendering *r, struct unit *u) {
        unit_put(u, CONTAINER_USER, r->app->home->user);
        unit_put(u, CONTAINER_GROUP, r->app->home->group);
}

void render_owner(struct rendering *r, struct unit *u, const struct container *c) {
        if (r->is_plain) {
                if (c->runs_as_owner)
                        put_plain_owner(r, u);
                return;
        }

        put_start(r, u);
        put_check(r, u);
        if (!c->runs_as_owner)
                return;

        unit_put_const(u, CONTAINER_USER, "${PYSERVICE_USER}");
        /* The user "nobody", if the file is missing: Podman would take an empty text for the image's user. */
        unit_put_const(u, SERVICE_ENVIRONMENT, "PYSERVICE_USER=65534:65534");
        unit_open(u, SERVICE_ENVIRONMENT_FILE);
        unit_const(u, "-");
        unit_part(u, ((struct abs_path){ r->world->places.runtime, NOWHERE }));
        unit_const(u, "/" LAYOUT_SETUP_DONE "/");
        unit_part(u, r->setup_ready);
        unit_close(u);
}
