/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/compose.h"

#include "app/ports.h"
#include "bundle/layout.h"
#include "bundle/plan.h"
#include "bundle/record.h"
#include "bundle/wanted.h"
#include "output/unit.h"
#include "publish/withhold.h"
#include "state/stored.h"

struct composing {
        struct arena *arena;
        const struct composition *c;
        struct tree *tree; /* the result */
};

bool compose_has_tasks(const struct tree *t) {
        return t->plan && t->plan->tasks.n > 0;
}

static const struct record *record_of(const struct tree *t) {
        static const struct record none;

        return t && t->record ? t->record : &none;
}

static bool has_owner(const struct tree *t, struct str owner) {
        VEC_EACH(file, &t->files)
                if (str_eq(file->owner, owner))
                        return true;

        return false;
}

static void add(struct composing *m, const struct tree_file *file) {
        *vec_push(m->arena, &m->tree->files) = *file;
}

/* Files that composing adds belong to no bundle, so their kind has no meaning. */
static struct tree_file *add_text(struct composing *m, struct str path, struct str text) {
        struct tree_file *file = tree_add(m->tree, path, 0644, text);

        file->kind = TREE_PLAN;
        return file;
}

static bool path_has(const struct tree_file *file, const char *part) {
        return str_find_str(file->path, str_of(part)) < file->path.n;
}

/* Upholds=, the number that an instance gets, and the units that it waits for suit instances of any revision.
 * Its probe does not: a path that only the new revision knows would take all old instances out of HAProxy. */
static bool suits_all(const struct tree_file *file) {
        return path_has(file, ".target.d/") || path_has(file, "@.service.d/") ||
               path_has(file, "/10-services.conf") || path_has(file, "/10-ports.conf") ||
               path_has(file, "-requires");
}

/* The spare is target's. */
static bool is_of_spare(const struct tree_file *file) {
        return path_has(file, "@next.service.d/");
}

static bool is_scale_of(const struct tree_file *file, struct str owner) {
        return file->kind == TREE_SCALE && str_eq(file->owner, owner) && !is_of_spare(file);
}

/* True if HAProxy and all other clients reach the owner's instances as the file defines from now on. */
static bool is_reached_as_file(const struct composition *c, struct str owner) {
        const struct record *base = record_of(c->base.tree), *file = record_of(c->file.tree);
        const struct record_part *old = record_find(base, owner), *now = record_find(file, owner);

        return (old && now && !str_is_absent(old->label) && str_eq(old->label, now->label)) ||
               record_is_reached_alike(base, file, owner);
}

/* The record gives the units that uphold parts; bundles of an earlier version have files for it. */
static bool is_upholding(const struct composing *m, const struct tree_file *file) {
        return str_has_prefix(file->path, layout_upholding(m->arena, m->c->app, STR("")));
}

/* The drop-ins with which instances of base could not do: their ports. */
static bool is_needed(const struct tree_file *file) {
        return !str_is_absent(file->owner) &&
               (path_has(file, "@.service.d/") || path_has(file, "/10-ports.conf"));
}

static void add_scale_of(struct composing *m, struct str owner) {
        const struct composition *c = m->c;
        const struct tree *other =
                c->file.tree && has_owner(c->file.tree, owner) ? c->file.tree : c->base.tree;
        bool is_new = other == c->base.tree || is_reached_as_file(c, owner);

        VEC_EACH(file, &other->files)
                if (is_scale_of(file, owner) && (is_new || suits_all(file)) && !is_upholding(m, file))
                        add(m, file);
        if (other == c->base.tree)
                return;

        VEC_EACH(file, &c->base.tree->files) {
                if (!is_scale_of(file, owner) || is_upholding(m, file))
                        continue;
                if ((!is_new && !suits_all(file)) || (is_needed(file) && !tree_find(other, file->path)))
                        add(m, file);
        }
}

/* The file's ports, and those of units that only base has: they still listen there. If those cannot be read,
 * they are carried on, and the next reload reports them. */
