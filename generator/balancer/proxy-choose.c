/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/proxy-choose.h"

#include <unistd.h>

void proxy_state_choose_wanted(struct proxy_state *s) {
        VEC_EACH(c, &s->apps)
                c->chosen = c->wanted;
}

/* The administrator's files there count too, and old ones of ours have to go. */
static void add_directories(const struct proxy_state *s, struct arena *a, struct proxy_set *set) {
        (void) proxy_set_directory(a, set, s->directory);
        VEC_EACH(c, &s->apps) {
                if (!c->in_place)
                        continue;
                VEC_EACH(part, &c->in_place->list)
                        (void) proxy_set_directory(a, set, part->directory);
        }
}

bool proxy_state_set(const struct proxy_state *s, struct arena *a, struct proxy_set *ret,
                     struct str *ret_problem) {
        struct proxy_app *apps = arena_array(a, s->apps.n, struct proxy_app);
        struct proxy_set set;

        for (size_t i = 0; i < s->apps.n; i++)
                apps[i] = (struct proxy_app){ s->apps.at[i].app, s->apps.at[i].chosen };

        if (!proxy_set_build(a, apps, s->apps.n, &set, ret_problem))
                return false;

        add_directories(s, a, &set);
        *ret = set;
        return true;
}

/* Tries what is chosen, in an arena of its own, as there may be as many tries as applications. */
static int try(struct proxy_choice *c, struct str *ret_message) {
        struct arena arena = { 0 };
        struct proxy_place place = *c->place;
        struct haproxy_program haproxy = *c->place->haproxy;
        struct proxy_set set = { 0 };
        struct str message = STR("");
        int r;

        place.arena = haproxy.arena = &arena;
        place.haproxy = &haproxy;
        r = proxy_state_set(c->state, &arena, &set, &message) ? proxy_place_try(&place, &set, &message) : 1;

        if (r > 0)
                *ret_message = arena_str(c->arena, message);
        if (r < 0)
                c->place->at = arena_str(c->arena, place.at);
        arena_done(&arena);
        return r;
}

/* "'shop' (/etc/pyservice.d/shop.yaml)", if there is such a file. */
static struct str describe(const struct proxy_choice *c, struct str app) {
        for (size_t i = 0; i < ARRAY_SIZE(c->places->definitions); i++) {
                struct str path =
                        arena_join(c->arena, c->places->definitions[i], STR("/"), app, STR(".yaml"));

                if (!str_is_absent(c->places->definitions[i]) &&
                    access(arena_join(c->arena, str_of(c->root), path).p, F_OK) == 0)
                        return arena_join(c->arena, STR("'"), app, STR("' ("), path, STR(")"));
        }

        return arena_join(c->arena, STR("'"), app, STR("'"));
}

static void complain(struct proxy_choice *c, const struct proxy_candidate *app, struct str message) {
        const char *what = app->chosen      ? "HAProxy rejects its new configuration; the previous one stays"
                           : !app->in_place ? "HAProxy rejects its configuration; it is left out"
                                            : "HAProxy rejects both its new and its "
                                              "previous configuration; it is left out";

        if (!app->wanted)
                what = "it was removed, but other parts of HAProxy's configuration need its files, which "
                       "stay";
        *vec_push(c->arena, &c->problems) = (struct proxy_problem){
                app->app,
                arena_printf(c->arena, "application %s: %s:\n%s", describe(c, app->app).p, what, message.p),
                message,
        };
}

/* Tries each change of an application on top of what is chosen; `is_from_nothing`: also what is in place. */
static int choose_each(struct proxy_choice *c, bool is_from_nothing) {
        VEC_EACH(app, &c->state->apps) {
                struct str message, dropped;
                int r;

                if (!is_from_nothing && !proxy_candidate_is_changed(app))
                        continue;

                app->chosen = app->wanted;
                r = try(c, &message);
                if (r > 0) {
                        app->chosen = app->in_place;
                        r = is_from_nothing ? try(c, &dropped) : 0;
                        if (r > 0)
                                app->chosen = NULL;
                        complain(c, app, message);
                }
                if (r < 0)
                        return r;
        }

        return 0;
}

static void choose_in_place(struct proxy_state *s) {
        VEC_EACH(c, &s->apps)
                c->chosen = c->in_place;
}

static void choose_nothing(struct proxy_state *s) {
        VEC_EACH(c, &s->apps)
                c->chosen = NULL;
}

static void give_up(struct proxy_choice *c, const char *what, struct str message) {
        *vec_push(c->arena, &c->problems) = (struct proxy_problem){
                .text = arena_printf(c->arena, "%s:\n%s", what, message.p),
                .message = message,
        };
}

static int choose(struct proxy_choice *c) {
        struct str message;
        int r;

        proxy_state_choose_wanted(c->state);
        r = try(c, &message);
        if (r <= 0)
                return r;

        choose_in_place(c->state);
        r = try(c, &message);
        if (r < 0)
                return r;
        if (r == 0)
                return choose_each(c, false);

        if (c->place->haproxy->is_active) {
                give_up(c,
                        "HAProxy rejects the files in place now, so nothing changed; it would not start with "
                        "them",
                        message);
                return 1;
        }

        choose_nothing(c->state);
        r = try(c, &message);
        if (r > 0)
                give_up(c, "HAProxy rejects the administrator's configuration, so nothing changed", message);
        return r != 0 ? r : choose_each(c, true);
}

int proxy_choose(struct proxy_choice *c, struct proxy_set *ret) {
        struct str problem;
        int r = choose(c);

        if (r == 0)
                (void) proxy_state_set(c->state, c->arena, ret, &problem);
        return r;
}
