/* SPDX-License-Identifier: Apache-2.0 */
#include "verbs/env.h"

#include <fcntl.h>

#include "app/resolve.h"
#include "base/fs.h"
#include "ctl/session.h"
#include "runtime/spawn.h"
#include "terminal/table.h"
#include "verbs/verbs.h"

static int refuse(struct str app, const char *why) {
        (void) fprintf(stderr, "pyservicectl env: %.*s: %s\n", STR_ARG(app), why);
        return CTL_MISTAKE;
}

/* The definition of what is meant. */
static int find_container(struct env *e) {
        const struct definition *d = e->aim.app->definition;
        struct container_list all;

        if (!d || !d->app) {
                if (d)
                        session_tell(&e->aim.facts.session, e->aim.app->name);
                return refuse(e->aim.app->name, d ? "its definition has errors; fix them first" : "it no longer has a definition");
        }

        e->app = d->app;
        all = app_containers(&e->c->arena, d->app);
        VEC_EACH(ref, &all.list)
                if (e->aim.part && str_eq(ref->container->unit.text, e->aim.part->unit))
                        e->container = ref->container;

        return e->container ? 0 : refuse(e->aim.app->name,
                        "its definition no longer has this part, which is still running");
}

/* {{ instance }} is a number where an instance was named. */
static struct str literal_of(struct env *e, const struct variable *v) {
        struct arena *a = &e->c->arena;
        struct str text = STR(""), number = e->aim.target.instance;

        LIST_EACH(piece, &v->pieces)
                text = arena_join(a, text, str_is_absent(number) ? instance_mark_show(a, piece->literal)
                                                                 : instance_mark_replace(a, piece->literal, number));
        return text;
}

static struct str find_value(const struct once *o, struct str name) {
        VEC_EACH(v, &o->variables)
                if (str_eq(v->name, name))
                        return v->value;

        return (struct str) { 0 };
}

/* One that Podman itself puts in. */
static struct str ask_podman(struct env *e, struct str secret) {
        const char *argv[] = { spawn_find(&e->c->arena, "podman").p, "secret", "inspect", "--showsecret", "--format={{.SecretData}}", NULL, NULL };
        struct str name = { 0 };
        struct spawn_result result;

        LIST_EACH(entry, &e->container->secrets)
                if (str_eq(entry->key.text, secret))
                        name = entry->value.podman.text;
        if (!argv[0] || str_is_absent(name))
                return (struct str) { 0 };

        argv[5] = arena_str(&e->c->arena, name).p;
        if (spawn_run(&e->c->arena, argv, &result) < 0 || result.status != 0)
                return (struct str) { 0 };

        return result.out.n > 0 ? (struct str) { result.out.p, result.out.n - 1 } : result.out;
}

static void fill_values(struct env *e, const struct once *o) {
        VEC_EACH(line, &e->lines) {
                if (!line->variable)
                        continue;
                line->value = find_value(o, line->name);
                if (str_is_absent(line->value))
                        line->value = str_is_absent(line->secrets) ? literal_of(e, line->variable) : ask_podman(e, line->secrets);
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
                { "VARIABLE", "name", 0 }, { "FROM", "kind", 0 }, { "WHERE", "origin", TABLE_WRAP }, { "SECRETS", "secrets", TABLE_WRAP }, { "VALUE", "value", TABLE_WRAP },
        };
        CLEANUP(table_free) struct table *t = NULL;
        int r = table_new(e->c, "environment", columns, ARRAY_SIZE(columns) - !e->c->reveals, &t);

        VEC_EACH(line, &e->lines)
                if (r == 0)
                        r = table_add(t, (const struct str[]) { line->name, line->kind, line->origin, line->secrets, line->value });
        return r < 0 ? ctl_fail("cannot make the table", r) : table_print(e->c, t);
}

static void close_env(struct env *e) {
        aim_close(&e->aim);
}

int ctl_env(struct ctl *c) {
        CLEANUP(close_env) struct env e = { .c = c };
        int r;

        if (c->argc != 1) {
                (void) fputs("pyservicectl env: give APP, APP/SERVICE or APP/SERVICE@N\n", stderr);
                return CTL_USAGE;
        }

        r = c->reveals ? run_check_root(c, "env --reveal") : 0;
        if (r == 0)
                r = aim_open(c, c->argv[0], &e.aim);
        if (r == 0)
                r = find_container(&e);
        if (r != 0)
                return r;

        env_collect(&e);
        r = c->reveals ? reveal(&e) : 0;
        if (r != 0)
                return r;
        if (!str_is_absent(e.unread))
                (void) fprintf(stderr, "pyservicectl env: cannot be read, so its variables are not shown: %.*s\n", STR_ARG(e.unread));
        return print(&e);
}