static void add_ports(struct composing *m, const struct tree_file *now, const struct tree_file *old) {
        struct str app = m->c->app;
        struct tree_file merged;
        struct ports of_file = { 0 }, of_base = { 0 }, all;

        if (!now || !old || ports_add(m->arena, now->text, app, &of_file) < 0 ||
            ports_add(m->arena, old->text, app, &of_base) < 0) {
                add(m, old ? old : now);
                return;
        }

        all = of_file;
        VEC_EACH(port, &of_base.list)
                if (!has_owner(m->c->file.tree, port->unit.text) &&
                    ports_find(&of_file, port->app, port->unit, port->instance) == 0)
                        *vec_push(m->arena, &all.list) = *port;
        ports_sort(&all);
        merged = *now;
        merged.text = ports_text(m->arena, &all, (struct name){ app, NOWHERE });
        add(m, &merged);
}

static void add_scale_of_app(struct composing *m) {
        const struct composition *c = m->c;
        const struct tree *of_app = c->file.tree   ? c->file.tree
                                    : c->base.tree ? c->base.tree
                                                   : c->target.tree;
        const struct tree_file *now = c->file.tree ? tree_find(c->file.tree, STR(LAYOUT_PORTS)) : NULL;
        const struct tree_file *old = c->base.tree ? tree_find(c->base.tree, STR(LAYOUT_PORTS)) : NULL;

        VEC_EACH(file, &of_app->files)
                if (file->kind == TREE_SCALE && str_is_absent(file->owner) &&
                    !str_eq(file->path, STR(LAYOUT_PORTS)))
                        add(m, file);
        if (now || old)
                add_ports(m, now, old);
}

/* The owners of base come in the order of their first file. */
static bool is_first_of_owner(const struct tree *t, const struct tree_file *file) {
        for (const struct tree_file *f = t->files.at; f < file; f++)
                if (str_eq(f->owner, file->owner))
                        return false;

        return true;
}

static void add_base(struct composing *m) {
        const struct tree *base = m->c->base.tree;

        if (!base)
                return;

        VEC_EACH(file, &base->files) {
                if (file->kind == TREE_REVISION && !is_of_spare(file))
                        add(m, file);
                if (!str_is_absent(file->owner) && is_first_of_owner(base, file))
                        add_scale_of(m, file->owner);
        }
}

/* All three are one, as they are nearly always. */
static void add_all(struct composing *m) {
        VEC_EACH(file, &m->c->target.tree->files)
                add(m, file);
}

/* The record is put together from those of all. */
static bool is_plan(const struct tree_file *file) {
        return file->kind == TREE_PLAN && !str_is(file->path, LAYOUT_RECORD);
}

/* Target is base: what of it was not added yet. */
static void add_rest(struct composing *m) {
        VEC_EACH(file, &m->c->target.tree->files)
                if (file->kind == TREE_TASK || is_plan(file) || is_of_spare(file))
                        add(m, file);
}

static void add_early_scale(struct composing *m, struct str unit) {
        const struct composition *c = m->c;

        if (c->base.tree && has_owner(c->base.tree, unit))
                return;
        VEC_EACH(file, &c->target.tree->files)
                if (is_scale_of(file, unit))
                        (void) add_text(m, file->path, file->text);
}

/* Files that tasks and spares of target need, and base does not have, take effect before target is accepted;
 * so does the order of a task. */
static void add_early(struct composing *m) {
        const struct plan *plan = m->c->target.tree->plan;

        if (!plan)
                return;
        VEC_EACH(unit, &plan->early)
                add_early_scale(m, *unit);
        VEC_EACH(task, &plan->tasks)
                add_early_scale(m, (struct str){ task->p, str_find(*task, '.') });
}

