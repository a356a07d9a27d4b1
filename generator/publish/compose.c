/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/compose.h"

#include "base/buf.h"
#include "bundle/layout.h"
#include "bundle/record.h"
#include "output/unit.h"
#include "publish/withhold.h"
#include "state/stored.h"

struct composing {
        struct arena *arena;
        const struct composition *c;
        struct tree *tree; /* the result */
};

static struct str text_of(const struct tree *t, struct str path) {
        const struct tree_file *file = t ? tree_find(t, path) : NULL;

        return file ? file->text : (struct str){ 0 };
}

bool compose_has_tasks(const struct tree *t) {
        struct str rest = text_of(t, STR(LAYOUT_PLAN)), line;

        while (str_split(&rest, '\n', &line))
                if (str_has_prefix(line, STR("task ")))
                        return true;

        return false;
}

/* "service UNIT LABEL …" or "sidecar UNIT LABEL". Absent where the plan does not have the unit. */
static struct str label_of(const struct tree *t, struct str unit) {
        struct str rest = text_of(t, STR(LAYOUT_PLAN)), line, kind, name, label;

        while (str_split(&rest, '\n', &line))
                if (str_split(&line, ' ', &kind) && str_split(&line, ' ', &name) &&
                    str_split(&line, ' ', &label) && str_eq(name, unit) &&
                    (str_is(kind, "service") || str_is(kind, "sidecar")))
                        return label;

        return (struct str){ 0 };
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

/* What composing adds of its own is no bundle's: its kind says nothing. */
static struct tree_file *add_text(struct composing *m, struct str path, struct str text) {
        struct tree_file *file = tree_add(m->tree, path, 0644, text);

        file->kind = TREE_PLAN;
        return file;
}

/* The unit that the line of a server of HAProxy's is about. */
static bool is_server(struct str line, struct str *ret_name) {
        struct str word;

        line = str_trim(line);
        if (!str_has_prefix(line, STR("server ")))
                return false;

        line = str_from(line, 7);
        (void) str_split(&line, ' ', &word);
        *ret_name = word;
        return true;
}

/* The next line that is no server's; absent behind the last. */
static struct str next_other(struct str *rest) {
        struct str line, name;

        while (str_split(rest, '\n', &line))
                if (!is_server(line, &name))
                        return line;

        return (struct str){ 0 };
}

/* The line of that server; absent where there is none. */
static struct str find_server(struct str text, struct str wanted) {
        struct str line, name;

        while (str_split(&text, '\n', &line))
                if (is_server(line, &name) && str_eq(name, wanted))
                        return line;

