/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "app/resolve.h"
#include "base/fs.h"
#include "control/run.h"
#include "ctl/session.h"
#include "load/contract.h"
#include "model/effective.h"
#include "runtime/spawn.h"
#include "terminal/table.h"
#include "verbs/verbs.h"

/* pyservicectl env: what a part finds in its environment, and where each variable comes from. */

static struct { bool reveals; } options;

const struct option_row env_options[] = {
        { "reveal", NULL, "Show the values too", .flag = &options.reveals },
        { 0 },
};

struct env_line {
        struct str name;
        struct str kind;    /* "definition", "env-file", "config", "default", "contract", "pyservice" */
        struct str origin;  /* a place, or a sentence */
        struct str secrets; /* the names of those that are part of it; absent for none */
        struct str value;   /* absent if it is not shown, or unknown */
        const struct variable *variable; /* NULL for one of an environment file */
};

struct env {
        struct ctl *c;
        struct aim aim;
        struct app *app; /* its definition */
        const struct container *container;
        VEC(struct env_line) lines; /* by name */
        struct str unread;          /* environment files that this user can't read; absent for none */
};

/* Which variables there are. Later ones count: environment files in their order, then what the definition
 * comes to. */

enum { ENV_FILE_MAX = 1 << 20 };

static struct str place_of(struct env *e, struct span at) {
        return effective_origin(&e->aim.facts.session, &(const struct node){ .at = at });
}

static struct str secrets_of(struct env *e, const struct variable *v) {
        struct str text = { 0 };

        LIST_EACH(piece, &v->pieces)
                if (!str_is_absent(piece->secret.text))
                        text = str_is_absent(text)
                                       ? piece->secret.text
                                       : arena_join(&e->c->arena, text, STR(", "), piece->secret.text);
        return text;
}

/* A variable without a file still has a reason in the definition. */
static void explain_own(struct env *e, struct env_line *line) {
        struct span at = str_is(line->name, "APP_RUN_MODE")       ? e->container->run_mode.at
                         : str_is(line->name, "APP_WORKER_COUNT") ? e->container->worker_count.at
                         : e->app->auth_tracking                  ? e->app->auth_tracking->redis_url.at
                                                                  : NOWHERE;

        line->kind = STR("pyservice");
        line->origin = at.file == SPAN_NOWHERE ? STR("auth_tracking") : place_of(e, at);
}

static const struct contract_variable *find_variable(const struct contract *contract, struct str name) {
        LIST_EACH(v, &contract->variables)
                if (str_eq(v->env.text, name))
                        return v;

        return NULL;
}

static void explain_contract(struct env *e, struct env_line *line, const struct contract *contract) {
        const struct contract_variable *v = find_variable(contract, line->name);

        line->kind = v && !str_is_absent(v->template.text) ? STR("contract") : STR("default");
        line->origin = arena_join(&e->c->arena, contract->name.text,
                                  v && !str_is_absent(v->template.text) ? STR(", made from others by ")
                                                                        : STR(", by "),
                                  place_of(e, line->variable->name.at));
        LIST_EACH(entry, &e->app->config)
                if (v && str_eq(entry->key.text, v->name.text)) {
                        line->kind = STR("config");
                        line->origin = place_of(e, entry->key.at);
                }
}

static void explain(struct env *e, struct env_line *line) {
        struct session *s = &e->aim.facts.session;
        struct span at = line->variable->name.at;
        const struct contract *contract =
                str_is_absent(e->app->contract.text) ? NULL : contract_find(&s->world, e->app->contract);

        if (at.file == SPAN_NOWHERE)
                explain_own(e, line);
        else if (contract && str_eq(s->sources.list.at[at.file].path, contract->path))
                explain_contract(e, line, contract);
        else {
                line->kind = STR("definition");
                line->origin = place_of(e, at);
        }
}

