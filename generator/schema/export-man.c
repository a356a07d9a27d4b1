/* SPDX-License-Identifier: Apache-2.0 */

/* The body of pyservice.d(5) and its like. Literal words carry a \& in front, so that none is taken for a
 * macro or for punctuation. */

#include "schema/export-parts.h"

/* ".MACRO WORD TAIL"; the tail, punctuation, may be empty. */
static void put_literal(struct buf *out, const char *macro, struct str word, const char *tail) {
        buf_put_char(out, '.');
        buf_put(out, macro);
        buf_put(out, " \"\\&");
        if (word.n == 0)
                word = STR("\"\"");
        emit_roff(out, word, false);
        buf_put_char(out, '"');
        buf_put(out, *tail ? " " : "");
        buf_put(out, tail);
        buf_put_char(out, '\n');
}

static void put_line(struct buf *out, const char *text) {
        emit_roff(out, str_of(text), true);
        buf_put_char(out, '\n');
}

/* "auth_tracking" → "Auth tracking" */
static void put_title(struct buf *out, const char *name) {
        for (const char *p = name; *p; p++) {
                bool is_first_letter = p == name && *p >= 'a' && *p <= 'z';

                buf_put_char(out, is_first_letter ? (char) (*p - 'a' + 'A') : *p == '_' ? ' ' : *p);
        }
}

static void put_see(struct buf *out, const char *what, const struct schema *s) {
        buf_put(out, what);
        buf_put(out, ", see Sx ");
        put_title(out, s->name);
}

static const char *kind_name(enum kind kind) {
        return type_of(kind)->name;
}

static void put_map_of(struct buf *out, const struct field *f) {
        buf_put(out, "map: ");
        buf_put(out, kind_name(f->key_kind));
        buf_put(out, " to ");
        buf_put(out, kind_name(f->kind));
        if (f->shape == SHAPE_MAP && (f->flags & FIELD_ALLOW_LIST))
                buf_put(out, ", or a list");
}

/* A list or map of structs, perhaps with single values for some of them. */
static void put_structs(struct buf *out, const char *what, const struct field *f) {
        if (!(f->flags & FIELD_ONE_OK)) {
                put_see(out, what, f->schema);
                return;
        }

        buf_put(out, what);
        buf_put(out, ": ");
        buf_put(out, kind_name(f->schema->fields[0].kind));
        put_see(out, ", or a map", f->schema);
}

/* The text behind the key, in parentheses. */
static void put_shape(struct buf *out, const struct field *f) {
        bool is_one_ok = f->flags & FIELD_ONE_OK;

        switch (f->shape) {
        case SHAPE_SCALAR:
        case SHAPE_VALUE:
                buf_put(out, kind_name(f->kind));
                return;
        case SHAPE_WORDS:
                buf_put(out, "command");
                return;
        case SHAPE_COMMANDS:
                buf_put(out, is_one_ok ? "command, or a list" : "list: command");
                return;
        case SHAPE_LIST:
                buf_put(out, is_one_ok ? "" : "list: ");
                buf_put(out, kind_name(f->kind));
                buf_put(out, f->conditions ? ", or a list with conditions" : is_one_ok ? ", or a list" : "");
                if (f->schema)
                        put_see(out, ", or a map", f->schema);
                return;
        case SHAPE_STRUCT:
                if (is_one_ok) {
                        buf_put(out, kind_name(f->schema->fields[0].kind));
                        buf_put(out, ", or a ");
                }
                put_see(out, "map", f->schema);
                return;
        case SHAPE_LIST_OF_STRUCT:
                put_structs(out, "list", f);
                return;
        case SHAPE_MAP:
        case SHAPE_MAP_OF_VALUE:
                put_map_of(out, f);
                return;
        case SHAPE_MAP_OF_STRUCT:
                put_structs(out, "map by name", f);
                return;
        case SHAPE_INLINE:
                return;
        }
}

static void put_choices(struct buf *out, const char *choices) {
        struct str rest = str_of(choices), word;

        buf_put(out, "One of\n");
        while (str_split(&rest, '|', &word)) {
                struct str ahead = rest, next;
                bool is_last = str_is_absent(rest),
                     is_last_but_one = str_split(&ahead, '|', &next) && str_is_absent(ahead);

                put_literal(out, "Cm", word, is_last ? "." : is_last_but_one ? "" : ",");
                if (is_last_but_one)
                        buf_put(out, "or\n");
        }
}

