/* SPDX-License-Identifier: Apache-2.0 */
#include "app/inherit.h"

#include "app/resolve.h"

/* registry.example.com:5000/shop:1.4 → registry.example.com:5000/shop */
static struct str repository_of(struct str image) {
        size_t end = str_find(image, '@');

        for (size_t i = end; i > 0 && image.p[i - 1] != '/'; i--)
                if (image.p[i - 1] == ':')
                        end = i - 1;

        return (struct str){ image.p, end };
}

static bool is_same_repository(struct image_ref a, struct image_ref b) {
        return !str_is_absent(a.text) && !str_is_absent(b.text) &&
               str_eq(repository_of(a.text), repository_of(b.text));
}

/* Without an image at the top, the services are the application. */
static bool runs_app_image(const struct app *app, const struct container *c) {
        struct image_ref top = app->base.container.image;

        if (str_is_absent(c->image.text) || is_same_repository(c->image, top))
                return true;
        if (!str_is_absent(top.text))
                return false;

        LIST_EACH(s, &app->services)
                if (&s->container == c || is_same_repository(c->image, s->container.image))
                        return true;

        return false;
}

static bool is_decided(const struct container *c) {
        return c->inherit.all.at.len > 0 || c->inherit.some.at;
}

static void decide(const struct app *app, struct container *c) {
        bool all = c->inherit.all.at.len > 0 ? c->inherit.all.yes : !is_decided(c) && runs_app_image(app, c);

        for (size_t i = 0; i < INHERITED_COUNT; i++)
                c->takes[i] = all;
        LIST_EACH(one, &c->inherit.some)
                c->takes[one->index] = true;
}

static bool env_names(const struct container *c, struct str secret) {
        LIST_EACH(entry, &c->env)
                if (str_eq(entry->value.secret.text, secret))
                        return true;

        return false;
}

static bool config_names(const struct app *app, struct str secret) {
        LIST_EACH(entry, &app->config)
                if (str_eq(entry->value.secret.text, secret))
                        return true;

        return false;
}

/* True if the part's own or inherited keys name this secret of the top. */
static bool is_used(const struct app *app, const struct container *c, struct str secret) {
        return env_names(c, secret) || (c->takes[INHERITED_ENV] && env_names(&app->base.container, secret)) ||
               (c->takes[INHERITED_CONFIG] && config_names(app, secret));
}

void inherit_decide(struct arena *a, struct app *app) {
        struct container_list all = app_containers(a, app);

        VEC_EACH(ref, &all.list)
                decide(app, ref->container);
}

struct container inherit_offer(struct arena *a, const struct app *app, const struct container *c) {
        struct container offer = app->base.container;

        if (!c->takes[INHERITED_ENV]) {
                offer.env.n = 0;
                offer.env_files.n = 0;
        }
        if (c->takes[INHERITED_SECRETS])
                return offer;

        offer.secrets.at = arena_array(a, offer.secrets.n + 1, struct secret_entry);
        offer.secrets.n = 0;
        LIST_EACH(secret, &app->base.container.secrets)
                if (is_used(app, c, secret->key.text))
                        offer.secrets.at[offer.secrets.n++] = *secret;
        return offer;
}

static bool is_word_byte(char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* `name` in `text`, not as a part of a longer word. (A secret's name may hold '-' and '.'.) */
static bool has_word(struct str text, struct str name, const char *also) {
        for (size_t i = 0; i + name.n <= text.n; i++) {
                size_t end = i + name.n;

                if (memcmp(text.p + i, name.p, name.n) != 0 || (i > 0 && is_word_byte(text.p[i - 1])))
                        continue;
                if (end == text.n || !(is_word_byte(text.p[end]) || strchr(also, text.p[end])))
                        return true;
        }

        return false;
}

/* A text of the part that may contain names, and its position. */
struct mention {
        struct str text;
        struct span at;
};

struct mentions {
        VEC(struct mention) list;
};

static void collect(struct arena *a, const struct container_ref *ref, struct mentions *ret) {
        const struct container *c = ref->container;

        LIST_EACH(word, &c->command)
                *vec_push(a, &ret->list) = (struct mention){ word->text, word->at };
        LIST_EACH(word, &c->entrypoint)
                *vec_push(a, &ret->list) = (struct mention){ word->text, word->at };
        if (ref->health) {
                *vec_push(a, &ret->list) =
                        (struct mention){ ref->health->command.text, ref->health->command.at };
                LIST_EACH(word, &ref->health->words)
                        *vec_push(a, &ret->list) = (struct mention){ word->text, word->at };
        }
        LIST_EACH(entry, &c->env)
                *vec_push(a, &ret->list) = (struct mention){ entry->value.text.text, entry->key.at };
}

struct checking {
        struct world *w;
        const struct container_ref *part;
        struct mentions mentions;
};

static bool has_secret(const struct container *c, struct str name) {
        LIST_EACH(secret, &c->secrets)
                if (str_eq(secret->key.text, name))
                        return true;

        return false;
}

static void warn(struct checking *k, struct span at, const char *what, struct str name, const char *key) {
        (void) diag_add(k->w->ds, DIAG_NOT_INHERITED, at,
                        "'%.*s' does not run the application's image, so it does not inherit the %s '%.*s' "
                        "that it names here; add 'inherit: [%s]' to it, or 'inherit: false' if it needs "
                        "none",
                        STR_ARG(k->part->name.text), what, STR_ARG(name), key);
}

static void check_variable(struct checking *k, struct str name, const char *key) {
        if (container_find_variable(k->part->container, name))
                return;

        VEC_EACH(m, &k->mentions.list)
                if (has_word(m->text, name, "")) {
                        warn(k, m->at, "variable", name, key);
                        return;
                }
}

static void check_secret(struct checking *k, struct str name) {
        struct str path = arena_join(k->w->arena, STR("/run/secrets/"), name);

        if (has_secret(k->part->container, name))
                return;

        VEC_EACH(m, &k->mentions.list)
                if (has_word(m->text, path, "-.")) {
                        warn(k, m->at, "secret", name, "secrets");
                        return;
                }
}

void inherit_check(struct world *w, struct app *app, const struct variable *config, size_t n_config) {
        struct container_list all = app_containers(w->arena, app);

        VEC_EACH(part, &all.list) {
                struct checking k = { .w = w, .part = part };

                if (is_decided(part->container) || part->container->takes[INHERITED_ENV])
                        continue;

                collect(w->arena, part, &k.mentions);
                LIST_EACH(entry, &app->base.container.env)
                        check_variable(&k, entry->key.text, "env");
                for (size_t i = 0; i < n_config; i++)
                        check_variable(&k, config[i].name.text, "config");
                LIST_EACH(secret, &app->base.container.secrets)
                        check_secret(&k, secret->key.text);
        }
}
