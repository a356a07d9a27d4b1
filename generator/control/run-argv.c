/* SPDX-License-Identifier: Apache-2.0 */

#include "control/run.h"
#include "hooks/container-options.h"

struct words {
        struct arena *arena;
        VEC(const char *) list;
};

static void put(struct words *w, struct str word) {
        *vec_push(w->arena, &w->list) = arena_str(w->arena, word).p;
}

/* The unit's own directory of secrets becomes this container's. */
static struct str move_secrets(const struct once *o, struct str word) {
        VEC_EACH(directory, &o->exec.directories.list) {
                struct str path = arena_join(&o->c->arena, o->runtime, STR("/"), *directory, STR("/"));
                size_t at = str_find_str(word, path);

                if (at < word.n)
                        return arena_join(&o->c->arena, (struct str){ word.p, at }, o->directory, STR("/"),
                                          str_from(word, at + path.n));
        }

        return word;
}

const char **once_argv(const struct once *o) {
        struct words w = { .arena = &o->c->arena };
        struct container_words options = { 0 };

        if (!container_options(w.arena, &o->exec, o->image, &options))
                return NULL;

        put(&w, str_of(o->exec.start.argv[0]));
        VEC_EACH(word, &options.list)
                put(&w, move_secrets(o, *word));

        put(&w, STR("--name"));
        put(&w, o->name);
        put(&w, STR("--hostname"));
        put(&w, o->name);
        put(&w, STR("--rm"));
        put(&w, STR("--interactive"));
        if (o->has_terminal)
                put(&w, STR("--tty"));
        put(&w, STR("--no-healthcheck"));
        /* The output is the user's; the session at a terminal does not belong in the journal. */
        put(&w, STR("--log-driver=none"));
        put(&w, STR("--label=io.pyservice.run=yes"));
        put(&w, STR("--entrypoint="));
        put(&w, o->image);
        for (size_t i = 0; i < o->n_command; i++)
                put(&w, str_of(o->command[i]));
        *vec_push(w.arena, &w.list) = NULL;
        return w.list.at;
}