/* A number, or a duration in the largest unit that keeps it whole. */
static void put_amount(struct buf *out, enum kind kind, uint64_t n) {
        static const struct {
                uint64_t usec;
                const char *name;
        } units[] = {
                { 3600000000, "h" }, { 60000000, "min" }, { 1000000, "s" }, { 1000, "ms" }, { 1, "us" }
        };
        size_t i = 0;

        if (kind != KIND_DURATION) {
                buf_put_u64(out, n);
                return;
        }

        while (n % units[i].usec != 0)
                i++;
        buf_put_u64(out, n / units[i].usec);
        buf_put(out, units[i].name);
}

static void put_bounds(struct buf *out, const struct field *f) {
        bool has_both = f->max > 0 && (f->min > 0 || f->kind != KIND_DURATION);

        if (f->min == 0 && f->max == 0)
                return;

        buf_put(out, has_both ? "From " : f->max > 0 ? "At most " : "At least ");
        if (has_both || f->max == 0)
                put_amount(out, f->kind, f->min);
        buf_put(out, has_both ? " to " : "");
        if (f->max > 0)
                put_amount(out, f->kind, f->max);
        buf_put(out, ".\n");
}

static void put_row(struct buf *out, const struct field *f) {
        buf_put(out, ".It Ic ");
        emit_roff(out, str_of(f->key), false);
        buf_put(out, " Pq ");
        put_shape(out, f);
        buf_put_char(out, '\n');

        put_line(out, f->doc);
        if (f->choices)
                put_choices(out, f->choices);
        put_bounds(out, f);
        if (f->def) {
                buf_put(out, "Default:\n");
                put_literal(out, "Ql", str_of(f->def), ".");
        }
        if (f->flags & FIELD_REQUIRED)
                buf_put(out, "Required.\n");
        if (f->flags & FIELD_INHERIT)
                buf_put(out, "Inherited.\n");
}

static void put_schema(struct buf *out, const struct schema *s) {
        bool is_list_open = false;

        buf_put(out, ".Ss ");
        put_title(out, s->name);
        buf_put_char(out, '\n');
        put_line(out, s->doc);

        for (size_t i = 0; i < s->n; i++)
                if (s->fields[i].shape == SHAPE_INLINE) {
                        buf_put(out, "All keys of\n.Sx ");
                        put_title(out, s->fields[i].schema->name);
                        buf_put(out, "\nmay stand here too.\n");
                }

        for (size_t i = 0; i < s->n; i++) {
                if (s->fields[i].shape == SHAPE_INLINE)
                        continue;
                if (!is_list_open)
                        buf_put(out, ".Bl -tag -width Ds\n");
                is_list_open = true;
                put_row(out, &s->fields[i]);
        }
        if (is_list_open)
                buf_put(out, ".El\n");
}

static bool is_used(const struct export_plan *plan, enum kind kind) {
        return (plan->kinds[kind] || plan->key_kinds[kind]) && export_kind_name(kind);
}

/* Two kinds with one name accept the same for people. */
static bool is_named_before(const struct export_plan *plan, enum kind kind) {
        for (enum kind k = KIND_NONE; k < kind; k++)
                if (is_used(plan, k) && strcmp(kind_name(k), kind_name(kind)) == 0)
                        return true;

        return false;
}

static void put_kind(struct buf *out, enum kind kind) {
        const struct type *t = type_of(kind);

        buf_put(out, ".It ");
        emit_roff(out, str_of(t->name), false);
        buf_put_char(out, '\n');
        emit_roff(out, export_sentence(out->arena, t->rule), true);
        buf_put_char(out, '\n');

        if (!t->good || !t->good[0])
                return;
        buf_put(out, "Examples:\n");
        for (const char *const *text = t->good; *text; text++)
                put_literal(out, "Ql", str_of(*text), text[1] ? "," : ".");
}

void export_man(struct buf *out, const struct export *e) {
        struct export_plan plan;

        export_make_plan(out->arena, e, true, &plan);
        VEC_EACH(s, &plan.schemas)
                put_schema(out, *s);

        buf_put(out, ".Ss Values\n.Bl -tag -width Ds\n");
        for (enum kind kind = KIND_NONE; kind < KIND_COUNT; kind++)
                if (is_used(&plan, kind) && !is_named_before(&plan, kind))
                        put_kind(out, kind);
        buf_put(out, ".El\n");
}