/* Target is another than base: what there is for it to be tried. */
static void add_target(struct composing *m) {
        const struct tree *base = m->c->base.tree;

        VEC_EACH(file, &m->c->target.tree->files) {
                const struct tree_file *other = base ? tree_find(base, file->path) : NULL;
                bool is_bases = other && other->kind == TREE_REVISION && !is_of_spare(other);

                if (is_of_spare(file))
                        (void) add_text(m, file->path, file->text);
                else if (file->kind != TREE_SCALE && !is_bases && !str_is(file->path, LAYOUT_RECORD))
                        add(m, file);
        }
        add_early(m);
}

static bool is_early(const struct tree *t, struct str unit) {
        return t->plan && VEC_HAS(&t->plan->early, unit);
}

/* The containers come from base, their number from the file, the spares from target. */
static void add_base_parts(struct composing *m, struct record *made) {
        const struct composition *c = m->c;

        VEC_EACH(part, &record_of(c->base.tree)->parts) {
                struct str path = layout_container(m->arena, part->unit, part->kind == RECORD_SERVICE);

                if (part->kind != RECORD_TASK && tree_find(c->base.tree, path))
                        *vec_push(m->arena, &made->parts) = *part;
        }

        record_rescale(made, record_of(c->file.tree));
        VEC_EACH(part, &made->parts) {
                const struct record_part *then = record_find(record_of(c->target.tree), part->unit);

                if (c->is_emptied && part->kind == RECORD_SERVICE)
                        part->scale = 0;
                part->has_spare = then && then->has_spare;
        }
}

/* Like the files: see add_scale_of(). */
static void add_reach(struct composing *m, struct record *made) {
        const struct composition *c = m->c;

        VEC_EACH(part, &made->parts) {
                const struct record *base = record_of(c->base.tree), *file = record_of(c->file.tree);
                bool is_new = !record_find(base, part->unit) ||
                              (record_find(file, part->unit) && is_reached_as_file(c, part->unit));

                record_add_reach(m->arena, made, is_new ? file : base, part->unit);
                VEC_EACH(require, &(record_find(file, part->unit) ? file : base)->requires)
                        if (str_eq(require->unit, part->unit))
                                *vec_push(m->arena, &made->requires) = *require;
        }
}

/* Files that base does not have are added so that target can be tried; a part that starts early runs
 * already. */
static struct record *make_record(struct composing *m) {
        struct record *made = arena_new(m->arena, struct record);
        const struct composition *c = m->c;

        add_base_parts(m, made);
        VEC_EACH(part, &record_of(c->target.tree)->parts) {
                if (record_find(made, part->unit))
                        continue;
                *vec_push(m->arena, &made->parts) = *part;
                if (!is_early(c->target.tree, part->unit))
                        made->parts.at[made->parts.n - 1].scale = 0;
        }

        record_add_objects(m->arena, made, record_of(c->base.tree));
        record_add_objects(m->arena, made, record_of(c->target.tree));
        record_add_objects(m->arena, made, record_of(c->file.tree));
        record_sort(made);
        add_reach(m, made);
        return made;
}

static void put_rollout(const struct composing *m, struct unit *u, enum unit_key key) {
        unit_open(u, key);
        unit_part(u, ((struct name){ m->c->app, NOWHERE }));
        unit_const(u, "-rollout@");
        unit_part(u, ((struct name){ m->c->target.name, NOWHERE }));
        unit_const(u, ".service");
        unit_close(u);
}

/* The spare goes with its rollout. PartOf=, not BindsTo=: what another is bound to is needed as long as
 * that one runs, and StopWhenUnneeded= would never stop the rollout of an app that is removed. */
