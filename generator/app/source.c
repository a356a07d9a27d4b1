/* SPDX-License-Identifier: Apache-2.0 */
#include "app/source.h"

#include "app/home.h"
#include "app/rows.h"
#include "base/hash.h"

/* Goes up with every change of what is made of the same definition. */
#define BUILD_VERSION STR("1")

static struct image_ref choose_base(struct world *w, const struct repository *s) {
        if (!str_is_absent(s->base.text))
                return s->base;
        if (s->manager.index == MANAGER_CONDA)
                return (struct image_ref){ STR("docker.io/continuumio/miniconda3:latest"), s->manager.at };

        return (struct image_ref){ arena_join(w->arena, STR("docker.io/library/python:"), s->python.text,
                                              STR("-slim")),
                                   s->python.at };
}

static void hash_commands(struct world *w, struct hash_state *hash, const struct command *commands,
                          size_t n) {
        hash_add(hash, arena_u64(w->arena, n));
        for (size_t i = 0; i < n; i++) {
                hash_add(hash, arena_u64(w->arena, commands[i].words.n));
                LIST_EACH(word, &commands[i].words)
                        hash_add(hash, word->text);
        }
}

static struct str hash_of(struct world *w, const struct repository *s) {
        const struct str texts[] = {
                BUILD_VERSION,
                s->repo.text,
                s->ref.text,
                s->subdir.text,
                s->requirements.text,
                s->containerfile.text,
                s->python.text,
                s->base.text,
                s->conda_base.text,
                s->code_dir.text,
                arena_u64(w->arena, s->manager.index),
                arena_u64(w->arena, s->packages.n),
        };
        struct hash_state *hash = hash_start(w->arena);

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                hash_add(hash, texts[i]);
        LIST_EACH(package, &s->packages)
                hash_add(hash, package->text);
        hash_commands(w, hash, s->before.at, s->before.n);
        hash_commands(w, hash, s->after.at, s->after.n);
        return hash_digits(w->arena, hash, 12);
}

void source_finish(struct world *w, struct app *app) {
        struct repository *s = app->source;

        if (!s)
                return;

        schema_apply_defaults(w->arena, &repository_schema, s);
        s->code_dir = home_paths(w, app).code;
        s->base = choose_base(w, s);
        s->image = (struct image_ref){ arena_join(w->arena, STR("localhost/pyservice-"), app->name.text,
                                                  STR(":"), hash_of(w, s)),
                                       s->repo.at };
        app->base.container.image = s->image;
}

bool source_is_over_ssh(const struct repository *s) {
        struct str repo = s->repo.text;

        return str_has_prefix(repo, STR("ssh://")) ||
               (str_find_str(repo, STR("://")) == repo.n && repo.p[0] != '/');
}
