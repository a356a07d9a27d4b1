/* SPDX-License-Identifier: Apache-2.0 */

/* The unit that builds the app's image from its repository: instances only want it, like the unit that pulls
 * an image. Its name has the hash of its text, so that those of two revisions lie side by side. An image that
 * was built from a commit that `pyservicectl update` found has the commit in its tag. */

#include "base/hash.h"
#include "bundle/layout.h"
#include "config.h"
#include "render/parts.h"

#define PROGRAM LIBEXECDIR "/pyservice-build"

static void put_commands(struct unit *u, const struct command *commands, size_t n, bool is_before) {
        for (size_t i = 0; i < n; i++) {
                unit_word(u);
                if (is_before)
                        unit_const(u, "--before");
                else
                        unit_const(u, "--after");
                LIST_EACH(word, &commands[i].words) {
                        unit_word_const(u, "--word=");
                        unit_part(u, *word);
                }
        }
}

#define PUT_OPTION(u, name, value)                  \
        do {                                        \
                if (!str_is_absent((value).text)) { \
                        unit_word(u);               \
                        unit_const(u, name "=");    \
                        unit_part(u, value);        \
                }                                   \
        } while (0)

static void put_recipe(struct unit *u, const struct repository *s) {
        PUT_OPTION(u, "--subdir", s->subdir);
        if (!str_is_absent(s->containerfile.text)) {
                PUT_OPTION(u, "--containerfile", s->containerfile);
                return;
        }

        PUT_OPTION(u, "--base", s->base);
        PUT_OPTION(u, "--requirements", s->requirements);
        unit_word(u);
        if (s->manager.index == MANAGER_UV)
                unit_const(u, "--manager=uv");
        else if (s->manager.index == MANAGER_CONDA)
                unit_const(u, "--manager=conda");
        else
                unit_const(u, "--manager=pip");
        if (s->manager.index == MANAGER_CONDA) {
                PUT_OPTION(u, "--conda", s->conda_base);
                PUT_OPTION(u, "--python", s->python);
        }
        LIST_EACH(package, &s->packages)
                PUT_OPTION(u, "--package", *package);
        put_commands(u, s->before.at, s->before.n, true);
        put_commands(u, s->after.at, s->after.n, false);
}

/* In the order of enum pull. */
static const char *const pulls[] = { "missing", "always", "newer", "never" };

static void put_program(struct rendering *r, struct unit *u, enum unit_key key, bool is_look) {
        const struct container *c = &r->app->base.container;
        const struct repository *s = r->app->source;

        unit_open(u, key);
        unit_word_const(u, PROGRAM);
        unit_word(u);
        if (is_look)
                unit_const(u, "look");
        else
                unit_const(u, "build");
        unit_word_part(u, r->app->name);
        unit_word_part(u, app_pinned(r->app, s->image));
        PUT_OPTION(u, "--runtime", ((struct abs_path){ r->world->places.runtime, NOWHERE }));
        PUT_OPTION(u, "--repo", s->repo);
        PUT_OPTION(u, "--ref", s->ref);
        PUT_OPTION(u, "--ssh-key", s->ssh_key);
        PUT_OPTION(u, "--credential", s->credential);
        PUT_OPTION(u, "--code", s->code_dir);
        PUT_OPTION(u, "--pull", ((struct name){ str_of(pulls[container_pull(c)]), c->pull.at }));
        PUT_OPTION(u, "--auth-file", c->auth_file);
        if (!c->tls_verify.yes)
                unit_word_const(u, "--no-tls-verify");
        put_recipe(u, s);
        unit_close(u);
}

/* A build that fails is tried a few times, and then not again for a while, however often instances want
 * it. */
static struct unit *make_unit(struct rendering *r) {
        const struct repository *s = r->app->source;
        struct unit *u = unit_new(r->arena);

        unit_open(u, UNIT_DESCRIPTION);
        unit_const(u, "Image of ");
        unit_part(u, r->app->name);
        unit_const(u, ", from ");
        unit_part(u, s->ref);
        unit_const(u, " of ");
        unit_part(u, s->repo);
        unit_close(u);
        render_origin(r, u);
        if (!r->world->places.is_user) {
                unit_put_const(u, UNIT_WANTS, "network-online.target");
                unit_put_const(u, UNIT_AFTER, "network-online.target");
        }
        unit_put_const(u, UNIT_STOP_WHEN_UNNEEDED, "yes");
        unit_put_const(u, UNIT_START_LIMIT_INTERVAL, "5min");
        unit_put_const(u, UNIT_START_LIMIT_BURST, "4");

