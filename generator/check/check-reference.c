/* SPDX-License-Identifier: Apache-2.0 */

/* Names that one part of an app uses of another: of tasks, services and sidecars. */

#include <stdlib.h>

#include "check/check-parts.h"

static void check_before_update(struct world *w, struct app *app) {
        struct str *names = arena_array(w->arena, app->tasks.n + 1, struct str);

        for (size_t i = 0; i < app->tasks.n; i++)
                names[i] = app->tasks.at[i].name.text;

        LIST_EACH(name, &app->before_update) {
                bool found = false;
                struct str hint;

                for (size_t i = 0; i < app->tasks.n; i++)
                        found = found || str_eq(names[i], name->text);
                if (found)
                        continue;

                hint = diag_hint(w->arena, name->text, names, app->tasks.n, STR("add it to 'tasks:'"));
                (void) diag_add(w->ds, DIAG_UNKNOWN_TASK, name->at, "unknown task '%.*s'; %.*s",
                                STR_ARG(name->text), STR_ARG(hint));
        }
}

/* A part that waits for others; others may wait for it if it is a service or a sidecar. */
struct part {
        struct name name;
        const struct start_order *order;
        struct part **others; /* the part that each reference names; NULL if that is not a part of the app */
        bool is_settled;      /* waits only for settled parts */
};

struct parts {
        VEC(struct part) list;
        size_t n_running; /* services and sidecars, which come first */
};

static struct parts collect(struct arena *a, const struct app *app) {
        struct parts parts = { 0 };

        APP_EACH_KEPT(s, app)
        *vec_push(a, &parts.list) = (struct part){ .name = s->name, .order = &s->order };
        parts.n_running = parts.list.n;
        LIST_EACH(t, &app->tasks)
                *vec_push(a, &parts.list) = (struct part){ .name = t->name, .order = &t->order };
        LIST_EACH(t, &app->timers)
                *vec_push(a, &parts.list) = (struct part){ .name = t->task.name, .order = &t->task.order };

        return parts;
}

/* The i-th of what it requires, is bound to and is after; NULL at the end. */
static const struct unit_ref *reference(const struct part *p, size_t i) {
        const struct start_order *o = p->order;

        if (i < o->requires.n)
        return &o->requires.at[i];
        i -= o->requires.n;
        if (i < o->bound_to.n)
                return &o->bound_to.at[i];
        i -= o->bound_to.n;
        return i < o->after.n ? &o->after.at[i] : NULL;
}

static int compare_parts(const void *left, const void *right) {
        const struct part *a = *(const struct part *const *) left, *b = *(const struct part *const *) right;

        return str_cmp(a->name.text, b->name.text);
}

/* Names that no part has stay NULL. */
static void find_others(struct arena *a, const struct parts *parts) {
        struct part **order = arena_array(a, parts->n_running + 1, struct part *);
        const struct unit_ref *ref;

        for (size_t i = 0; i < parts->n_running; i++)
                order[i] = &parts->list.at[i];
        if (parts->n_running > 1)
                qsort(order, parts->n_running, sizeof(*order), compare_parts);

        VEC_EACH(p, &parts->list) {
                p->others =
                        arena_array(a, p->order->requires.n + p->order->bound_to.n + p->order->after.n + 1,
                                    struct part *);
                for (size_t i = 0; (ref = reference(p, i)); i++) {
                        struct part key = { .name.text = ref->text }, *wanted = &key;
                        struct part **found =
                                bsearch(&wanted, order, parts->n_running, sizeof(*order), compare_parts);

                        p->others[i] = found ? *found : NULL;
                }
        }
}

static void report_unknown(struct world *w, const struct parts *parts, const struct unit_ref *ref) {
        struct str *names = arena_array(w->arena, parts->n_running + 1, struct str), hint;

        for (size_t i = 0; i < parts->n_running; i++)
                names[i] = parts->list.at[i].name.text;

        hint = diag_hint(w->arena, ref->text, names, parts->n_running,
                         arena_join(w->arena, STR("for a unit write its suffix too, such as '"), ref->text,
                                    STR(".service'")));
        (void) diag_add(w->ds, DIAG_UNKNOWN_SERVICE, ref->at, "unknown service or sidecar '%.*s'; %.*s",
                        STR_ARG(ref->text), STR_ARG(hint));
}

/* A reference of `p` to a part of this app that is not settled yet; NULL if there is none. */
static struct part *find_open(const struct part *p, const struct unit_ref **ret_ref) {
        for (size_t i = 0; (*ret_ref = reference(p, i)); i++)
                if (p->others[i] && !p->others[i]->is_settled)
                        return p->others[i];

        return NULL;
}

/* systemd would break a circle by leaving one of its units out. */
static void check_circles(struct world *w, const struct parts *parts) {
        const struct unit_ref *ref = NULL;
        struct part *p = NULL;

        for (bool is_better = true; is_better;) {
                is_better = false;
                p = NULL;
                VEC_EACH(each, &parts->list) {
                        if (!each->is_settled && !find_open(each, &ref))
                                each->is_settled = is_better = true;
                        p = each->is_settled ? p : each;
                }
        }
        if (!p)
                return;

        /* The part is in a circle, or waits for one. */
        for (size_t i = 0; i < parts->list.n; i++)
                p = find_open(p, &ref);

        (void) find_open(p, &ref);
        if (str_eq(p->name.text, ref->text))
                (void) diag_add(w->ds, DIAG_REFERENCE_CIRCLE, ref->at, "'%.*s' waits for itself; remove this",
                                STR_ARG(ref->text));
        else
                (void) diag_add(w->ds, DIAG_REFERENCE_CIRCLE, ref->at,
                                "'%.*s' waits for '%.*s', which waits for it directly or through other "
                                "parts; remove one of these references",
                                STR_ARG(p->name.text), STR_ARG(ref->text));
}

void check_references(struct world *w, struct app *app) {
        struct parts parts = collect(w->arena, app);
        const struct unit_ref *ref;

        find_others(w->arena, &parts);
        check_before_update(w, app);
        VEC_EACH(p, &parts.list)
                for (size_t i = 0; (ref = reference(p, i)); i++)
                        if (str_find(ref->text, '.') == ref->text.n && !p->others[i])
                                report_unknown(w, &parts, ref);

        check_circles(w, &parts);
}
