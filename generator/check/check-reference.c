/* SPDX-License-Identifier: Apache-2.0 */

/* Names that one part of an app uses of another: of tasks, services and sidecars. */

#include <stdlib.h>

#include "check/check-parts.h"

static bool is_before_update(const struct app *app, struct str task) {
        LIST_EACH(name, &app->before_update)
                if (str_eq(name->text, task))
                        return true;

        return false;
}

/* A rollout runs each of its tasks once. */
static void check_after_update(struct world *w, struct app *app) {
        LIST_EACH(name, &app->after_update)
                if (is_before_update(app, name->text))
                        (void) diag_add(
                                w->ds, DIAG_BAD_VALUE, name->at,
                                "the task '%.*s' runs before an update already ('before_update', or a "
                                "part requires it); name another one",
                                STR_ARG(name->text));
}

static void check_tasks(struct world *w, const struct app *app, const struct name *list, size_t n) {
        struct str *names = arena_array(w->arena, app->tasks.n + 1, struct str);

        for (size_t i = 0; i < app->tasks.n; i++)
                names[i] = app->tasks.at[i].name.text;

        for (const struct name *name = list; name < list + n; name++) {
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

/* A part that waits for others; others may wait for it unless it is a timer. */
struct part {
        struct name name;
        const struct start_order *order;
        struct part **others; /* the part that each reference names; NULL if that is not a part of the app */
        bool is_settled;      /* waits only for settled parts */
};

struct parts {
        VEC(struct part) list;
        size_t n_running; /* services and sidecars, which come first; */
        size_t n_tasks;   /* tasks come second */
};

static struct parts collect(struct arena *a, const struct app *app) {
        struct parts parts = { 0 };

        APP_EACH_KEPT(s, app)
                *vec_push(a, &parts.list) = (struct part){ .name = s->name, .order = &s->order };
        parts.n_running = parts.list.n;
        LIST_EACH(t, &app->tasks)
                *vec_push(a, &parts.list) = (struct part){ .name = t->name, .order = &t->order };
        parts.n_tasks = app->tasks.n;
        LIST_EACH(t, &app->timers)
                *vec_push(a, &parts.list) = (struct part){ .name = t->task.name, .order = &t->task.order };

        return parts;
}

/* The i-th of what it requires, is bound to, is after and needs done; NULL at the end. */
static const struct unit_ref *reference(const struct part *p, size_t i) {
        const struct start_order *o = p->order;

        if (i < o->requires.n)
        return &o->requires.at[i];
        i -= o->requires.n;
        if (i < o->bound_to.n)
                return &o->bound_to.at[i];
        i -= o->bound_to.n;
        if (i < o->after.n)
                return &o->after.at[i];
        i -= o->after.n;
        return i < o->done.n ? &o->done.at[i] : NULL;
}

static size_t count_running(const struct start_order *o) {
        return o->requires.n + o->bound_to.n + o->after.n;
}

static int compare_parts(const void *left, const void *right) {
        const struct part *a = *(const struct part *const *) left, *b = *(const struct part *const *) right;

        return str_cmp(a->name.text, b->name.text);
}

/* Some of the parts, sorted by name. */
struct index {
        struct part **at;
        size_t n;
};

static struct index sort_parts(struct arena *a, const struct parts *parts, size_t from, size_t n) {
        struct index index = { arena_array(a, n + 1, struct part *), n };

        for (size_t i = 0; i < n; i++)
                index.at[i] = &parts->list.at[from + i];
        if (n > 1)
                qsort(index.at, n, sizeof(*index.at), compare_parts);
        return index;
}

static struct part *find_part(const struct index *index, struct str name) {
        struct part key = { .name.text = name }, *wanted = &key;
        struct part **found = bsearch(&wanted, index->at, index->n, sizeof(*index->at), compare_parts);

        return found ? *found : NULL;
}

/* Names that no part has stay NULL. */
static void find_others(struct arena *a, const struct parts *parts) {
        struct index running = sort_parts(a, parts, 0, parts->n_running),
                     tasks = sort_parts(a, parts, parts->n_running, parts->n_tasks);
        const struct unit_ref *ref;

        VEC_EACH(p, &parts->list) {
                size_t n = count_running(p->order);

                p->others = arena_array(a, n + p->order->done.n + 1, struct part *);
                for (size_t i = 0; (ref = reference(p, i)); i++)
                        p->others[i] = find_part(i < n ? &running : &tasks, ref->text);
        }
}

/* `from` and `n`: the parts that the name could be meant for. */
static struct str hint_for(struct world *w, const struct parts *parts, struct str name, size_t from,
                           size_t n) {
        struct str *names = arena_array(w->arena, n + 1, struct str);

        for (size_t i = 0; i < n; i++)
                names[i] = parts->list.at[from + i].name.text;
        return diag_hint(w->arena, name, names, n,
                         from > 0 ? STR("add it to 'tasks:'")
                                  : arena_join(w->arena, STR("for a unit write its suffix too, such as '"),
                                               name, STR(".service'")));
}

static bool is_among(const struct parts *parts, struct str name, size_t from, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (str_eq(parts->list.at[from + i].name.text, name))
                        return true;

        return false;
}

static void report_unknown(struct world *w, const struct parts *parts, const struct unit_ref *ref) {
        struct str hint = hint_for(w, parts, ref->text, 0, parts->n_running);

        if (is_among(parts, ref->text, parts->n_running, parts->n_tasks))
                hint = arena_join(w->arena, STR("it is a task; under 'requires:' write {"), ref->text,
                                  STR(": done}"));
        (void) diag_add(w->ds, DIAG_UNKNOWN_SERVICE, ref->at, "unknown service or sidecar '%.*s'; %.*s",
                        STR_ARG(ref->text), STR_ARG(hint));
}

static void report_unknown_task(struct world *w, const struct parts *parts, const struct unit_ref *ref) {
        struct str hint = hint_for(w, parts, ref->text, parts->n_running, parts->n_tasks);

        if (is_among(parts, ref->text, 0, parts->n_running))
                hint = STR("a service or sidecar is never done, so write ready");
        (void) diag_add(w->ds, DIAG_UNKNOWN_TASK, ref->at, "unknown task '%.*s'; %.*s", STR_ARG(ref->text),
                        STR_ARG(hint));
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
        check_tasks(w, app, app->before_update.at, app->before_update.n);
        check_tasks(w, app, app->after_update.at, app->after_update.n);
        check_tasks(w, app, app->on_failure.at, app->on_failure.n);
        check_after_update(w, app);
        VEC_EACH(p, &parts.list)
                for (size_t i = 0; (ref = reference(p, i)); i++)
                        if (!p->others[i] && i >= count_running(p->order))
                                report_unknown_task(w, &parts, ref);
                        else if (!p->others[i] && str_find(ref->text, '.') == ref->text.n)
                                report_unknown(w, &parts, ref);

        check_circles(w, &parts);
}