        unit_put_const(u, SERVICE_TYPE, "oneshot");
        unit_put_const(u, SERVICE_REMAIN, "yes");
        unit_put_const(u, SERVICE_TIMEOUT_START, "2h");
        unit_open(u, SERVICE_CACHE_DIRECTORY);
        unit_const(u, "pyservice/");
        unit_part(u, r->app->name);
        unit_close(u);
        unit_put_const(u, SERVICE_CACHE_DIRECTORY_MODE, "0700");
        if (r->world->places.is_user)
                unit_put(u, SERVICE_IMPORT_CREDENTIAL, s->credential);
        put_program(r, u, SERVICE_EXEC_START, false);
        /* For `pyservicectl update`: has the ref moved? */
        put_program(r, u, SERVICE_EXEC_RELOAD, true);
        return u;
}

/* The name does not depend on the directory of our own programs. */
static struct unit_name name_of(struct rendering *r, struct unit *u) {
        struct hash_state *hash = hash_start(r->arena);
        struct unit_name name = { .at = r->app->source->repo.at };
        struct str rest = unit_text(u);

        for (size_t at; (at = str_find_str(rest, STR(PROGRAM))) < rest.n;
             rest = str_from(rest, at + strlen(PROGRAM)))
                hash_add(hash, (struct str){ rest.p, at });
        hash_add(hash, rest);
        name.text = arena_join(r->arena, r->app->name.text, STR("-"), hash_digits(r->arena, hash, 8),
                               STR("-build.service"));
        return name;
}

struct unit_name render_build(struct rendering *r) {
        if (str_is_absent(r->build.text)) {
                struct unit *u = make_unit(r);

                r->build = name_of(r, u);
                /* A copy of the code goes into a directory that this one makes. */
                unit_put(u, UNIT_WANTS, render_setup(r));
                unit_put(u, UNIT_AFTER, render_setup(r));
                render_sandbox(r, u, SANDBOX_IMAGE);
                tree_mark(unit_finish(u, r->tree, layout_unit(r->arena, r->build.text)), TREE_REVISION,
                          (struct str){ 0 });
        }

        return r->build;
}

bool has_plain_build(const struct app *app) {
        const struct repository *s = app->source;
        struct str url = s->repo.text;
        bool is_http = str_has_prefix(url, STR("https://")) || str_has_prefix(url, STR("http://"));

        return !str_is_absent(s->containerfile.text) && str_is_absent(s->ssh_key.text) &&
               str_is_absent(s->credential.text) &&
               (str_has_prefix(url, STR("git://")) || (is_http && str_has_suffix(url, STR(".git"))));
}

/* podman-build(1): REPOSITORY#REF:DIRECTORY, to which the path of the Containerfile is relative. */
static void put_context(struct unit *u, const struct repository *s) {
        unit_open(u, BUILD_CONTEXT);
        unit_part(u, s->repo);
        unit_const(u, "#");
        unit_part(u, s->ref);
        if (!str_is_absent(s->subdir.text)) {
                unit_const(u, ":");
                unit_part(u, s->subdir);
        }
        unit_close(u);
}

struct unit_name render_plain_build(struct rendering *r) {
        const struct container *c = &r->app->base.container;
        const struct repository *s = r->app->source;
        struct unit *u = unit_new(r->arena);

        if (!has_plain_build(r->app) || !str_is_absent(r->build.text))
                return r->build;

        r->build.text = arena_join(r->arena, r->app->name.text, STR("-build.service"));
        unit_open(u, UNIT_DESCRIPTION);
        unit_const(u, "Image of ");
        unit_part(u, r->app->name);
        unit_close(u);
        unit_put(u, BUILD_TAG, app_pinned(r->app, s->image));
        put_context(u, s);
        unit_put(u, BUILD_FILE, s->containerfile);
        unit_put(u, BUILD_PULL, ((struct name){ str_of(pulls[container_pull(c)]), c->pull.at }));
        unit_put(u, BUILD_AUTH_FILE, c->auth_file);
        if (!c->tls_verify.yes)
                unit_put_const(u, BUILD_TLS_VERIFY, "false");
        unit_put_const(u, SERVICE_TIMEOUT_START, "2h");
        (void) unit_finish(u, r->tree, layout_quadlet(r->arena, r->app->name.text, STR(".build")));
        return r->build;
}

void render_built(struct rendering *r, struct unit *u) {
        unit_open(u, SERVICE_EXEC_START_PRE);
        unit_word_const(u, PROGRAM);
        unit_word_const(u, "check");
        unit_word_part(u, r->app->name);
        unit_word_part(u, app_pinned(r->app, r->app->source->image));
        PUT_OPTION(u, "--runtime", ((struct abs_path){ r->world->places.runtime, NOWHERE }));
        unit_close(u);
}