static void add_spare(struct composing *m, struct str unit) {
        const struct composition *c = m->c;
        struct arena *a = m->arena;
        struct str template = layout_container(a, unit, true);
        const struct tree_file *file = tree_find(c->target.tree, template);
        struct unit *u;

        if (!file || !c->base.tree || !tree_find(c->base.tree, template))
                return;

        u = unit_new(a);
        put_rollout(m, u, UNIT_PART_OF);
        put_rollout(m, u, UNIT_AFTER);
        (void) add_text(m, layout_unit(a, unit, STR("@next.service.d/60-rollout.conf")), unit_text(u));
        if (c->base.tree == c->target.tree)
                return;

        add(m, file);
        m->tree->files.at[m->tree->files.n - 1].path = layout_quadlet(a, unit, STR("@next.container"));
        m->tree->files.at[m->tree->files.n - 1].kind = TREE_PLAN;
}

static void add_spares(struct composing *m) {
        const struct plan *plan = m->c->target.tree->plan;

        if (plan)
                VEC_EACH(service, &plan->services)
                        if (service->has_spare)
                                add_spare(m, service->unit);
}

static void put_upheld(struct tree *t, struct str app, struct unit *u, const struct record_part *part) {
        if (part)
                tree_mark(tree_add(t, layout_upholding(t->arena, app, part->unit), 0644, unit_text(u)),
                          TREE_PLAN, (struct str){ 0 });
}

void compose_uphold(struct tree *t, struct str app) {
        const struct record_part *part = NULL;
        struct unit *u = NULL;
        struct record_units units;

        record_list(t->arena, t->record, &units);
        VEC_EACH(unit, &units.list) {
                if (record_is_stopped(t->record, unit->upheld))
                        continue;
                if (unit->part != part) {
                        put_upheld(t, app, u, part);
                        u = unit_new(t->arena);
                        part = unit->part;
                }
                unit_open(u, UNIT_UPHOLDS);
                unit_part(u, ((struct name){ unit->upheld, NOWHERE }));
                unit_close(u);
        }
        put_upheld(t, app, u, part);
}

static void add_upholding(struct composing *m) {
        struct unit *u = unit_new(m->arena);

        put_rollout(m, u, UNIT_UPHOLDS);
        (void) add_text(m, layout_unit(m->arena, m->c->app, STR(".target.d/90-rollout.conf")), unit_text(u));
}

static void add_wanted(struct composing *m) {
        VEC_EACH(file, &m->c->target.tree->files)
                add_text(m, arena_join(m->arena, STR(LAYOUT_WANTED "/"), file->path), file->text)
                        ->is_private = file->is_private;

        (void) add_text(m, STR(LAYOUT_WANTED "/" LAYOUT_MANIFEST), stored_manifest(m->c->target.tree));
}

void compose(struct arena *a, const struct composition *c, struct tree *ret) {
        struct composing m = { a, c, ret };
        bool is_one = c->base.tree == c->target.tree;
        struct wanted wanted = { .wanted = c->target.name,
                                 .file = c->file.name,
                                 .is_emptied = c->is_emptied };

        *ret = (struct tree){ .arena = a, .record = c->target.tree->record, .plan = c->target.tree->plan };
        ret->files.room = c->target.tree->files.n + 8;
        ret->files.at = arena_array(a, ret->files.room, struct tree_file);
        if (is_one && c->file.tree == c->target.tree && !c->is_emptied)
                add_all(&m);
        else {
                add_base(&m);
                add_scale_of_app(&m);
                if (is_one)
                        add_rest(&m);
                ret->record = make_record(&m);
                if (ret->record->parts.n > 0)
                        (void) add_text(&m, STR(LAYOUT_RECORD), record_text(a, ret->record));
                tree_sort(ret);
        }

        (void) add_text(&m, STR(LAYOUT_MANIFEST), stored_manifest(ret));
        if (!is_one)
                add_target(&m);
        add_spares(&m);
        add_upholding(&m);
        if (c->base.tree)
                wanted.runs = c->base.name;
        (void) add_text(&m, STR(LAYOUT_REVISION), wanted_text(a, &wanted));
        if (!is_one && !c->is_stored)
                add_wanted(&m);
        if (c->holds && ret->record)
                withhold(ret, c->holds);
        if (ret->record)
                compose_uphold(ret, c->app);
        tree_sort(ret);
}