        return (struct str){ 0 };
}

/* Do they differ by servers that one has more than the other, and by nothing else? */
static bool has_other_scale(struct str old, struct str now) {
        struct str a = old, b = now, line, name;

        while (!str_is_absent(a) || !str_is_absent(b)) {
                struct str x = next_other(&a), y = next_other(&b);

                if (!str_eq(x, y))
                        return false;
        }
        while (str_split(&old, '\n', &line))
                if (is_server(line, &name)) {
                        struct str other = find_server(now, name);

                        if (!str_is_absent(other) && !str_eq(other, line))
                                return false;
                }

        return true;
}

static bool path_has(const struct tree_file *file, const char *part) {
        return str_find_str(file->path, str_of(part)) < file->path.n;
}

/* Upholds=, what an instance is told of its number, and what it waits for suit instances of any revision.
 * What asks them how they are does not: a path that only the new revision knows would take all old ones
 * out of HAProxy. */
static bool suits_all(const struct tree_file *file) {
        return path_has(file, ".target.d/") || path_has(file, "@.service.d/") ||
               path_has(file, "/10-services.conf") || path_has(file, "-requires");
}

/* The spare is target's. */
static bool is_of_spare(const struct tree_file *file) {
        return path_has(file, "@next.service.d/");
}

static bool is_scale_of(const struct tree_file *file, struct str owner) {
        return file->kind == TREE_SCALE && str_eq(file->owner, owner) && !is_of_spare(file);
}

/* Of an owner that is in both and has another label: are the files that do not suit_all() the same but for
 * the scale? */
static bool suits_base(const struct tree *base, const struct tree *file, struct str owner) {
        size_t n = 0;

        VEC_EACH(f, &file->files) {
                const struct tree_file *old;

                if (!is_scale_of(f, owner) || suits_all(f))
                        continue;

                old = tree_find(base, f->path);
                if (!old || !has_other_scale(old->text, f->text))
                        return false;
                n++;
        }
        VEC_EACH(f, &base->files)
                n -= is_scale_of(f, owner) && !suits_all(f);

        return n == 0;
}

/* Does HAProxy, and whatever else reaches the owner's instances, do so from now on as the file says? */
static bool is_reached_anew(const struct composition *c, struct str owner) {
        struct str old = label_of(c->base.tree, owner), now = label_of(c->file.tree, owner);

        return (!str_is_absent(old) && str_eq(old, now)) || suits_base(c->base.tree, c->file.tree, owner);
}

/* Not upheld while strategy recreate waits for all instances to be gone: the service's own Upholds=. */
static bool is_left_out(struct composing *m, const struct tree_file *file) {
        struct str directory = layout_upholding(m->arena, m->c->app);

        return m->c->is_emptied && str_has_prefix(file->path, directory) &&
               tree_find(m->c->base.tree, layout_container(m->arena, file->owner, true));
}

/* The drop-ins with which instances of base could not do: their ports. */
static bool is_needed(const struct tree_file *file) {
        return suits_all(file) && !str_is_absent(file->owner) && path_has(file, "@.service.d/");
}

static void add_scale_of(struct composing *m, struct str owner) {
        const struct composition *c = m->c;
        const struct tree *other =
                c->file.tree && has_owner(c->file.tree, owner) ? c->file.tree : c->base.tree;
        bool is_new = other == c->base.tree || is_reached_anew(c, owner);

        VEC_EACH(file, &other->files)
                if (is_scale_of(file, owner) && (is_new || suits_all(file)) && !is_left_out(m, file))
                        add(m, file);
        if (other == c->base.tree)
                return;

        VEC_EACH(file, &c->base.tree->files) {
                if (!is_scale_of(file, owner))
                        continue;
                if ((!is_new && !suits_all(file)) || (is_needed(file) && !tree_find(other, file->path)))
                        add(m, file);
        }
}

static bool has_line(struct str text, struct str line) {
        struct str each;

        while (str_split(&text, '\n', &each))
                if (str_eq(each, line))
                        return true;

        return false;
}

/* The file's ports, and those of units that only base has: they still listen there. */
static void add_ports(struct composing *m, const struct tree_file *now, const struct tree_file *old) {
        struct tree_file merged = now ? *now : *old;
        struct buf text = buf_in(m->arena);
        struct str rest, line;

        if (!now || !old) {
                add(m, &merged);
                return;
        }

        buf_put_str(&text, now->text);
        rest = old->text;
        while (str_split(&rest, '\n', &line)) {
                struct str unit = { line.p, str_find(line, ' ') };

                if (line.n == 0 || has_owner(m->c->file.tree, unit) || has_line(now->text, line))
                        continue;
                buf_put_str(&text, line);
                buf_put_char(&text, '\n');
        }
        merged.text = buf_str(&text);
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

/* What tasks and spares of target need, and base does not have, acts before target is accepted; the order
 * of a task too. */
static void add_early(struct composing *m) {
        const struct composition *c = m->c;
        struct str rest = text_of(c->target.tree, STR(LAYOUT_PLAN)), line, key, unit;

        while (str_split(&rest, '\n', &line)) {
                if (!str_split(&line, ' ', &key) || !(str_is(key, "early") || str_is(key, "task")))
                        continue;
                unit = (struct str){ line.p, str_find(line, '.') };
                VEC_EACH(file, &c->target.tree->files)
                        if (is_scale_of(file, unit) && !(c->base.tree && has_owner(c->base.tree, unit)))
                                (void) add_text(m, file->path, file->text);
        }
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

static void read_record(struct composing *m, const struct tree *t, struct record *ret) {
        if (record_parse(m->arena, text_of(t, STR(LAYOUT_RECORD)), ret) < 0)
                *ret = (struct record){ 0 };
}

static bool is_early(const struct composing *m, struct str unit) {
        struct str rest = text_of(m->c->target.tree, STR(LAYOUT_PLAN)), line;

        while (str_split(&rest, '\n', &line))
                if (str_has_prefix(line, STR("early ")) && str_eq(str_from(line, strlen("early ")), unit))
                        return true;

        return false;
}

/* The records of the three revisions, and the one that they make. */
struct records {
        struct record base, target, file, made;
};

/* Of base what its containers are, of the file how many there are, of target the spares. */
static void add_base_parts(struct composing *m, struct records *r) {
        const struct composition *c = m->c;

        record_rescale(&r->base, &r->file);
        VEC_EACH(part, &r->base.parts) {
                const struct record_part *then = record_find(&r->target, part->unit);
                bool is_there = tree_find(
                        c->base.tree, layout_container(m->arena, part->unit, part->kind == RECORD_SERVICE));

                if (part->kind == RECORD_TASK || !is_there)
                        continue;
                if (c->is_emptied && part->kind == RECORD_SERVICE)
                        part->scale = 0;
                part->has_spare = then && then->has_spare;
                *vec_push(m->arena, &r->made.parts) = *part;
        }
}

static void add_volumes(struct composing *m, const struct record *from, struct record *to) {
        VEC_EACH(volume, &from->volumes)
                record_add_volume(m->arena, to, *volume);
}

/* And what base does not have is there for target to be tried; it runs already where it starts early. */
static void add_record(struct composing *m) {
        struct records r = { 0 };

        read_record(m, m->c->base.tree, &r.base);
        read_record(m, m->c->target.tree, &r.target);
        read_record(m, m->c->file.tree, &r.file);
        add_base_parts(m, &r);
        VEC_EACH(part, &r.target.parts) {
                if (record_find(&r.made, part->unit))
                        continue;
                if (!is_early(m, part->unit))
                        part->scale = 0;
                *vec_push(m->arena, &r.made.parts) = *part;
        }
        if (r.made.parts.n == 0)
                return;

        add_volumes(m, &r.base, &r.made);
        add_volumes(m, &r.target, &r.made);
        add_volumes(m, &r.file, &r.made);
        record_sort(&r.made);
        (void) add_text(m, STR(LAYOUT_RECORD), record_text(m->arena, &r.made));
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
        struct str rest = text_of(m->c->target.tree, STR(LAYOUT_PLAN)), line, unit;

        while (str_split(&rest, '\n', &line)) {
                if (!str_has_prefix(line, STR("service ")) || !str_has_suffix(line, STR(" spare")))
                        continue;

                line = str_from(line, strlen("service "));
                (void) str_split(&line, ' ', &unit);
                add_spare(m, unit);
        }
}

static void add_upholding(struct composing *m) {
        struct unit *u = unit_new(m->arena);

        put_rollout(m, u, UNIT_UPHOLDS);
        (void) add_text(m, layout_unit(m->arena, m->c->app, STR(".target.d/90-rollout.conf")), unit_text(u));
}

static void add_wanted(struct composing *m) {
        VEC_EACH(file, &m->c->target.tree->files)
                add_text(m, arena_join(m->arena, STR(LAYOUT_WANTED "/"), file->path), file->text)->mode =
                        file->mode;

        (void) add_text(m, STR(LAYOUT_WANTED "/" LAYOUT_MANIFEST), stored_manifest(m->c->target.tree));
}

void compose(struct arena *a, const struct composition *c, struct tree *ret) {
        struct composing m = { a, c, ret };
        bool is_one = c->base.tree == c->target.tree;
        struct str runs = c->base.tree ? c->base.name : STR("-"),
                   file = str_is_absent(c->file.name) ? STR("-") : c->file.name;

        *ret = (struct tree){ .arena = a };
        ret->files.room = c->target.tree->files.n + 8;
        ret->files.at = arena_array(a, ret->files.room, struct tree_file);
        if (is_one && c->file.tree == c->target.tree && !c->is_emptied)
                add_all(&m);
        else {
                add_base(&m);
                add_scale_of_app(&m);
                if (is_one)
                        add_rest(&m);
                add_record(&m);
        }

        tree_sort(ret);
        (void) add_text(&m, STR(LAYOUT_MANIFEST), stored_manifest(ret));
        if (!is_one)
                add_target(&m);
        add_spares(&m);
        add_upholding(&m);
        (void) add_text(&m, STR(LAYOUT_REVISION),
                        arena_join(a, STR("runs "), runs, STR("\nwanted "), c->target.name, STR("\nfile "),
                                   file, c->is_emptied ? STR("\nemptied\n") : STR("\n")));
        if (!is_one && !c->is_stored)
                add_wanted(&m);
        if (c->holds)
                withhold(ret, c->app, c->holds);
        tree_sort(ret);
}
