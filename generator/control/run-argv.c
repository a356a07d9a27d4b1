/* SPDX-License-Identifier: Apache-2.0 */

/* A container like a part's own: the command with which systemd starts the part, without the options that
 * belong to that one container. So no setting of a definition is translated a second time here. */

#include "control/run.h"

/* Quadlet has the value of an option in the next word, PodmanArgs= perhaps behind '='. */
static const struct {
        struct str name;
        bool has_value;
} dropped[] = {
        { STR_INIT("--name"), true },
        { STR_INIT("--hostname"), true },
        { STR_INIT("--cidfile"), true },
        { STR_INIT("--publish"), true },
        { STR_INIT("-p"), true },
        { STR_INIT("--publish-all"), false },
        { STR_INIT("-P"), false },
        { STR_INIT("--sdnotify"), true },
        { STR_INIT("--cgroups"), true },
        { STR_INIT("--log-driver"), true },
        { STR_INIT("--entrypoint"), true },
        { STR_INIT("--restart"), true },
        { STR_INIT("--ip"), true },
        { STR_INIT("--ip6"), true },
        { STR_INIT("--mac-address"), true },
        { STR_INIT("--detach"), false },
        { STR_INIT("-d"), false },
        { STR_INIT("--replace"), false },
        { STR_INIT("--rm"), false },
        { STR_INIT("--no-healthcheck"), false },
};

/* How many words are dropped from this one on. */
static size_t count_dropped(struct str word) {
        struct str name = { word.p, str_find(word, '=') };

        if (str_has_prefix(word, STR("--health-")))
                return name.n < word.n ? 1 : 2;

        for (size_t i = 0; i < ARRAY_SIZE(dropped); i++)
                if (str_eq(dropped[i].name, name))
                        return dropped[i].has_value && name.n == word.n ? 2 : 1;

        return 0;
}

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

/* The options, up to the image; false if there is none. */
static bool put_options(struct words *w, const struct once *o) {
        for (size_t i = 1; i < o->exec.start.n; i++) {
                struct str word = bus_expand(w->arena, str_of(o->exec.start.argv[i]), &o->exec.environment);
                size_t n = count_dropped(word);

                if (str_eq(word, o->image))
                        return true;
                if (n == 0)
                        put(w, move_secrets(o, word));
                else
                        i += n - 1;
        }

        return false;
}

const char **once_argv(const struct once *o) {
        struct words w = { .arena = &o->c->arena };

        put(&w, str_of(o->exec.start.argv[0]));
        if (!put_options(&w, o))
                return NULL;

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