/* As Podman reads one: NAME=VALUE, or NAME alone for what Podman itself has. */
static void add_file_line(struct env *e, struct str path, struct str text) {
        size_t equals;

        while (text.n > 0 && strchr(" \t\r", text.p[0]))
                text = str_from(text, 1);
        equals = str_find(text, '=');
        if (text.n == 0 || text.p[0] == '#' || equals == 0)
                return;

        *vec_push(&e->c->arena, &e->lines) = (struct env_line){
                .name = { text.p, equals },
                .kind = STR("env-file"),
                .origin = path,
                .value = equals < text.n ? str_from(text, equals + 1) : (struct str){ 0 },
        };
}

static void add_file(struct env *e, struct env_file file) {
        struct str path = str_has_prefix(file.text, STR("-")) ? str_from(file.text, 1) : file.text, text,
                   line;
        int r = fs_read(&e->c->arena, e->aim.facts.session.world.root,
                        arena_str(&e->c->arena, str_from(path, 1)).p, ENV_FILE_MAX, &text);

        if (r < 0) {
                if (r != -ENOENT || file.text.p[0] != '-')
                        e->unread = str_is_absent(e->unread)
                                            ? path
                                            : arena_join(&e->c->arena, e->unread, STR(", "), path);
                return;
        }

        while (str_split(&text, '\n', &line))
                add_file_line(e, path, line);
}

/* Elements of one array: their addresses are their order. */
static int compare(const void *left, const void *right) {
        const struct env_line *a = *(const struct env_line *const *) left,
                              *b = *(const struct env_line *const *) right;
        int r = str_cmp(a->name, b->name);

        return r != 0 ? r : a < b ? -1 : a > b;
}

static void settle(struct env *e) {
        const struct env_line **order = arena_array(&e->c->arena, e->lines.n + 1, const struct env_line *);
        struct env sorted = { 0 };

        for (size_t i = 0; i < e->lines.n; i++)
                order[i] = &e->lines.at[i];
        if (e->lines.n > 1)
                qsort(order, e->lines.n, sizeof(*order), compare);

        for (size_t i = 0; i < e->lines.n; i++)
                if (i + 1 == e->lines.n || !str_eq(order[i]->name, order[i + 1]->name))
                        *vec_push(&e->c->arena, &sorted.lines) = *order[i];
        e->lines.at = sorted.lines.at;
        e->lines.n = sorted.lines.n;
        e->lines.room = sorted.lines.room;
}

/* Fills the lines, with no values but those of environment files. */
static void env_collect(struct env *e) {
        LIST_EACH(file, &e->container->env_files)
                add_file(e, *file);
        LIST_EACH(v, &e->container->environment) {
                struct env_line *line = vec_push(&e->c->arena, &e->lines);

                *line = (struct env_line){ .name = v->name.text, .secrets = secrets_of(e, v), .variable = v };
                explain(e, line);
        }
        settle(e);
}

static int refuse(struct str app, const char *why) {
        (void) fprintf(stderr, "pyservicectl env: %.*s: %s\n", STR_ARG(app), why);
        return CTL_ERROR;
}

/* The definition of what is meant. */
static int find_container(struct env *e) {
        const struct definition *d = e->aim.app->definition;
        struct container_list all;

        if (!d || !d->app) {
                if (d)
                        session_tell(&e->aim.facts.session, e->aim.app->name);
                return refuse(e->aim.app->name, d ? "its definition has errors; fix them first"
                                                  : "it no longer has a definition");
        }

        e->app = d->app;
        all = app_containers(&e->c->arena, d->app);
        VEC_EACH(ref, &all.list)
                if (e->aim.part && str_eq(ref->container->unit.text, e->aim.part->unit))
                        e->container = ref->container;

        return e->container ? 0
                            : refuse(e->aim.app->name,
                                     "its definition no longer has this part, which is still running");
}

/* {{ instance }} is a number where an instance was named. */
static struct str literal_of(struct env *e, const struct variable *v) {
        struct arena *a = &e->c->arena;
        struct str text = STR(""), number = e->aim.target.instance;

        LIST_EACH(piece, &v->pieces)
                text = arena_join(a, text,
                                  marks_show(a, str_is_absent(number)
                                                        ? piece->literal
                                                        : instance_mark_replace(a, piece->literal, number)));
        return text;
}

