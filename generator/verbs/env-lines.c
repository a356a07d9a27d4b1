/* SPDX-License-Identifier: Apache-2.0 */

/* Which variables there are. Later ones count: environment files in their order, then what the definition comes to. */

#include <errno.h>
#include <stdlib.h>

#include "app/contract.h"
#include "app/resolve.h"
#include "base/fs.h"
#include "ctl/session.h"
#include "model/effective.h"
#include "verbs/env.h"

enum { ENV_FILE_MAX = 1 << 20 };

static struct str place_of(struct env *e, struct span at) {
        return effective_origin(&e->aim.facts.session, &(const struct node) { .at = at });
}

static struct str secrets_of(struct env *e, const struct variable *v) {
        struct str text = { 0 };

        LIST_EACH(piece, &v->pieces)
                if (!str_is_absent(piece->secret.text))
                        text = str_is_absent(text) ? piece->secret.text : arena_join(&e->c->arena, text, STR(", "), piece->secret.text);
        return text;
}

/* What no file names has a reason in the definition all the same. */
static void explain_own(struct env *e, struct env_line *line) {
        struct span at = str_is(line->name, "APP_RUN_MODE") ? e->container->run_mode.at : str_is(line->name, "APP_WORKER_COUNT") ? e->container->worker_count.at :
                         e->app->auth_tracking ? e->app->auth_tracking->redis_url.at : NOWHERE;

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
        line->origin = arena_join(&e->c->arena, contract->name.text, v && !str_is_absent(v->template.text) ? STR(
                        ", made from others by ") : STR(", by "),
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
        const struct contract *contract = str_is_absent(e->app->contract.text) ? NULL : contract_find(&s->world, e->app->contract);

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

        *vec_push(&e->c->arena, &e->lines) = (struct env_line) {
                .name = { text.p, equals }, .kind = STR("env-file"), .origin = path,
                .value = equals < text.n ? str_from(text, equals + 1) : (struct str) { 0 },
        };
}

static void add_file(struct env *e, struct env_file file) {
        struct str path = str_has_prefix(file.text, STR("-")) ? str_from(file.text, 1) : file.text, text, line;
        int r = fs_read(&e->c->arena, e->aim.facts.session.world.root, arena_str(&e->c->arena, str_from(path, 1)).p, ENV_FILE_MAX, &text);

        if (r < 0) {
                if (r != -ENOENT || file.text.p[0] != '-')
                        e->unread = str_is_absent(e->unread) ? path : arena_join(&e->c->arena, e->unread, STR(", "), path);
                return;
        }

        while (str_split(&text, '\n', &line))
                add_file_line(e, path, line);
}

/* Elements of one array: their addresses are their order. */
static int compare(const void *left, const void *right) {
        const struct env_line *a = *(const struct env_line *const *) left, *b = *(const struct env_line *const *) right;
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

void env_collect(struct env *e) {
        LIST_EACH(file, &e->container->env_files)
                add_file(e, *file);
        LIST_EACH(v, &e->container->environment) {
                struct env_line *line = vec_push(&e->c->arena, &e->lines);

                *line = (struct env_line) { .name = v->name.text, .secrets = secrets_of(e, v), .variable = v };
                explain(e, line);
        }
        settle(e);
}
