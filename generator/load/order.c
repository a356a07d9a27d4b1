/* SPDX-License-Identifier: Apache-2.0 */
#include "load/order.h"

/* A reference without its condition. False if the condition is invalid. */
static bool take_condition(struct world *w, struct unit_ref *ref, bool *ret_is_done) {
        struct str rest = ref->text, condition;

        *ret_is_done = false;
        if (ref->text.n == 0 || ref->text.p[0] != CONDITION_MARK)
                return true;

        rest = str_from(rest, 1);
        (void) str_split(&rest, CONDITION_MARK, &condition);
        ref->text = rest;
        *ret_is_done = str_is(condition, "done");
        if (*ret_is_done || str_is(condition, "ready"))
                return true;

        if (str_is(condition, "started"))
                (void) diag_add(
                        w->ds, DIAG_BAD_VALUE, ref->at,
                        "systemd cannot wait only until '%.*s' has started: After= waits until a unit "
                        "is ready, and without it the unit would stop first; write ready",
                        STR_ARG(ref->text));
        else
                (void) diag_add(w->ds, DIAG_BAD_VALUE, ref->at,
                                "'%.*s' is not a condition; write ready or done", STR_ARG(condition));
        return false;
}

static void split(struct world *w, struct start_order *o) {
        struct unit_ref *done = arena_array(w->arena, o->requires.n + 1, struct unit_ref);
        size_t n = 0, n_done = 0;

        LIST_EACH(ref, &o->requires) {
                struct unit_ref *place;
                bool is_done;

                if (!take_condition(w, ref, &is_done))
                        continue;
                place = is_done ? &done[n_done++] : &o->requires.at[n++];
                *place = *ref;
        }
        o->requires.n = n;
        o->done.at = done;
        o->done.n = n_done;
}

struct updates {
        struct world *w;
        struct app *app;
        bool *is_listed; /* of each task */
        VEC(struct name) list;
};

static void list_task(struct updates *u, struct name name);

/* check_references() reports names without a task. */
static void list_done(struct updates *u, const struct start_order *o) {
        LIST_EACH(ref, &o->done)
                for (size_t i = 0; i < u->app->tasks.n; i++)
                        if (str_eq(u->app->tasks.at[i].name.text, ref->text))
                                list_task(u, (struct name){ ref->text, ref->at });
}

static void list_task(struct updates *u, struct name name) {
        for (size_t i = 0; i < u->app->tasks.n; i++) {
                if (!str_eq(u->app->tasks.at[i].name.text, name.text))
                        continue;
                if (u->is_listed[i])
                        return;

                u->is_listed[i] = true;
                list_done(u, &u->app->tasks.at[i].order);
        }
        *vec_push(u->w->arena, &u->list) = name;
}

/* It starts after the part whose network it shares, and render/order.c binds it to that one. */
static void require_owner(struct world *w, const struct container *c, struct start_order *o) {
        struct unit_ref *refs;

        if (!shares_network(c))
                return;
        LIST_EACH(ref, &o->requires)
                if (str_eq(ref->text, c->network_of.text))
                        return;

        refs = arena_array(w->arena, o->requires.n + 1, struct unit_ref);
        if (o->requires.n > 0)
                memcpy(refs, o->requires.at, o->requires.n * sizeof(*refs));
        refs[o->requires.n] = (struct unit_ref){ c->network_of.text, c->network_of.at };
        o->requires.at = refs;
        o->requires.n++;
}

static void finish_one(struct world *w, const struct container *c, struct start_order *o) {
        split(w, o);
        require_owner(w, c, o);
}

void order_finish(struct world *w, struct app *app) {
        struct updates u = { .w = w, .app = app, .is_listed = arena_array(w->arena, app->tasks.n + 1, bool) };

        APP_EACH_KEPT(s, app)
                finish_one(w, &s->container, &s->order);
        LIST_EACH(t, &app->tasks)
                finish_one(w, &t->container, &t->order);
        LIST_EACH(t, &app->timers)
                finish_one(w, &t->task.container, &t->task.order);

        LIST_EACH(name, &app->before_update)
                list_task(&u, *name);
        APP_EACH_KEPT(s, app)
                list_done(&u, &s->order);
        LIST_EACH(t, &app->tasks)
                list_done(&u, &t->order);
        LIST_EACH(t, &app->timers)
                list_done(&u, &t->task.order);
        app->before_update.at = u.list.at;
        app->before_update.n = u.list.n;
}