static struct str find_value(const struct once *o, struct str name) {
        VEC_EACH(v, &o->variables)
                if (str_eq(v->name, name))
                        return v->value;

        return (struct str){ 0 };
}

/* One that Podman itself puts in. */
static struct str ask_podman(struct env *e, struct str secret) {
        const char *argv[] = { spawn_find(&e->c->arena, "podman").p, "secret", "inspect", "--showsecret",
                               "--format={{.SecretData}}",           NULL,     NULL };
        struct str name = { 0 };
        struct spawn_result result;

        LIST_EACH(entry, &e->container->secrets)
                if (str_eq(entry->key.text, secret))
                        name = entry->value.podman.text;
        if (!argv[0] || str_is_absent(name))
                return (struct str){ 0 };

        argv[5] = arena_str(&e->c->arena, name).p;
        if (spawn_run(&e->c->arena, argv, &result) < 0 || result.status != 0)
                return (struct str){ 0 };

        return result.out.n > 0 ? (struct str){ result.out.p, result.out.n - 1 } : result.out;
}

static void fill_values(struct env *e, const struct once *o) {
        VEC_EACH(line, &e->lines) {
                if (!line->variable)
                        continue;
                line->value = find_value(o, line->name);
                if (str_is_absent(line->value))
                        line->value = str_is_absent(line->secrets) ? literal_of(e, line->variable)
                                                                   : ask_podman(e, line->secrets);
        }
}

static bool has_secrets(const struct env *e) {
        VEC_EACH(line, &e->lines)
                if (!str_is_absent(line->secrets))
                        return true;

        return false;
}

/* Secrets come as a start would get them now. */
static int reveal(struct env *e) {
        struct once o = { .c = e->c };
        struct guard guard;
        int r;

        if (!has_secrets(e) || strcmp(e->c->root, "/") != 0) {
                fill_values(e, &o);
                return 0;
        }

        r = once_open(e->c, &e->aim, &o);
        if (r != 0)
                return r;
        r = guard_start(&o, &guard);
        if (r < 0) {
                (void) fs_remove_tree(AT_FDCWD, o.directory.p);
                return ctl_fail("cannot start another process", r);
        }

        r = once_prepare(&o);
        (void) fs_remove_tree(AT_FDCWD, o.directory.p);
        guard_end(&guard);
        if (r == 0)
                fill_values(e, &o);
        return r;
}

static int print(struct env *e) {
        static const struct table_column columns[] = {
                { "VARIABLE", "name", 0 },         { "FROM", "kind", 0 },
                { "WHERE", "origin", TABLE_WRAP }, { "SECRETS", "secrets", TABLE_WRAP },
                { "VALUE", "value", TABLE_WRAP },
        };
        CLEANUP(table_free) struct table *t = NULL;
        int r = table_new(e->c, "environment", columns, ARRAY_SIZE(columns) - !options.reveals, &t);

        VEC_EACH(line, &e->lines)
                if (r == 0)
                        r = table_add(t, (const struct str[]){ line->name, line->kind, line->origin,
                                                               line->secrets, line->value });
        return r < 0 ? ctl_fail("cannot make the table", r) : table_print(e->c, t);
}

static void close_env(struct env *e) {
        aim_close(&e->aim);
}

int ctl_env(struct ctl *c) {
        CLEANUP(close_env) struct env e = { .c = c };
        int r;

        if (c->argc != 1)
                return ctl_usage(c, "give APP, APP/SERVICE or APP/SERVICE@N");

        r = options.reveals ? run_check_root(c, "env --reveal") : 0;
        if (r == 0)
                r = aim_open(c, c->argv[0], &e.aim);
        if (r == 0)
                r = find_container(&e);
        if (r != 0)
                return r;

        env_collect(&e);
        r = options.reveals ? reveal(&e) : 0;
        if (r != 0)
                return r;
        if (!str_is_absent(e.unread))
                (void) fprintf(stderr,
                               "pyservicectl env: cannot be read, so its variables are not shown: %.*s\n",
                               STR_ARG(e.unread));
        return print(&e);
}
