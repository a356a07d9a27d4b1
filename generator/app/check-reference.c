/* SPDX-License-Identifier: Apache-2.0 */

/* Names that one part of an app uses of another: of tasks, services and sidecars. */

#include "app/check-parts.h"

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
                (void) diag_add(w->ds, DIAG_UNKNOWN_TASK, name->at, "there is no task '%.*s'; %.*s", STR_ARG(name->text), STR_ARG(hint));
        }
}

/* Something that others may wait for. */
struct part {
        struct name name;
        struct unit_ref *requires, *after;
        size_t n_requires, n_after;
        bool is_settled;                /* waits for nothing but what is settled */
};

struct parts {
        VEC(struct part) list;
};

static struct parts collect(struct arena *a, const struct app *app) {
        struct parts parts = { 0 };

        LIST_EACH(s, &app->services)
                *vec_push(a, &parts.list) = (struct part) { s->name, s->requires.at, s->after.at, s->requires.n, s->after.n, false };
        LIST_EACH(s, &app->sidecars)
                *vec_push(a, &parts.list) = (struct part) { s->name, s->requires.at, s->after.at, s->requires.n, s->after.n, false };

        return parts;
}

/* The i-th of what it requires and what it is after; NULL at the end. */
static const struct unit_ref *reference(const struct part *p, size_t i) {
        if (i < p->n_requires)
                return &p->requires[i];

        i -= p->n_requires;
        return i < p->n_after ? &p->after[i] : NULL;
}

static struct part *find_part(const struct parts *parts, struct str name) {
        VEC_EACH(p, &parts->list)
                if (str_eq(p->name.text, name))
                        return p;

        return NULL;
}

static void report_unknown(struct world *w, const struct parts *parts, const struct unit_ref *ref) {
        struct str *names = arena_array(w->arena, parts->list.n + 1, struct str), hint;

        for (size_t i = 0; i < parts->list.n; i++)
                names[i] = parts->list.at[i].name.text;

        hint = diag_hint(w->arena, ref->text, names, parts->list.n,
                         arena_join(w->arena, STR("for a unit write its suffix too, such as '"), ref->text, STR(".service'")));
        (void) diag_add(w->ds, DIAG_UNKNOWN_SERVICE, ref->at, "there is no service or sidecar '%.*s'; %.*s", STR_ARG(ref->text), STR_ARG(hint));
}

/* What `p` waits for and is not settled, of the app itself; NULL for none. */
static struct part *find_open(const struct parts *parts, const struct part *p, const struct unit_ref **ret_ref) {
        for (size_t i = 0; (*ret_ref = reference(p, i)); i++) {
                struct part *other = find_part(parts, (*ret_ref)->text);

                if (other && !other->is_settled)
                        return other;
        }

        return NULL;
}

/* systemd would break a circle by leaving one of its units out. */
static void check_circles(struct world *w, const struct parts *parts) {
        const struct unit_ref *ref = NULL;
        struct part *p = NULL;

        for (size_t round = 0; round < parts->list.n; round++) {
                p = NULL;
                VEC_EACH(each, &parts->list) {
                        each->is_settled = each->is_settled || !find_open(parts, each, &ref);
                        p = each->is_settled ? p : each;
                }
        }
        if (!p)
                return;

        /* Whoever waits is in a circle, or waits for one. */
        for (size_t i = 0; i < parts->list.n; i++)
                p = find_open(parts, p, &ref);

        (void) find_open(parts, p, &ref);
        if (str_eq(p->name.text, ref->text))
                (void) diag_add(w->ds, DIAG_REFERENCE_CIRCLE, ref->at, "'%.*s' waits for itself; remove this", STR_ARG(ref->text));
        else
                (void) diag_add(w->ds, DIAG_REFERENCE_CIRCLE, ref->at, "'%.*s' waits for '%.*s', which, perhaps through others, waits for it; remove one of these references",
                                STR_ARG(p->name.text), STR_ARG(ref->text));
}

void check_references(struct world *w, struct app *app) {
        struct parts parts = collect(w->arena, app);
        const struct unit_ref *ref;

        check_before_update(w, app);
        VEC_EACH(p, &parts.list)
                for (size_t i = 0; (ref = reference(p, i)); i++)
                        if (str_find(ref->text, '.') == ref->text.n && !find_part(&parts, ref->text))
                                report_unknown(w, &parts, ref);

        check_circles(w, &parts);
}
